"""How a fit runs on a machine."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FitOptions"]


@dataclass(frozen=True)
class FitOptions:
    """How a fit runs on a machine; nothing here changes what is learned.

    Attributes
    ----------
    checkpoint, resume
        Folder of the running state, and whether to go on from it.
    progress
        Progress bar on, off, or on a terminal only (``None``).
    accelerator, devices
        Passed to Lightning Fabric.
    """

    checkpoint: Path | None = None
    resume: bool = False
    progress: bool | None = None
    accelerator: str = "auto"
    devices: int = 1
