"""Negative binomial counts with additional zeros."""

from typing import ClassVar

import torch
from torch import Tensor

from scgarage.nn.heads.count_parameters import CountParameters, Dispersion, Mean
from scgarage.nn.heads.head import Head, Space
from scgarage.nn.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial

__all__ = ["ZINBHead"]


class ZINBHead(Head):
    """Counts from means, inverse dispersions and the probability of a technical zero.

    The critic sees whole counts that carry the gradient of
    :meth:`ZeroInflatedNegativeBinomial.surrogate <scgarage.nn.ZeroInflatedNegativeBinomial.surrogate>`; take ``log1p``
    of both real and generated counts before the critic. Counts of unique molecules rarely need more zeros than the
    negative binomial has; read counts of full-length protocols do.

    Parameters
    ----------
    n_genes
        Number of genes.
    mean, dispersion
        As for :class:`NegativeBinomialHead`. The logits of the technical zeros come last.

    References
    ----------
    Lopez et al., Nature Methods 2018, doi:10.1038/s41592-018-0229-2. Svensson, Nature Biotechnology 2020,
    doi:10.1038/s41587-019-0379-5.
    """

    space: ClassVar[Space] = "counts"

    def __init__(self, n_genes: int, *, mean: Mean = "softplus", dispersion: Dispersion = "gene") -> None:
        super().__init__()
        self.parameters_of = CountParameters(n_genes, mean=mean, dispersion=dispersion)
        self.n_genes = n_genes
        self.n_logits = self.parameters_of.n_logits + n_genes

    def distribution(self, logits: Tensor, *, library: Tensor | None = None) -> ZeroInflatedNegativeBinomial:
        """Return the distribution of the counts for logits ``(n_cells, n_logits)``."""
        mean, dispersion = self.parameters_of(logits[:, : -self.n_genes], library)
        return ZeroInflatedNegativeBinomial(mean, dispersion, logits[:, -self.n_genes :])

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
