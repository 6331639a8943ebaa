"""What every constraint offers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from scgarage.constraints.cells import CheckedCells
from scgarage.errors import InputError

if TYPE_CHECKING:  # the check needs no torch
    from torch import Tensor

__all__ = ["Constraint", "check_genes", "not_negative"]


@dataclass(frozen=True, kw_only=True)
class Constraint(ABC):
    """A statement about cells that can be broken more or less.

    A value: its fields are what a YAML or JSON file says.

    Attributes
    ----------
    weight
        Weight among the constraints that a generator is trained with.
    name
        What tables call it; by default made of its fields.
    """

    kind: ClassVar[str]
    counted: ClassVar[str] = "cells"

    weight: float = 1.0
    name: str | None = None

    @property
    @abstractmethod
    def title(self) -> str:
        """What tables call it."""

    @property
    @abstractmethod
    def gene_names(self) -> tuple[str, ...]:
        """Genes that it looks at, in the order in which :meth:`penalty` gets them; empty for all genes."""

    @property
    def not_trained(self) -> str | None:
        """Why a generator cannot be trained with it, or ``None``."""
        return None

    @abstractmethod
    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Return how many of what is counted break it, and how many were looked at."""

    @abstractmethod
    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how much generated cells break it on average, 0 when none does; differentiable.

        Parameters
        ----------
        log_expr
            log1p CP10k of :attr:`gene_names`, shape ``(n_cells, n_genes)``.
        """


def check_genes(genes: object, *, kind: str, at_least: int) -> tuple[str, ...]:
    """Return names of genes as a tuple, or say what is wrong with them.

    Raises
    ------
    InputError
        When it is no list of names, there are too few, or one is named twice.
    """
    names = tuple(genes) if isinstance(genes, list | tuple) else ()
    if len(names) < at_least or not all(isinstance(name, str) for name in names):
        msg = f"{kind}: genes must be a list of at least {at_least} names; found {genes!r}"
        raise InputError(msg)
    if len(set(names)) < len(names):
        msg = f"{kind}: a gene is named twice in {list(names)}"
        raise InputError(msg)
    return names


def not_negative(value: object, *, kind: str, field: str) -> None:
    """Raise unless a setting is a number of at least 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        msg = f"{kind}: {field} must be a number of at least 0; found {value!r}"
        raise InputError(msg)
