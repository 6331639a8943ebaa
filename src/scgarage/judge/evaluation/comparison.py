"""One repeat: samples of the same size in the judge's components, and what the metrics make of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scgarage.errors import InputError
from scgarage.judge.evaluation.cells import Cells, Index, NullGenerator, copies, shuffled
from scgarage.judge.evaluation.inputs import Inputs
from scgarage.metrics import METRICS, Metric, type_axes
from scgarage.metrics.metric import Null, Points
from scgarage.pp import Components, select_hvg
from scgarage.schema import UNSURE

REFERENCE_LIMIT = 5_000
"""Cells that fit the components at most: enough for 50 of them, and small when made dense."""


def halve(labels: NDArray[np.str_], rng: np.random.Generator) -> tuple[Index, Index]:
    """Divide cells (n_cells,) at random into a reference and a holdout half, of each type equal but for one cell."""
    shuffled = rng.permutation(len(labels))
    by_type = shuffled[np.argsort(labels[shuffled], kind="stable")]
    first = int(rng.integers(2))
    return by_type[first::2], by_type[1 - first :: 2]


def fit_space(reference: Cells, n_pcs: int, rng: np.random.Generator) -> Components:
    """Fit the judge's principal components on reference cells."""
    sample = reference.draw(REFERENCE_LIMIT, rng)
    return Components.fit(sample.log_expr, n_pcs, random_state=int(rng.integers(2**31)))


def predict_labels(
    known_points: NDArray[np.floating], known_labels: NDArray[np.str_], points: NDArray[np.floating]
) -> NDArray[np.str_]:
    """Label cells with a classifier trained on real cells."""
    if len(np.unique(known_labels)) == 1:
        return np.repeat(known_labels[:1], len(points))
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return np.asarray(model.fit(known_points, known_labels).predict(points), dtype=np.str_)


@dataclass(frozen=True)
class Sample:
    """Cells in every form that a metric may ask for."""

    points: NDArray[np.float32]  # principal components, (n_cells, n_pcs)
    log_expr: NDArray[np.float32]  # log1p CP10k of the selected genes, (n_cells, n_selected)
    labels: NDArray[np.str_]  # types, (n_cells,)
    totals: NDArray[np.float64] | None = None  # counts over all genes, (n_cells,); None where no counts are known


@dataclass(frozen=True)
class Samples:
    """Held-out cells and what is compared with them."""

    holdout: Sample  # held-out real cells
    synthetic: Sample  # as many synthetic and as many real training cells
    floor: Sample
    nulls: dict[Null, Sample]  # as many cells of each null generator


def sample_of(cells: Cells, space: Components) -> Sample:
    """Return cells in every form."""
    return Sample(space.transform(cells.log_expr), cells.log_expr.toarray(), cells.labels, cells.totals)


TYPE_LIMIT = 300
"""Cells of a type in a matched sample at most."""

MIN_MATCHED = 5
"""Fewest cells of a type on every side; with fewer the type is left out and its rows say so."""


def match_types(
    holdout: Cells, synthetic: Cells, train: Cells, null: NullGenerator, space: Components, rng: np.random.Generator
) -> Samples:
    """Draw as many held-out, synthetic, training and null cells of each type."""
    sides = [holdout, synthetic, train]
    sizes = _sizes([cells.labels for cells in sides])
    held, made, real = (cells.take(_rows(cells.labels, sizes, rng)) for cells in sides)
    return Samples(
        holdout=sample_of(held, space),
        synthetic=sample_of(made, space),
        floor=sample_of(real, space),
        nulls={
            "poisson": sample_of(null.of_types(real.labels, rng), space),
            "shuffled": sample_of(shuffled(real, rng), space),
        },
    )


