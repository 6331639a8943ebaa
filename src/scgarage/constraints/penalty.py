"""Constraints as one term of a generator's loss."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from scgarage.constraints.constraint import Constraint
from scgarage.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ConstraintPenalty"]


class ConstraintPenalty:
    r"""How much generated cells break constraints.

    .. math:: P = \sum_c w_c P_c

    Parameters
    ----------
    constraints
        The constraints; those that can only be checked are left out with a warning.
    genes
        Names of the genes that the generator makes, in their order.

    Raises
    ------
    InputError
        When a constraint names a gene that the generator does not make.

    Examples
    --------
    >>> import torch
    >>> from scgarage.constraints import Exclusive
    >>> penalty = ConstraintPenalty([Exclusive(genes=("A", "B"))], ["A", "B", "C"])
    >>> penalty(torch.tensor([[2.0, 0.5, 9.0], [2.0, 0.0, 9.0]]))
    tensor(0.2500)
    """

    def __init__(self, constraints: Sequence[Constraint], genes: Sequence[str]) -> None:
        index = pd.Index(genes)
        self.constraints: list[Constraint] = []
        self.columns: list[list[int]] = []
        for constraint in constraints:
            if constraint.not_trained is not None:
                msg = f"{constraint.title!r} is not trained with: {constraint.not_trained}"
                warnings.warn(msg, UserWarning, stacklevel=3)
                continue
            numbers = index.get_indexer(pd.Index(constraint.gene_names))
            missing = [name for name, number in zip(constraint.gene_names, numbers, strict=True) if number < 0]
            if missing:
                msg = (
                    f"{constraint.title!r} names {', '.join(map(repr, missing))}, which the generator does not make: "
                    "check the spelling, or raise n_top_genes (None makes all genes)"
                )
                raise InputError(msg)
            self.constraints.append(constraint)
            self.columns.append([int(number) for number in numbers])

    def __bool__(self) -> bool:
        return bool(self.constraints)

    def __call__(self, log_expr: "Tensor") -> "Tensor":
        """Return the weighted sum for cells in log1p CP10k, ``(n_cells, n_genes)``; differentiable."""
        total = log_expr.new_zeros(())
        for constraint, columns in zip(self.constraints, self.columns, strict=True):
            named = log_expr[:, columns] if columns else log_expr
            total = total + constraint.weight * constraint.penalty(named)
        return total
