"""The cell types of a data set as numbers, with the rare ones marked."""

from dataclasses import dataclass
from typing import Self

import anndata as ad
import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.preprocess import validate_labels
from scgarage.seeds.allocation import rare_types

__all__ = ["CellTypes"]


@dataclass(frozen=True, eq=False)
class CellTypes:
    """Types of cells.

    Attributes
    ----------
    names
        Names of the types, sorted, shape ``(n_types,)``.
    codes
        Type number of each cell, int64, shape ``(n_cells,)``.
    rare
        Mask of the rare types, shape ``(n_types,)``.
    """

    names: NDArray[np.str_]
    codes: NDArray[np.int64]
    rare: NDArray[np.bool_]

    @classmethod
    def read(
        cls,
        adata: ad.AnnData,
        labels_key: str | None,
        *,
        purpose: str,
        min_types: int = 1,
        rare_fraction: float = 0.05,
        rare_threshold: int | None = None,
    ) -> Self:
        """Read the types off a column of ``obs``.

        Parameters
        ----------
        adata
            Annotated cells.
        labels_key
            Column of ``obs``.
        purpose
            What needs the types, for the error message.
        min_types
            Smallest number of types.
        rare_fraction, rare_threshold
            When a type is rare, see :func:`scgarage.seeds.rare_types`.

        Raises
        ------
        InputError
            When ``labels_key`` is ``None``, the column is missing or has missing values, or there are too
            few types.
        """
        if labels_key is None:
            columns = ", ".join(map(repr, adata.obs.columns)) or "none"
            msg = (
                f"{purpose} need cell types: pass labels_key=, available: {columns}; "
                "of the selectors, only 'stratified' needs them"
            )
            raise InputError(msg)
        validate_labels(adata, labels_key, min_types=min_types, min_cells_per_type=1)
        labels = adata.obs[labels_key].astype(str).to_numpy(dtype=str)
        return cls.of(labels, rare_fraction=rare_fraction, rare_threshold=rare_threshold)

    @classmethod
    def of(cls, labels: NDArray[np.str_], *, rare_fraction: float = 0.05, rare_threshold: int | None = None) -> Self:
        """Return the types of labels, shape ``(n_cells,)``; see :meth:`read`."""
        names, codes = np.unique(labels, return_inverse=True)
        rare = np.isin(names, rare_types(labels, rare_fraction=rare_fraction, rare_threshold=rare_threshold))
        return cls(names, codes.astype(np.int64), rare)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each type, shape ``(n_types,)``."""
        return np.bincount(self.codes, minlength=len(self.names))

    @property
    def rare_cells(self) -> NDArray[np.bool_]:
        """Mask of the cells of rare types, shape ``(n_cells,)``."""
        return self.rare[self.codes]

    def describe(self, indices: NDArray[np.int64]) -> dict[str, float]:
        """Return how many of the given cells are rare, and how many would be by chance."""
        return {
            "rare_share": float(self.rare_cells[indices].mean()),
            "rare_share_by_chance": float(self.rare_cells.mean()),
        }
