"""One repeat: real, synthetic and null cells of the same number, in one space."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.evaluate.cells import Cells
from scgarage.evaluate.inputs import Inputs
from scgarage.evaluate.null import copies
from scgarage.evaluate.space import fit_space, halve, predict_labels
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
    reference, holdout = _divide_test(inputs.test, rng)
    n_cells = _sample_size(holdout, inputs, max_cells)
    space = fit_space(reference, n_pcs, rng)
    train_order = rng.permutation(len(inputs.train))
    floor, unused = (inputs.train.take(rows) for rows in (train_order[:n_cells], train_order[n_cells:]))
    known = [(space.transform(cells.log_expr), cells.labels) for cells in (reference, unused)]
    samples = {
        "holdout": holdout.draw(n_cells, rng),
        "synthetic": inputs.synthetic.draw(n_cells, rng),
        "floor": floor,
        "poisson": inputs.null.sample(n_cells, rng),
        "fresh": inputs.validation.draw(n_cells, rng),
    }
    neighbours = inputs.train.draw(NEIGHBOUR_LIMIT, rng)
    samples["copy"] = copies(neighbours, n_cells, rng)
    ready = {name: _sample(cells, space) for name, cells in samples.items()}
    if inputs.synthetic.labels is None:
        # The floor is labelled the same way, so that the classifier's own mistakes do not count against the model.
        for name in ("synthetic", "floor"):
            ready[name] = _relabel(ready[name], known)
    return Comparison(
        holdout=ready["holdout"],
        synthetic=ready["synthetic"],
        floor=ready["floor"],
        nulls={"poisson": ready["poisson"], "copy": ready["copy"], "one type": _one_type(ready["poisson"], inputs)},
        fresh=ready["fresh"] if len(samples["fresh"]) >= MIN_FRESH else None,
        train_points=space.transform(neighbours.log_expr),
        holdout_points=space.transform(holdout.draw(NEIGHBOUR_LIMIT, rng).log_expr),
        seed=int(rng.integers(2**31)),
    )
