"""Sequences of categories, such as bases or amino acids."""

from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from scgarage.errors import InputError
from scgarage.nn.gumbel_softmax import gumbel_softmax
from scgarage.nn.heads.head import Head, Space

__all__ = ["CategoricalHead"]


class CategoricalHead(Head):
    """One of ``n_categories`` letters at each of ``n_positions`` positions, drawn by the Gumbel-softmax.

    Parameters
    ----------
    n_positions
        Length of a sequence.
    n_categories
        Number of letters: 4 for DNA, 20 for protein.
    straight_through
        Whether the critic sees exact one-hot vectors (the gradient is that of the relaxed ones) or relaxed ones.
    temperature
        First temperature; :meth:`anneal` lowers it, for example by
        :class:`~scgarage.nn.TemperatureSchedule`. It is a buffer, so a checkpoint holds it.

    References
    ----------
    Jang, Gu & Poole, ICLR 2017, arXiv:1611.01144.
    """

    space: ClassVar[Space] = "one-hot"
    temperature: Tensor

    def __init__(
        self, n_positions: int, n_categories: int = 4, *, straight_through: bool = True, temperature: float = 1.0
    ) -> None:
        super().__init__()
        self.n_positions, self.n_categories, self.straight_through = n_positions, n_categories, straight_through
        self.n_logits = n_positions * n_categories
        self.register_buffer("temperature", torch.ones(()))
        self.anneal(temperature)

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head for ``n_genes`` positions of four letters."""
        return cls(n_genes)

    def anneal(self, temperature: float) -> None:
        """Set the temperature of the draws from now on; it must be positive."""
        if not temperature > 0:
            msg = f"temperature must be positive; found {temperature}"
            raise InputError(msg)
        self.temperature.fill_(temperature)

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw (relaxed) one-hot vectors, shape ``(n_cells, n_positions, n_categories)``."""
        shaped = logits.reshape(len(logits), self.n_positions, self.n_categories)
        return gumbel_softmax(shaped, self.temperature, straight_through=self.straight_through, generator=generator)

    @torch.no_grad()
    def codes(self, output: Tensor) -> Tensor:
        """Return the number of the letter at each position, int64, shape ``(n_cells, n_positions)``."""
        return output.argmax(dim=-1)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return exact one-hot vectors, one count per position, of the shape of ``output``."""
        return one_hot(self.codes(output), self.n_categories).float()
