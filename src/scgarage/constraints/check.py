"""Constraints from texts and files, as a check of any cells and as a penalty of a generator."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from anndata import AnnData

from scgarage.constraints.rules import CheckedCells, CoExpressed, Constraint, Exclusive, Monotone, NonNegative, Total
from scgarage.errors import InputError
from scgarage.pp import Split

if TYPE_CHECKING:
    from torch import Tensor


KINDS: dict[str, type[Constraint]] = {
    kind.kind: kind for kind in (Exclusive, CoExpressed, Monotone, Total, NonNegative)
}
"""Kinds of constraints, by the word that stands for them in a file."""


def read_constraints(source: object) -> tuple[Constraint, ...]:
    """Make constraints from whatever says them.

    Parameters
    ----------
    source
        A YAML or JSON file with a list (or ``constraints:`` and a list); such a list; one mapping such as
        ``{"kind": "exclusive", "genes": ["CD3E", "CD19"]}``, also as JSON text; or :class:`Constraint` values.

    Returns
    -------
    The constraints, in their order.

    Raises
    ------
    InputError
        When a file cannot be read, or a kind or a field is unknown, missing or wrong.

    Examples
    --------
    >>> read_constraints([{"kind": "total", "genes": ["MT-CO1"], "upper": 2000}])[0].title
    'MT-CO1 at most 2000 cp10k'
    """
    if isinstance(source, Constraint):
        return (source,)
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return read_constraints(_parsed(source, source))
    if isinstance(source, str | Path):
        return read_constraints(_file(Path(source)))
    if isinstance(source, Mapping):
        if set(source) == {"constraints"}:
            return read_constraints(source["constraints"])
        return (_constraint(source),)
    if isinstance(source, Sequence):
        return tuple(constraint for item in source for constraint in read_constraints(item))
    msg = f"constraints are a file, a list or mappings with 'kind'; found {type(source).__name__}"
    raise InputError(msg)


def to_texts(constraints: Sequence[Constraint]) -> tuple[str, ...]:
    """Return each constraint as JSON text, which :func:`read_constraints` reads back; defaults are left out.

    Examples
    --------
    >>> to_texts([Exclusive(genes=("A", "B"))])
    ('{"kind": "exclusive", "genes": ["A", "B"]}',)
    """
    texts = []
    for constraint in constraints:
        said = {
            field.name: getattr(constraint, field.name)
            for field in fields(constraint)
            if field.default is MISSING or getattr(constraint, field.name) != field.default
        }
        texts.append(json.dumps({"kind": constraint.kind, **said}))
    return tuple(texts)


def _constraint(said: Mapping[str, Any]) -> Constraint:
    settings = dict(said)
    name = settings.pop("kind", None)
    if name not in KINDS:
        msg = f"kind must be one of {', '.join(map(repr, KINDS))}; found {name!r} in {dict(said)}"
        raise InputError(msg)
    kind: Any = KINDS[name]
    known = {field.name: field for field in fields(kind)}
    unknown = [field for field in settings if field not in known]
    missing = [field for field, made in known.items() if made.default is MISSING and field not in settings]
    if unknown or missing:
        wrong = f"has no {', '.join(map(repr, unknown))}" if unknown else f"needs {', '.join(map(repr, missing))}"
        msg = f"{name}: {wrong}; its fields are: {', '.join(known)}"
        raise InputError(msg)
    weight = settings.get("weight", 1.0)
    if not isinstance(weight, int | float) or not weight >= 0:
        msg = f"{name}: weight must be a number of at least 0; found {weight!r}"
        raise InputError(msg)
    lists = {field: tuple(value) for field, value in settings.items() if isinstance(value, list)}
    made: Constraint = kind(**settings | lists)
    return made


def _file(path: Path) -> Any:
    if not path.is_file():
        msg = f"there is no file of constraints {path}; give a YAML or JSON file with a list of them"
        raise InputError(msg)
    return _parsed(path.read_text(encoding="utf-8"), str(path))


def _parsed(text: str, what: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(text)  # JSON is YAML too
    except yaml.YAMLError as error:
        msg = f"{what} is neither YAML nor JSON: {error}"
        raise InputError(msg) from error
    if not isinstance(content, Mapping | list) or not content:
        msg = f"{what} holds no constraints; expected a list of mappings with 'kind'"
        raise InputError(msg)
    return content


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
