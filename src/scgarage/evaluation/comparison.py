"""One repeat: real, synthetic and null cells of the same number, in one space."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.evaluation.cells import Cells
from scgarage.evaluation.inputs import Inputs
from scgarage.evaluation.null import copies
from scgarage.evaluation.space import REFERENCE_LIMIT, fit_space, halve, predict_labels
from scgarage.metrics import Metric
from scgarage.metrics.metric import Null
from scgarage.preprocess import Components

__all__ = ["MIN_CELLS", "MIN_FRESH", "Comparison", "Role", "Sample", "draw", "measure"]

Role: TypeAlias = Literal["value", "floor", "null"]
"""Synthetic cells, real training cells, or a null generator's cells, compared with held-out real cells."""

MIN_CELLS = 10
"""Fewest reference cells and fewest compared cells with which anything is computed."""

MIN_FRESH = 30
"""Fewest validation cells that give a memorisation floor; with fewer, theory's 0.5 says more."""

NEIGHBOUR_LIMIT = 50_000
"""Training cells, and held-out cells, among which nearest neighbours are looked for at most."""


@dataclass(frozen=True)
class Sample:
    """Cells in every form that a metric may ask for.

    Attributes
    ----------
    points
        Principal components, (n_cells, n_pcs).
    log_expr
        log1p CP10k of the selected genes, (n_cells, n_selected).
    labels
        Types, (n_cells,).
    """

    points: NDArray[np.float32]
    log_expr: NDArray[np.float32]
    labels: NDArray[np.str_]


@dataclass(frozen=True)
class Comparison:
    """What the metrics see in one repeat.

    Attributes
    ----------
    holdout
        Held-out real cells.
    synthetic, floor
        As many synthetic and as many real training cells.
    nulls
        As many cells of each null generator.
    fresh
        Validation cells, the floor of memorisation; ``None`` when there are fewer than :data:`MIN_FRESH`.
    train_points, holdout_points
        Components of all training and all held-out cells, for nearest neighbours.
    seed
        Seed of the stochastic metrics, the same for value, floor and null.
    """

    holdout: Sample
    synthetic: Sample
    floor: Sample
    nulls: dict[Null, Sample]
    fresh: Sample | None
    train_points: NDArray[np.float32]
    holdout_points: NDArray[np.float32]
    seed: int


def draw(inputs: Inputs, *, n_pcs: int, max_cells: int, rng: np.random.Generator) -> Comparison:
    """Divide the test cells, fit the space on one half and draw samples of the same size.

    Parameters
    ----------
    inputs
        Real and synthetic cells.
    n_pcs
        Number of principal components.
    max_cells
        Cells of a sample at most.
    rng
        Source of everything random in this repeat.

    Raises
    ------
    InputError
        If the reference half or a sample would have fewer than :data:`MIN_CELLS` cells.
    """
    reference, holdout = (inputs.test.take(rows) for rows in halve(inputs.test.labels, rng))
    n_cells = _sample_size(len(reference), len(holdout), inputs, max_cells)
    space = fit_space(reference, n_pcs, rng)
    order = rng.permutation(len(inputs.train))
    neighbours = inputs.train.draw(NEIGHBOUR_LIMIT, rng)
    synthetic = _sample(inputs.synthetic.draw(n_cells, rng), space)
    floor = _sample(inputs.train.take(order[:n_cells]), space)
    if not inputs.labelled:
        known = [reference, inputs.train.take(order[n_cells:])]
        # The floor is labelled the same way: the classifier's mistakes must not count against the model.
        synthetic, floor = _relabel([synthetic, floor], known, space, rng)
    poisson = _sample(inputs.null.sample(n_cells, rng), space)
    one_type = np.full(n_cells, _commonest(inputs.train.labels))
    fresh = inputs.validation.draw(n_cells, rng)
    return Comparison(
        holdout=_sample(holdout.draw(n_cells, rng), space),
        synthetic=synthetic,
        floor=floor,
        nulls={
            "poisson": poisson,
            "one type": replace(poisson, labels=one_type),
            "copy": _sample(copies(neighbours, n_cells, rng), space),
        },
        fresh=_sample(fresh, space) if len(fresh) >= MIN_FRESH else None,
        train_points=space.transform(neighbours.log_expr),
        holdout_points=space.transform(holdout.draw(NEIGHBOUR_LIMIT, rng).log_expr),
        seed=int(rng.integers(2**31)),
    )


def measure(metric: Metric, comparison: Comparison, *, mask: NDArray[np.bool_] | None = None) -> dict[Role, float]:
    """Return a metric's value for the synthetic cells, its floor and its null.

    Parameters
    ----------
    metric
        What to compute.
    comparison
        The cells of one repeat.
    mask
        Held-out cells that the value is about, (n_cells,), for a metric that has rows for rare types.
    """
    options: dict[str, Any] = {"random_state": comparison.seed} if metric.stochastic else {}
    if mask is not None:
        options["mask"] = mask
    floor = comparison.fresh if metric.space == "memorisation" else comparison.floor
    samples: dict[Role, Sample | None] = {
        "value": comparison.synthetic,
        "floor": floor,
        "null": comparison.nulls[metric.null],
    }
    return {
        # Without fresh cells, theory gives the share that copies nothing.
        role: 0.5 if sample is None else metric.function(*_arguments(metric, sample, comparison), **options)
        for role, sample in samples.items()
    }


def _arguments(metric: Metric, sample: Sample, comparison: Comparison) -> tuple[NDArray[Any], ...]:
    holdout = comparison.holdout
    match metric.space:
        case "pca":
            return holdout.points, sample.points
        case "genes":
            return holdout.log_expr, sample.log_expr
        case "labels":
            return holdout.labels, sample.labels
        case "memorisation":
            return sample.points, comparison.train_points, comparison.holdout_points


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


def _sample(cells: Cells, space: Components) -> Sample:
    return Sample(space.transform(cells.log_expr), cells.log_expr.toarray(), cells.labels)


def _relabel(samples: list[Sample], known: list[Cells], space: Components, rng: np.random.Generator) -> list[Sample]:
    """Replace the labels of samples by those that real cells outside the comparison predict."""
    teachers = [cells.draw(REFERENCE_LIMIT, rng) for cells in known]
    points = np.concatenate([space.transform(cells.log_expr) for cells in teachers])
    labels = np.concatenate([cells.labels for cells in teachers])
    predicted = predict_labels(points, labels, np.concatenate([sample.points for sample in samples]))
    parts = np.split(predicted, np.cumsum([len(sample.labels) for sample in samples])[:-1])
    return [replace(sample, labels=part) for sample, part in zip(samples, parts, strict=True)]


def _commonest(labels: NDArray[np.str_]) -> str:
    types, counts = np.unique(labels, return_counts=True)
    return str(types[counts.argmax()])
