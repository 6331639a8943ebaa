"""Adversarial objectives, and distances that training uses."""

from scgarage.losses.binary_cross_entropy import BinaryCrossEntropy
from scgarage.losses.objective import Objective
from scgarage.losses.sliced_wasserstein import sliced_wasserstein

OBJECTIVES: dict[str, type[Objective]] = {"bce": BinaryCrossEntropy}
"""Objectives by name."""

__all__ = ["OBJECTIVES", "BinaryCrossEntropy", "Objective", "sliced_wasserstein"]
