"""Adversarial objectives, penalties of the critic, and distances that training uses."""

from collections.abc import Callable
from functools import partial

from scgarage.losses.distances import MMD, median_distance, mmd, sliced_wasserstein
from scgarage.losses.f_gan import F_DIVERGENCES, FGAN, FDivergence
from scgarage.losses.game import Game, as_texts, from_text, penalties_named
from scgarage.losses.objectives import (
    BEGAN,
    Balanced,
    BinaryCrossEntropy,
    CriticOutput,
    Fisher,
    Hinge,
    LeastSquares,
    Minimax,
    Objective,
    Relativistic,
    Wasserstein,
    reconstruction_error,
)
from scgarage.losses.penalties import (
    PENALTIES,
    R1,
    R2,
    Consistency,
    GradientPenalty,
    Penalty,
    SpectralNorm,
    WeightClipping,
)

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "bce": BinaryCrossEntropy,
    "minimax": Minimax,
    "non-saturating": BinaryCrossEntropy,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "least-squares": LeastSquares,
    "relativistic": Relativistic,
    "began": BEGAN,
    "fisher": Fisher,
    "mmd": MMD,
    "f-kl": partial(FGAN, "kl"),
    "f-reverse-kl": partial(FGAN, "reverse-kl"),
    "f-jensen-shannon": partial(FGAN, "jensen-shannon"),
    "f-gan": partial(FGAN, "gan"),
    "f-pearson": partial(FGAN, "pearson"),
    "f-squared-hellinger": partial(FGAN, "squared-hellinger"),
    "f-total-variation": partial(FGAN, "total-variation"),
}
"""What makes each objective, by name; ``"bce"`` and ``"non-saturating"`` are the same."""


def objective_named(text: str) -> Objective:
    """Return the objective of a text such as ``"hinge"``, ``"bce:real_label=0.9"`` or ``"mmd:bandwidths=[1,2,4]"``.

    Raises
    ------
    InputError
        For an unknown name or setting; the message lists what there is.
    """
    return from_text(text, OBJECTIVES, what="objective")


__all__ = [
    "BEGAN", "FGAN", "F_DIVERGENCES", "MMD", "OBJECTIVES", "PENALTIES", "R1", "R2", "Balanced", "BinaryCrossEntropy",
    "Consistency", "CriticOutput", "FDivergence", "Fisher", "Game", "GradientPenalty", "Hinge", "LeastSquares",
    "Minimax", "Objective", "Penalty", "Relativistic", "SpectralNorm", "Wasserstein", "WeightClipping", "as_texts",
    "median_distance", "mmd", "objective_named", "penalties_named", "reconstruction_error", "sliced_wasserstein",
]  # fmt: skip
