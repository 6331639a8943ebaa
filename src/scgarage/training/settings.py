"""Settings of a training and the machine it runs on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from scgarage.errors import InputError

PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True)
class TrainSettings:
    """How long and on what to train.

    Attributes
    ----------
    n_iterations
        Largest number of iterations.
    validate_every
        Iterations between two validation scores; the last iteration has one in any case.
    patience
        Stop after this many validations without a better score; ``None`` never stops early.
    ema_decay
        Decay of the moving average of the weights that validation and the final network use; ``None`` turns
        it off.
    log_every
        Iterations over which the losses of one history row are averaged.
    checkpoint_every
        Iterations between two checkpoints, when a checkpoint folder is given.
    random_state
        Seed of noise, dropout and everything else that is drawn during training.
    accelerator, devices, strategy
        Passed to Lightning Fabric; ``torchrun`` and SLURM start several processes, and ``devices`` is then
        the number of processes per machine.
    precision
        ``"32-true"``, or ``"bf16-mixed"`` for networks whose losses take no gradients themselves (no
        gradient penalty).
    progress
        Show a progress bar; ``None`` shows it on a terminal only.
    description
        Text of the progress bar.

    Raises
    ------
    InputError
        When a number is out of range.
    """

    n_iterations: int
    validate_every: int = 100
    patience: int | None = None
    ema_decay: float | None = None
    log_every: int = 10
    checkpoint_every: int = 1000
    random_state: int = 0
    accelerator: str = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    precision: str = "32-true"
    progress: bool | None = None
    description: str = "training"

    def __post_init__(self) -> None:
        for name in ("n_iterations", "validate_every", "log_every", "checkpoint_every", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name} must be at least 1; found {value}"
                raise InputError(msg)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            msg = f"ema_decay must lie between 0 and 1; found {self.ema_decay}"
            raise InputError(msg)
        if self.random_state < 0:
            msg = f"random_state must be at least 0; found {self.random_state}"
            raise InputError(msg)
        if self.precision not in PRECISIONS:
            msg = f"precision must be one of {', '.join(map(repr, PRECISIONS))}; found {self.precision!r}"
            raise InputError(msg)


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one processor thread inside the block.

    For small networks: their operations take microseconds, and a second thread that another program keeps from running
    makes every one of them wait: on busy cores the adversarial stage of the default model took minutes, not seconds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
