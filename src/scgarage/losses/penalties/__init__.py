"""Penalties and regularisers of the critic, each a value with three hooks."""

from scgarage.losses.penalties.consistency import Consistency
from scgarage.losses.penalties.gradient_penalty import GradientPenalty
from scgarage.losses.penalties.penalty import Critic, Penalty, input_gradients
from scgarage.losses.penalties.r1 import R1
from scgarage.losses.penalties.r2 import R2
from scgarage.losses.penalties.spectral_norm import SpectralNorm
from scgarage.losses.penalties.weight_clipping import WeightClipping

PENALTIES: dict[str, type[Penalty]] = {
    "gradient-penalty": GradientPenalty,
    "r1": R1,
    "r2": R2,
    "spectral-norm": SpectralNorm,
    "weight-clipping": WeightClipping,
    "consistency": Consistency,
}
"""Penalties by name. Label smoothing belongs to the objective: ``BinaryCrossEntropy(real_label=0.9)``."""

__all__ = [
    "PENALTIES",
    "R1",
    "R2",
    "Consistency",
    "Critic",
    "GradientPenalty",
    "Penalty",
    "SpectralNorm",
    "WeightClipping",
    "input_gradients",
]
