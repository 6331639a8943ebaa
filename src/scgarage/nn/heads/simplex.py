"""Expression as proportions that sum to one."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from scgarage.errors import InputError
from scgarage.nn.heads.head import Head, Space, library_column
from scgarage.nn.simplex import alr_inverse

__all__ = ["ALRHead", "SoftmaxHead"]


class _SimplexHead(Head):
    """Proportions; counts are a multinomial draw, so that every cell has exactly its library size."""

    space: ClassVar[Space] = "proportions"

    @abstractmethod
    def proportions(self, logits: Tensor) -> Tensor:
        """Return positive values that sum to one in each row, shape ``(n_cells, n_genes)``."""

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return proportions, shape ``(n_cells, n_genes)``."""
        return self.proportions(logits)

    @torch.no_grad()
    def counts(
        self, output: Tensor, library: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Draw :math:`c_i \sim \mathrm{Multinomial}(L_i, x_i)`; library sizes ``(n_cells,)`` are rounded."""
        sizes = library_column(library, output).ravel().round().long().cpu().numpy()
        shares = output.double().cpu().numpy()
        # torch has no multinomial with a number of draws per row; numpy's is seeded by torch's stream.
        seed = int(torch.randint(2**62, (1,), generator=generator))
        drawn = np.random.default_rng(seed).multinomial(sizes, shares / shares.sum(axis=1, keepdims=True))
        return torch.from_numpy(drawn).float().to(output.device)


class SoftmaxHead(_SimplexHead):
    r"""Proportions :math:`x_i = e^{u_i} / \sum_j e^{u_j}` from one logit per gene.

    A constant added to all logits of a cell changes nothing: one direction of the last layer is idle.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = n_genes

    def proportions(self, logits: Tensor) -> Tensor:
        """Return the softmax of the logits."""
        return torch.softmax(logits, dim=-1)


class ALRHead(_SimplexHead):
    r"""Proportions from additive log-ratios, one logit fewer than genes.

    The map is one to one: :func:`~scgarage.nn.alr` of the output gives the logits back. The last gene is the
    denominator; choose one that every cell expresses, for the coordinates of all genes carry its noise.

    Parameters
    ----------
    n_genes
        Number of genes, at least two.
    """

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        if n_genes < 2:
            msg = f"log-ratios need at least two genes; found {n_genes}"
            raise InputError(msg)
        self.n_logits = n_genes - 1

    def proportions(self, logits: Tensor) -> Tensor:
        """Return the inverse additive log-ratio of the logits."""
        return alr_inverse(logits)