def _sizes(labels: Sequence[NDArray[np.str_]]) -> dict[str, int]:
    """Return how many cells of each type every side can give."""
    counts = [dict(zip(*np.unique(side, return_counts=True), strict=True)) for side in labels]
    shared = {str(name): min(int(count.get(name, 0)) for count in counts) for name in counts[0]}
    return {name: min(n_cells, TYPE_LIMIT) for name, n_cells in shared.items() if n_cells >= MIN_MATCHED}


def _rows(labels: NDArray[np.str_], sizes: dict[str, int], rng: np.random.Generator) -> Index:
    """Draw rows of each type without repeats."""
    rows = [rng.permutation(np.flatnonzero(labels == name))[:n_cells] for name, n_cells in sizes.items()]
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.intp)


Role: TypeAlias = Literal["value", "floor", "null"]
"""Synthetic cells, real training cells, or a null generator's cells, compared with held-out real cells."""

ROLES: tuple[Role, ...] = ("value", "floor", "null")

MIN_CELLS = 10
"""Fewest reference cells and fewest compared cells with which anything is computed."""

MIN_FRESH = 30
"""Fewest validation cells that give a memorisation floor; with fewer, theory's 0.5 says more."""

NEIGHBOUR_LIMIT = 50_000
"""Training cells, and held-out cells, among which nearest neighbours are looked for at most."""

TEACHER_LIMIT = 2_000
"""Reference cells that teach the classifier of label fidelity at most."""


@dataclass(frozen=True)
class Teacher:
    """Real cells that teach a classifier the types: reference cells, which nothing is compared with."""

    points: NDArray[np.float32]  # principal components, (n_cells, n_pcs)
    labels: NDArray[np.str_]  # types, (n_cells,)


@dataclass(frozen=True)
class Comparison(Samples):
    """What the metrics see in one repeat: samples of the same size, and what only some metrics ask for."""

    matched: Samples  # samples with as many cells of each type on every side
    teacher: Teacher  # reference cells
    reference: Cells  # reference cells, of each type :data:TYPE_LIMIT at most
    fresh: Sample | None  # validation cells, the floor of memorisation; None when there are fewer than :data:MIN_FRESH
    train_points: NDArray[np.float32]  # components of all training and all held-out cells, for nearest neighbours
    holdout_points: NDArray[np.float32]
    seed: int  # seed of the stochastic metrics, the same for value, floor and null
    genes: NDArray[np.intp]  # numbers of the genes that are compared, (n_selected,)
    known: dict[Any, Any] = field(init=False, default_factory=dict, repr=False)  # what was measured already

    @cached_property
    def type_axes(self) -> dict[str, Points]:
        """Directions in which reference cells of each type vary most, (n_axes, n_selected) each; fitted when asked."""
        return type_axes(self.reference.log_expr.toarray(), self.reference.labels)


