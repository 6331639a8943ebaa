"""Training: batches, phases, the loop, checkpoints, history."""

from scgarage.training.batches import Batch, Batches
from scgarage.training.history import History
from scgarage.training.loop import TrainResult, train
from scgarage.training.phase import Losses, Phase
from scgarage.training.progress import progress_bar
from scgarage.training.randomness import seeded
from scgarage.training.settings import TrainSettings
from scgarage.training.threads import one_thread

__all__ = [
    "Batch",
    "Batches",
    "History",
    "Losses",
    "Phase",
    "TrainResult",
    "TrainSettings",
    "one_thread",
    "progress_bar",
    "seeded",
    "train",
]
