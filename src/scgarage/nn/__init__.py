"""Network parts: layers, generator inputs, output heads, count distributions, conditional critics."""

from scgarage.nn.gumbel_softmax import TemperatureSchedule, gumbel_softmax
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
from scgarage.nn.hybrid_input import HybridInput
from scgarage.nn.mlp import mlp
from scgarage.nn.negative_binomial import NegativeBinomial
from scgarage.nn.projection_critic import ProjectionCritic
from scgarage.nn.simplex import alr, alr_inverse, clr
from scgarage.nn.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial

__all__ = [
    "HEADS",
    "ALRHead",
    "CategoricalHead",
    "Head",
    "HybridInput",
    "NegativeBinomial",
    "NegativeBinomialHead",
    "ProjectionCritic",
    "SigmoidScaledHead",
    "SoftmaxHead",
    "SoftplusHead",
    "TemperatureSchedule",
    "ZINBHead",
    "ZeroInflatedNegativeBinomial",
    "alr",
    "alr_inverse",
    "clr",
    "gumbel_softmax",
    "mlp",
]