def draw(inputs: Inputs, *, n_pcs: int, max_cells: int, rng: np.random.Generator) -> Comparison:
    """Divide the test cells, choose genes and fit the space on one half, and draw samples of the same size.

    Neither genes nor space see the cells that are compared. Genes that were selected on training cells vary more among
    these than among others: real cells in the place of the synthetic ones then look better than the floor (measured:
    correlation of fold changes 0.83 for fresh cells, 0.72 for the floor).
    """
    # A generator of its own: what is drawn for matched samples changes no other number.
    (match_rng,) = rng.spawn(1)
    halves = halve(inputs.test.labels, rng)
    n_cells = _sample_size(len(halves[0]), len(halves[1]), inputs, max_cells)
    genes = np.flatnonzero(select_hvg(inputs.test.log_expr[halves[0]], inputs.n_top_genes))
    inputs = inputs.narrowed(genes)
    reference, holdout = (inputs.test.take(rows) for rows in halves)
    space = fit_space(reference, n_pcs, rng)
    order = rng.permutation(len(inputs.train))
    neighbours = inputs.train.draw(NEIGHBOUR_LIMIT, rng)
    synthetic, floor = inputs.synthetic.draw(n_cells, rng), inputs.train.take(order[:n_cells])
    pools = (inputs.synthetic, inputs.train)
    if not inputs.labelled:
        known = [reference, inputs.train.take(order[n_cells:])]
        # The floor is labelled the same way: the classifier's mistakes must not count against the model.
        pools = synthetic, floor = _relabel([synthetic, floor], known, space, rng)
    poisson = sample_of(inputs.null.sample(n_cells, rng), space)
    one_type = np.full(n_cells, _commonest(inputs.train.labels))
    fresh = inputs.validation.draw(n_cells, rng)
    return Comparison(
        holdout=sample_of(holdout.draw(n_cells, rng), space),
        synthetic=sample_of(synthetic, space),
        floor=sample_of(floor, space),
        nulls={
            "poisson": poisson,
            "one type": replace(poisson, labels=one_type),
            "copy": sample_of(copies(neighbours, n_cells, rng), space),
        },
        matched=match_types(holdout, *pools, inputs.null, space, match_rng),
        teacher=_teacher(reference, space, match_rng),
        reference=reference.take(_rows(reference.labels, _sizes([reference.labels]), match_rng)),
        fresh=sample_of(fresh, space) if len(fresh) >= MIN_FRESH else None,
        train_points=space.transform(neighbours.log_expr),
        holdout_points=space.transform(holdout.draw(NEIGHBOUR_LIMIT, rng).log_expr),
        seed=int(rng.integers(2**31)),
        genes=genes,
    )


def measure(
    metric: Metric, comparison: Comparison, *, mask: NDArray[np.bool_] | None = None, roles: Sequence[Role] = ROLES
) -> dict[Role, Any]:
    """Return what a metric gives for the synthetic cells, its floor and its null; each is computed once."""
    options: dict[str, Any] = {"random_state": comparison.seed} if metric.stochastic else {}
    if mask is not None:
        options["mask"] = mask
    samples = comparison.matched if metric.matched else comparison
    floor = comparison.fresh if metric.space == "memorisation" else samples.floor
    compared: dict[Role, Sample | None] = {
        "value": samples.synthetic,
        "floor": floor,
        "null": samples.nulls[metric.null],
    }
    cells = None if mask is None else mask.tobytes()
    for role in roles:
        if (metric, role, cells) not in comparison.known:
            found = _computed(metric, compared[role], comparison, options)
            comparison.known[metric, role, cells] = found
    return {role: comparison.known[metric, role, cells] for role in roles}


def _computed(metric: Metric, sample: Sample | None, comparison: Comparison, options: dict[str, Any]) -> Any:
    if sample is None:
        return 0.5  # Without fresh cells, theory gives the share that copies nothing.
    samples = comparison.matched if metric.matched else comparison
    cells = {"holdout": samples.holdout, "sample": sample, "teacher": comparison.teacher, "comparison": comparison}
    arguments = [getattr(cells[name], form) for name, form in metric.arguments]
    if any(argument is None for argument in arguments):
        return float("nan")
    return metric.function(*arguments, **options)


def _sample_size(n_reference: int, n_holdout: int, inputs: Inputs, max_cells: int) -> int:
    found = {
        "half of the test part that fits the space": n_reference,
        "half of the test part to compare with": n_holdout,
        "training part": len(inputs.train),
        "synthetic data": len(inputs.synthetic),
        "limit max_cells": max_cells,
    }
    for name, n_cells in found.items():
        if n_cells < MIN_CELLS:
            msg = f"the {name} has {n_cells} cells; the judge needs at least {MIN_CELLS} there"
            raise InputError(msg)
    return min(n_holdout, len(inputs.train), len(inputs.synthetic), max_cells)


