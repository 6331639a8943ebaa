"""From logits to means and inverse dispersions of counts."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from scgarage.errors import InputError
from scgarage.nn.heads.head import library_column

__all__ = ["CountParameters", "Dispersion", "Mean"]

Mean = Literal["softplus", "softmax"]
Dispersion = Literal["gene", "cell"]

SMALLEST = 1e-6
"""Lower bound of means and dispersions: softplus reaches zero in float32."""


class CountParameters(nn.Module):
    r"""Means :math:`\mu` and inverse dispersions :math:`\theta`, both positive.

    Parameters
    ----------
    n_genes
        Number of genes.
    mean
        ``"softplus"``: :math:`\mu = \log(1 + e^u)`, counts, with the library size left to the network.
        ``"softmax"``: :math:`\mu_{ij} = L_i\, \mathrm{softmax}(u_i)_j` for library sizes that are given.
    dispersion
        ``"gene"``: one free parameter per gene; ``"cell"``: a logit per cell and gene, as the mean. Both go
        through softplus.
    """

    def __init__(self, n_genes: int, *, mean: Mean, dispersion: Dispersion) -> None:
        super().__init__()
        if mean not in ("softplus", "softmax"):
            msg = f"mean must be 'softplus' or 'softmax'; found {mean!r}"
            raise InputError(msg)
        if dispersion not in ("gene", "cell"):
            msg = f"dispersion must be 'gene' or 'cell'; found {dispersion!r}"
            raise InputError(msg)
        self.n_genes, self.mean, self.dispersion = n_genes, mean, dispersion
        self.n_logits = n_genes if dispersion == "gene" else 2 * n_genes
        self.raw_dispersion = nn.Parameter(torch.zeros(n_genes)) if dispersion == "gene" else None

    def forward(self, logits: Tensor, library: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return means and inverse dispersions, ``(n_cells, n_genes)`` each, from ``(n_cells, n_logits)``."""
        raw = logits[:, self.n_genes :] if self.raw_dispersion is None else self.raw_dispersion
        means = logits[:, : self.n_genes]
        if self.mean == "softplus":
            mean = softplus(means)
        else:
            mean = library_column(library, means) * torch.softmax(means, dim=1)
        return mean + SMALLEST, (softplus(raw) + SMALLEST).expand_as(mean)
