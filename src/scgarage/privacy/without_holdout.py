"""What can be looked at when there are no held-out cells."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from scgarage.evaluation.space import halve
from scgarage.metrics.neighbours import nearest_distance
from scgarage.privacy.copy_checks import near_finding
from scgarage.privacy.finding import Finding
from scgarage.privacy.inputs import Inputs
from scgarage.privacy.near_copies import near_limit, neighbour_ratio
from scgarage.privacy.population import Population
from scgarage.privacy.space import Space
from scgarage.privacy.thresholds import MIN_CELLS, NEAR_QUANTILE

__all__ = ["compare_with_train"]

ONLY_TRAIN = "without held-out cells nothing says how near fresh cells would be"


def compare_with_train(inputs: Inputs, synthetic: Population, *, n_pcs: int, rng: np.random.Generator) -> list[Finding]:
    """Look for near copies and small distances with the training cells only.

    The training cells are divided in two; each half is compared with in components fitted on the other,
    because components fitted on the very cells that they are compared with put all others nearer together.

    Parameters
    ----------
    inputs
        Real cells.
    synthetic
        Synthetic cells, at most some ten thousand.
    n_pcs
        Number of components.
    rng
        Source of the division.
    """
    halves = halve(inputs.train.labels, rng)
    if min(map(len, halves)) < MIN_CELLS:
        return [Finding("near_copies", "all", len(synthetic), obstacle=f"fewer than {2 * MIN_CELLS} training cells")]
    near = np.zeros(len(synthetic), dtype=np.bool_)
    nearest = np.zeros(len(synthetic), dtype=np.intp)
    ratios = []
    for rows, others in (halves, halves[::-1]):
        space = Space.fit(inputs.train.take(others), n_pcs, rng)
        train, cells = space.points(inputs.train.take(rows)), space.points(synthetic)
        # Two looks at every cell, so half the share each.
        ratio, found = neighbour_ratio(cells, train)
        here = ratio < near_limit(train, quantile=NEAR_QUANTILE / 2)
        nearest = np.where(here | ~near, rows[found], nearest)
        near |= here
        among, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train).kneighbors()
        ratios.append(np.median(nearest_distance(cells, train)) / max(float(np.median(among)), np.finfo(float).tiny))
    ratio_finding = Finding(
        "distance_ratio", "all", len(synthetic), float(np.mean(ratios)), floor=1.0, obstacle=ONLY_TRAIN,
        note="distance to training cells over that of training cells to each other; averaged cells lie nearer "
        "without being copies",
    )  # fmt: skip
    return [near_finding("all", near, nearest, NEAR_QUANTILE), ratio_finding]