def _relabel(
    drawn: list[Cells], known: list[Cells], space: Components, rng: np.random.Generator
) -> tuple[Cells, Cells]:
    """Replace the labels of drawn cells by those that real cells outside the comparison predict."""
    teachers = [cells.draw(REFERENCE_LIMIT, rng) for cells in known]
    points = np.concatenate([space.transform(cells.log_expr) for cells in teachers])
    labels = np.concatenate([cells.labels for cells in teachers])
    unknown = np.concatenate([space.transform(cells.log_expr) for cells in drawn])
    parts = np.split(predict_labels(points, labels, unknown), np.cumsum([len(cells) for cells in drawn])[:-1])
    synthetic, floor = (replace(cells, labels=part) for cells, part in zip(drawn, parts, strict=True))
    return synthetic, floor


def _teacher(reference: Cells, space: Components, rng: np.random.Generator) -> Teacher:
    cells = reference.draw(TEACHER_LIMIT, rng)
    return Teacher(space.transform(cells.log_expr), cells.labels)


def _commonest(labels: NDArray[np.str_]) -> str:
    types, counts = np.unique(labels, return_counts=True)
    return str(types[counts.argmax()])


_NOT_MEASURED: dict[Role, float] = dict.fromkeys(ROLES, np.nan)


@dataclass(frozen=True)
class Record:
    """The numbers of one metric and group in one repeat."""

    metric: str  # registry name
    group: str  # "all", "rare" or a type
    n_cells: int  # held-out cells of the group
    numbers: Mapping[Role, float]  # value, floor and null; NaN when there are too few cells to say


def measure_all(metrics: Mapping[str, Metric], comparison: Comparison, rare_types: tuple[str, ...]) -> list[Record]:
    """Compute every metric, and for rare types those that can be."""
    rows = {"all": _overall, "rare": _masked, "types": _by_type}
    return [
        record
        for name, metric in metrics.items()
        for record in rows[metric.groups](name, metric, comparison, rare_types)
    ]


def _overall(name: str, metric: Metric, comparison: Comparison, _: tuple[str, ...]) -> Iterator[Record]:
    """Yield the row for all cells."""
    yield Record(name, "all", len(comparison.holdout.labels), measure(metric, comparison))


def _masked(name: str, metric: Metric, comparison: Comparison, rare_types: tuple[str, ...]) -> Iterator[Record]:
    """Yield the row for all cells and rows of a metric that takes a mask."""
    yield from _overall(name, metric, comparison, rare_types)
    labels = comparison.holdout.labels
    for group, types in _groups(rare_types).items():
        mask = np.isin(labels, types)
        n_cells = int(mask.sum())
        enough = n_cells >= metric.min_cells
        yield Record(name, group, n_cells, measure(metric, comparison, mask=mask) if enough else _NOT_MEASURED)


def _by_type(name: str, metric: Metric, comparison: Comparison, rare_types: tuple[str, ...]) -> Iterator[Record]:
    """Yield rows that are means over the values of types; a type that a side lacks counts on none."""
    labels = (comparison.matched if metric.matched else comparison).holdout.labels
    counts = _counts(labels, metric.min_cells)
    values = measure(metric, comparison) if counts else {}
    known = [
        type_name for type_name in counts if all(np.isfinite(values[role].get(type_name, np.nan)) for role in ROLES)
    ]
    for group, types in ({"all": tuple(counts)} | _groups(rare_types)).items():
        chosen = [type_name for type_name in known if type_name in types]
        weights = [counts[type_name] if metric.weighted else 1 for type_name in chosen]
        numbers: dict[Role, float] = {
            role: float(np.average([values[role][type_name] for type_name in chosen], weights=weights))
            for role in ROLES
            if chosen
        }
        n_cells = sum(counts.get(type_name, 0) for type_name in types)
        yield Record(name, group, n_cells, numbers or _NOT_MEASURED)


