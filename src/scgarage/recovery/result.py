"""What a check of imputation returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scgarage.io import atomic_output
from scgarage.recovery.recommendation import Recommendation, recommend

__all__ = ["Recovery"]


@dataclass(frozen=True, eq=False)
class Recovery:
    """The numbers of a check of imputation.

    Attributes
    ----------
    table
        One row for each method (index ``method``); columns ``masked_correlation``, ``masked_mae``,
        ``thinned_correlation``, ``thinned_mae``, ``marker_correlation``, ``marker_slope``, ``ari``, ``false_de``,
        ``false_de_apart``, ``false_de_told``, ``spurious_correlation``, ``filled`` (share of
        zeros that were given a value), ``deeper_correlation``, ``deeper_mae``, ``deeper_type_correlation``,
        ``deeper_type_distance`` and ``seconds``, as far as they were measured.
        Errors and distances are in log1p CP10k.
    settings
        How it was made, plain values.
    """

    table: pd.DataFrame
    settings: dict[str, Any]

    def recommendation(self) -> Recommendation | None:
        """Return what to do by the rule of :func:`recommend`; ``None`` without ``none`` or held-out molecules."""
        if "none" not in self.table.index or "thinned_correlation" not in self.table:
            return None
        return recommend(self.table)

    def text(self) -> str:
        """Return recommendation and table as plain text."""
        numbers = self.table.T.to_string(float_format="{:.3f}".format, na_rep="-")
        advice = self.recommendation()
        return numbers if advice is None else f"{advice}\n\n{numbers}"

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the table as CSV.

        Raises
        ------
        OutputExistsError
            If the file exists and ``overwrite`` is false.
        """
        with atomic_output(path, overwrite=overwrite) as temporary:
            self.table.to_csv(temporary)
        return Path(path)

    def __repr__(self) -> str:
        return f"Recovery of {', '.join(map(repr, self.table.index))}\n{self.recommendation() or ''}"
