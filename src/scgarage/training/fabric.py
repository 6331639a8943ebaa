"""Lightning Fabric, started without its messages."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scgarage.training.settings import TrainSettings

__all__ = ["launch"]


def launch(settings: TrainSettings) -> Any:
    """Return a launched ``Fabric``; with several devices this is where the other processes start."""
    from lightning_fabric import Fabric

    with _quiet():
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            precision=settings.precision,
        )
        fabric.launch()
    return fabric


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back notes on the machine that a user of scgarage can do nothing about; real warnings pass."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # One process on the login node or inside a SLURM job is what is wanted.
            warnings.filterwarnings("ignore", message="The `srun` command is available on your system")
            yield
    finally:
        logger.setLevel(level)
