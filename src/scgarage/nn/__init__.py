"""Network parts: layers, generator inputs, output heads."""

from scgarage.nn.heads import SigmoidScaledHead
from scgarage.nn.hybrid_input import HybridInput
from scgarage.nn.mlp import mlp

HEADS = {"sigmoid-scaled": SigmoidScaledHead}
"""Output heads by name."""

__all__ = ["HEADS", "HybridInput", "SigmoidScaledHead", "mlp"]