def _groups(rare_types: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the types of each group: the rare ones together, then each."""
    return {"rare": rare_types} | {name: (name,) for name in rare_types} if rare_types else {}


def _counts(labels: NDArray[np.str_], min_cells: int) -> dict[str, int]:
    types, counts = np.unique(labels, return_counts=True)
    return {str(name): int(n) for name, n in zip(types, counts, strict=True) if n >= min_cells}


TYPE_METRICS = (
    "coverage", "type_sliced_wasserstein", "type_spread", "label_fidelity", "lfc_slope", "rare_retention",
)  # fmt: skip
"""Metrics that are reported for every single type, as far as they are asked for."""

TYPE_COLUMNS = ("type", "metric", "value", "floor")

HELD_OUT, TRAINING, SYNTHETIC = "Real held-out", "Real training (floor)", "Synthetic"
"""Whose labels a confusion matrix is about."""

_SHOWN: tuple[Role, Role] = ("value", "floor")


class TypeNumbers:
    """Collects over the repeats what is said of every type, without drawing anything."""

    def __init__(self, metrics: Iterable[str], types: NDArray[np.str_]) -> None:
        self.types = types  # names of the types of real cells, sorted, (n_types,)
        self._metrics = [name for name in TYPE_METRICS if name in set(metrics)]
        self._rows: list[dict[str, Any]] = []
        # cells by label (rows; the last is for labels that no real cell has) and by the type that a classifier says
        shape = (len(types) + 1, len(types))
        self._cells = {name: np.zeros(shape, dtype=np.int64) for name in (HELD_OUT, TRAINING, SYNTHETIC)}

    def add(self, comparison: Comparison) -> None:
        """Measure one repeat; what its table holds anyway is not computed again."""
        for name in self._metrics:
            self._rows += _type_rows(name, METRICS[name], comparison, self.types)
        if "label_fidelity" in self._metrics:
            self._count(comparison)

    def table(self) -> pd.DataFrame:
        """Return the means over the repeats, a row for each type and metric with a number."""
        rows = pd.DataFrame(self._rows, columns=list(TYPE_COLUMNS))
        return rows.groupby(["type", "metric"], sort=False)[list(_SHOWN)].mean().reset_index()

    def confusion(self) -> dict[str, pd.DataFrame]:
        """Return the cells of all repeats, labels in rows; empty when no classifier was asked for."""
        if "label_fidelity" not in self._metrics:
            return {}
        names = [str(name) for name in self.types]
        return {name: pd.DataFrame(cells, [*names, UNSURE], names) for name, cells in self._cells.items()}

    def _count(self, comparison: Comparison) -> None:
        samples = {HELD_OUT: comparison.holdout, TRAINING: comparison.floor, SYNTHETIC: comparison.synthetic}
        points = np.concatenate([sample.points for sample in samples.values()])
        called = predict_labels(comparison.teacher.points, comparison.teacher.labels, points)
        parts = np.split(called, np.cumsum([len(sample.labels) for sample in samples.values()])[:-1])
        for (name, sample), given in zip(samples.items(), parts, strict=True):
            known = np.isin(sample.labels, self.types)
            rows = np.where(known, np.searchsorted(self.types, sample.labels), len(self.types))
            np.add.at(self._cells[name], (rows, np.searchsorted(self.types, given)), 1)


def _type_rows(name: str, metric: Metric, comparison: Comparison, types: NDArray[np.str_]) -> Iterator[dict[str, Any]]:
    """Yield value and floor of each type where both are known."""
    labels = (comparison.matched if metric.matched else comparison).holdout.labels
    enough = [str(kind) for kind in types if (labels == kind).sum() >= metric.min_cells]
    by_type = measure(metric, comparison, roles=_SHOWN) if metric.groups == "types" and enough else {}
    for kind in enough:
        if metric.groups == "types":
            numbers = {role: float(by_type[role].get(kind, np.nan)) for role in _SHOWN}
        else:
            numbers = measure(metric, comparison, mask=labels == kind, roles=_SHOWN)
        if np.isfinite(list(numbers.values())).all():
            yield {"type": kind, "metric": name} | numbers
