"""Expression on the log scale, without an upper bound."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from scgarage.nn.heads.head import Head, Space, counts_from_log_expr

__all__ = ["SoftplusHead"]


class SoftplusHead(Head):
    r"""log1p CP10k as :math:`\log(1 + e^u)`: positive, and unlike a sigmoid able to exceed the training maximum.

    The output is never exactly zero, which a critic can see; rounding to counts makes the zeros.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    space: ClassVar[Space] = "log1p CP10k"

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = n_genes

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return log1p CP10k > 0, shape ``(n_cells, n_genes)``."""
        return softplus(logits)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002  (one interface)
    ) -> Tensor:
        """Return the CP10k values times the library sizes ``(n_cells,)``, rounded; ``(n_cells, n_genes)``."""
        return counts_from_log_expr(output, library)
