"""Expression relative to the largest training value of each gene."""

from typing import ClassVar, Self

import torch
from torch import Tensor

from scgarage.nn.heads.head import Head, Space, counts_from_log_expr

__all__ = ["SigmoidScaledHead"]


class SigmoidScaledHead(Head):
    """Values in [0, 1], each gene relative to its largest training value.

    Parameters
    ----------
    maximum
        Largest log1p CP10k of each gene in the training cells, shape ``(n_genes,)``, > 0.
    """

    space: ClassVar[Space] = "scaled log1p CP10k"
    maximum: Tensor

    def __init__(self, maximum: Tensor) -> None:
        super().__init__()
        self.register_buffer("maximum", maximum)
        self.n_logits = len(maximum)

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head with maxima of one, to be filled in after fitting the scaler."""
        return cls(torch.ones(n_genes))

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return scaled expression in [0, 1], the space of the critic; shape ``(n_cells, n_genes)``."""
        return torch.sigmoid(logits)

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Undo the scaling: log1p CP10k, shape ``(n_cells, n_genes)``."""
        return scaled * self.maximum

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002  (one interface)
    ) -> Tensor:
        """Return the CP10k values times the library sizes ``(n_cells,)``, rounded; ``(n_cells, n_genes)``."""
        return counts_from_log_expr(self.log_expr(output), library)
