"""What a decoder's output means: a distribution of counts, or of log-normalised values."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from scgarage.nn import NegativeBinomialHead

__all__ = ["HurdleNormal", "Likelihood", "NegativeBinomialLikelihood"]


class Likelihood(Protocol):
    """A distribution of the values of cells given a decoder's logits and library sizes.

    Attributes
    ----------
    n_logits
        Width of the decoder's last layer.
    """

    n_logits: int

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:
        """Return the log-likelihood of each cell, ``(n_cells,)``."""

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:
        """Draw values, ``(n_cells, n_genes)``."""


class NegativeBinomialLikelihood(nn.Module):
    r"""Counts with means :math:`L_i\,\mathrm{softmax}(u_i)_j` and one dispersion per gene.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.head = NegativeBinomialHead(n_genes, mean="softmax", dispersion="gene")
        self.n_logits = self.head.n_logits

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:
        """Return the log-likelihood of each cell, ``(n_cells,)``, for counts and their sums ``(n_cells,)``."""
        return self.head.distribution(logits, library=library).log_prob(values).sum(dim=1)

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:
        """Draw counts, ``(n_cells, n_genes)``."""
        return self.head.distribution(logits, library=library).sample(generator)


class HurdleNormal(nn.Module):
    r"""Zero with probability :math:`1 - \sigma(u_{ij})`, else normal with mean :math:`v_{ij}` and a spread per gene.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = 2 * n_genes
        self.log_spread = nn.Parameter(torch.zeros(n_genes))
        self.register_buffer("lowest", torch.zeros(n_genes))
        self.register_buffer("highest", torch.ones(n_genes))

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the log-likelihood of each cell, ``(n_cells,)``, up to a constant; library sizes are unused."""
        expressed, mean = logits.chunk(2, dim=1)
        normal = -(((values - mean) * torch.exp(-self.log_spread)).square() / 2 + self.log_spread)
        return torch.where(values > 0, logsigmoid(expressed) + normal, logsigmoid(-expressed)).sum(dim=1)

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002  (one interface)
        """Draw values, ``(n_cells, n_genes)``, those above zero inside the range of training."""
        expressed, mean = logits.chunk(2, dim=1)
        drawn = mean + torch.randn(mean.shape, generator=generator) * self.log_spread.exp()
        kept = torch.rand(mean.shape, generator=generator) < torch.sigmoid(expressed)
        return drawn.clamp(self.lowest, self.highest) * kept
