"""Training: batches, phases, the loop, checkpoints, history."""

from scgarage.training.batches import Batch, Batches, seeded
from scgarage.training.loop import Losses, Phase, TrainResult, train
from scgarage.training.monitor import History, progress_bar
from scgarage.training.settings import TrainSettings, one_thread

__all__ = [
    "Batch", "Batches", "History", "Losses", "Phase", "TrainResult", "TrainSettings", "one_thread", "progress_bar",
    "seeded", "train",
]  # fmt: skip
