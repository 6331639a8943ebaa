"""No imputation, the comparator that every method has to beat."""

from typing import Any, ClassVar

from scgarage.imputers.base import Filled, Imputer
from scgarage.imputers.cells import Cells

__all__ = ["NoImputation"]


class NoImputation(Imputer):
    """Leave the cells as they are: log1p CP10k of what was observed."""

    name: ClassVar[str] = "none"

    def learn(self, cells: Cells) -> dict[str, Any]:  # noqa: ARG002  (there is nothing to learn)
        """Learn nothing."""
        return {}

    def fill(self, cells: Cells) -> Filled:
        """Return what was observed."""
        return Filled(cells.log_expr.toarray())
