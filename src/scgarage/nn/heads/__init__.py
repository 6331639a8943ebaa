"""Output heads: how a network's last layer becomes expression, and how expression becomes what the user had."""

from scgarage.nn.heads.categorical import CategoricalHead
from scgarage.nn.heads.head import Head
from scgarage.nn.heads.negative_binomial import NegativeBinomialHead
from scgarage.nn.heads.sigmoid_scaled import SigmoidScaledHead
from scgarage.nn.heads.simplex import ALRHead, SoftmaxHead
from scgarage.nn.heads.softplus import SoftplusHead
from scgarage.nn.heads.zero_inflated import ZINBHead

HEADS: dict[str, type[Head]] = {
    "sigmoid-scaled": SigmoidScaledHead,
    "softplus": SoftplusHead,
    "softmax": SoftmaxHead,
    "alr": ALRHead,
    "negative-binomial": NegativeBinomialHead,
    "zinb": ZINBHead,
    "categorical": CategoricalHead,
}
"""Output heads by name."""

__all__ = [
    "HEADS",
    "ALRHead",
    "CategoricalHead",
    "Head",
    "NegativeBinomialHead",
    "SigmoidScaledHead",
    "SoftmaxHead",
    "SoftplusHead",
    "ZINBHead",
]
