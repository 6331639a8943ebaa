"""Negative binomial counts."""

from typing import ClassVar

import torch
from torch import Tensor

from scgarage.nn.heads.count_parameters import CountParameters, Dispersion, Mean
from scgarage.nn.heads.head import Head, Space
from scgarage.nn.negative_binomial import NegativeBinomial

__all__ = ["NegativeBinomialHead"]


class NegativeBinomialHead(Head):
    """Counts from means and inverse dispersions.

    The critic sees whole counts that carry the gradient of
    :meth:`NegativeBinomial.surrogate <scgarage.nn.NegativeBinomial.surrogate>`, and so the same zeros and noise as real
    counts; take ``log1p`` of both before the critic. A likelihood model uses :meth:`distribution` instead.

    Parameters
    ----------
    n_genes
        Number of genes.
    mean
        ``"softplus"``: the network decides the library size; ``"softmax"``: it is given to ``forward``.
    dispersion
        ``"gene"``: one parameter per gene, which one count per cell and gene can identify; ``"cell"``: the network
        gives one per cell and gene.

    References
    ----------
    Lopez et al., Nature Methods 2018, doi:10.1038/s41592-018-0229-2.
    """

    space: ClassVar[Space] = "counts"

    def __init__(self, n_genes: int, *, mean: Mean = "softplus", dispersion: Dispersion = "gene") -> None:
        super().__init__()
        self.parameters_of = CountParameters(n_genes, mean=mean, dispersion=dispersion)
        self.n_logits = self.parameters_of.n_logits

    def distribution(self, logits: Tensor, *, library: Tensor | None = None) -> NegativeBinomial:
        """Return the distribution of the counts for logits ``(n_cells, n_logits)``."""
        return NegativeBinomial(*self.parameters_of(logits, library))

    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts that carry a gradient, shape ``(n_cells, n_genes)``."""
        return self.distribution(logits, library=library).surrogate(generator)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the drawn counts, ``(n_cells, n_genes)``."""
        return output.round().float()
