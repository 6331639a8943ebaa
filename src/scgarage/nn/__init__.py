"""Network parts: layers, generator inputs, output heads, count distributions, conditional critics."""

from scgarage.nn.distributions import NegativeBinomial, ZeroInflatedNegativeBinomial
from scgarage.nn.heads import (
    HEADS,
    ALRHead,
    CategoricalHead,
    Head,
    NegativeBinomialHead,
    SigmoidScaledHead,
    SoftmaxHead,
    SoftplusHead,
    ZINBHead,
)
from scgarage.nn.layers import HybridInput, ProjectionCritic, mlp
from scgarage.nn.simplex import TemperatureSchedule, alr, alr_inverse, clr, gumbel_softmax

__all__ = [
    "HEADS", "ALRHead", "CategoricalHead", "Head", "HybridInput", "NegativeBinomial", "NegativeBinomialHead",
    "ProjectionCritic", "SigmoidScaledHead", "SoftmaxHead", "SoftplusHead", "TemperatureSchedule", "ZINBHead",
    "ZeroInflatedNegativeBinomial", "alr", "alr_inverse", "clr", "gumbel_softmax", "mlp",
]  # fmt: skip
