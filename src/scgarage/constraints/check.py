"""How often cells break constraints, beside how often real cells do."""

from typing import Any

import pandas as pd
from anndata import AnnData

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint
from scgarage.constraints.read import read_constraints
from scgarage.preprocess import Split

__all__ = ["COLUMNS", "check_constraints"]

COLUMNS = ("constraint", "kind", "rate", "floor", "excess", "counted", "n_synthetic", "n_real", "note")


def check_constraints(
    synthetic: AnnData, real: AnnData | Split, constraints: object, *, layer: str | None = None
) -> pd.DataFrame:
    """Return how often synthetic cells break constraints, and how often real cells do.

    Parameters
    ----------
    synthetic
        Synthetic cells of any origin, counts or log-normalised.
    real
        Real cells that no model has seen; of a split its test part.
    constraints
        A YAML or JSON file, mappings or :class:`Constraint` values; see :func:`read_constraints`.
    layer
        Layer with the values; ``X`` by default, and where cells have no such layer.

    Returns
    -------
    A row for each constraint: ``constraint``, ``kind``, ``rate`` (share of synthetic cells, or of steps, that break
    it), ``floor`` (the same of the real cells: what a perfect generator would have), ``excess`` (rate - floor),
    ``counted`` (``"cells"`` or ``"steps"``), ``n_synthetic`` and ``n_real`` (how many were looked at) and ``note``.

    Raises
    ------
    InputError
        When a constraint is wrong or names genes or columns that the cells do not have.

    Examples
    --------
    >>> import scgarage as sg
    >>> parts = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> table = check_constraints(parts.train, parts, {"kind": "exclusive", "genes": ["CD79A", "CD3D"]})
    >>> table[["constraint", "rate", "floor"]].round(3).to_numpy().tolist()
    [['at most one of CD79A, CD3D', 0.066, 0.05]]
    """
    sides = {
        "synthetic": CheckedCells.of(synthetic, layer=layer, what="synthetic"),
        "real": CheckedCells.of(real.test if isinstance(real, Split) else real, layer=layer, what="real"),
    }
    rows = [_row(constraint, sides) for constraint in read_constraints(constraints)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(constraint: Constraint, sides: dict[str, CheckedCells]) -> dict[str, Any]:
    rates, looked_at = {}, {}
    for side, cells in sides.items():
        broken, looked_at[side] = constraint.violations(cells)
        rates[side] = broken / looked_at[side] if looked_at[side] else float("nan")
    without = [side for side, n in looked_at.items() if not n]
    return {
        "constraint": constraint.title,
        "kind": constraint.kind,
        "rate": rates["synthetic"],
        "floor": rates["real"],
        "excess": rates["synthetic"] - rates["real"],
        "counted": constraint.counted,
        "n_synthetic": looked_at["synthetic"],
        "n_real": looked_at["real"],
        "note": f"no counts in the {' and '.join(without)} cells" if without else "",
    }
