"""What every output head offers."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from scgarage.errors import InputError

__all__ = ["Head", "counts_from_log_expr", "library_column"]

TARGET_SUM = 10_000.0
"""Counts per cell after normalisation (CP10k)."""

Space = Literal["scaled log1p CP10k", "log1p CP10k", "proportions", "counts", "one-hot"]


class Head(nn.Module, ABC):
    """The last step of a generator: logits to what the critic sees, and from there to counts.

    ``forward`` is on the gradient path, :meth:`counts` is not. Real cells must be brought into :attr:`space` before
    the critic sees them.

    Attributes
    ----------
    n_logits
        Width of the layer before the head.
    space
        What ``forward`` returns.
    """

    n_logits: int
    space: ClassVar[Space]

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head for ``n_genes`` genes with default settings."""
        return cls(n_genes)

    @abstractmethod
    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return values in :attr:`space`, differentiable in ``logits``, shape ``(n_cells, n_genes)``.

        Parameters
        ----------
        logits
            Output of the last layer, shape ``(n_cells, n_logits)``.
        library
            Library sizes (counts), shape ``(n_cells,)``, for heads that generate counts.
        generator
            CPU generator for heads that draw; torch's global generator by default.
        """

    @abstractmethod
    def counts(
        self, output: Tensor, library: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return whole counts, float32, ``(n_cells, n_genes)``, from what ``forward`` returned; without gradient.

        Parameters
        ----------
        output
            Values in :attr:`space`.
        library
            Library sizes (counts), shape ``(n_cells,)``, for heads that generate relative expression.
        generator
            CPU generator for heads that draw; torch's global generator by default.

        Raises
        ------
        InputError
            When the head needs library sizes and there are none, or not one per cell.
        """


def library_column(library: Tensor | None, values: Tensor) -> Tensor:
    """Return library sizes as a column ``(n_cells, 1)`` on the device of ``values``, or say what is wrong."""
    if library is None:
        msg = "this head needs the library size of each cell; pass library="
        raise InputError(msg)
    if library.numel() != len(values):
        msg = f"library needs one size per cell, {len(values)}; found shape {tuple(library.shape)}"
        raise InputError(msg)
    return library.to(values.device).reshape(-1, 1)


@torch.no_grad()
def counts_from_log_expr(log_expr: Tensor, library: Tensor | None) -> Tensor:
    r"""Return :math:`\mathrm{round}((e^{x_{ij}} - 1) L_i / 10^4)`, float32, from log1p CP10k.

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``; values below zero count as zero.
    library
        Library sizes :math:`L_i`, shape ``(n_cells,)``.
    """
    scale = library_column(library, log_expr) / TARGET_SUM
    return (torch.expm1(log_expr.clamp(min=0)) * scale).round().float()
