"""Output heads: how a network's last layer becomes expression, and how expression becomes what the user had."""

import torch
from torch import Tensor, nn

__all__ = ["SigmoidScaledHead"]


class SigmoidScaledHead(nn.Module):
    """Values in [0, 1], each gene relative to its largest training value.

    Parameters
    ----------
    maximum
        Largest log1p CP10k of each gene in the training cells, shape ``(n_genes,)``, > 0.
    """

    maximum: Tensor

    def __init__(self, maximum: Tensor) -> None:
        super().__init__()
        self.register_buffer("maximum", maximum)

    def forward(self, logits: Tensor) -> Tensor:
        """Return scaled expression in [0, 1], the space of the critic; shape ``(n_cells, n_genes)``."""
        return torch.sigmoid(logits)

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Undo the scaling: log1p CP10k, shape ``(n_cells, n_genes)``."""
        return scaled * self.maximum
