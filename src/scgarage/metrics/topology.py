"""Distance between the shapes of two sets of cells."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from scgarage.errors import MissingExtraError
from scgarage.metrics.metric import Metric, Points, check_points

INSTALL = "topology needs the packages ripser and persim: pip install 'scgarage[topology]'"


def topology_distance(
    real: ArrayLike, synthetic: ArrayLike, *, n_landmarks: int = 150, n_dims: int = 10, random_state: int = 0
) -> float:
    r"""Return the Wasserstein distance between the persistence diagrams of two sets of cells.

    .. math:: W(D_0, \hat D_0) + W(D_1, \hat D_1)

    :math:`D_0` and :math:`D_1` are the diagrams (birth and death) of connected components and of loops in the
    Vietoris-Rips complex of landmark cells; the component that never dies is left out. Landmarks are chosen
    farthest first, from a random cell.

    Parameters
    ----------
    real
        Coordinates of real cells, (n_real, n_dims).
    synthetic
        Coordinates of synthetic cells, (n_synthetic, n_dims).
    n_landmarks
        Cells of each side that the complex is built on.
    n_dims
        Leading coordinates to use; the later principal components are mostly noise.
    random_state
        Seed of the first landmark.

    Returns
    -------
    float
        >= 0, in units of the coordinates; 0 is ideal. Landmarks reach for outliers, so single cells count.

    Raises
    ------
    InputError
        If an array has fewer than 3 cells or they cannot be compared.
    MissingExtraError
        If ``ripser`` or ``persim`` is not installed.

    References
    ----------
    Tralie, Saul and Bar-On, Ripser.py, 2018, doi:10.21105/joss.00925.
    de Silva and Carlsson, Topological estimation using witness complexes, 2004, doi:10.2312/SPBG/SPBG04/157-166.
    """
    real, synthetic = check_points(3, real=real, synthetic=synthetic)
    try:
        from persim import wasserstein
    except ImportError as error:
        raise MissingExtraError(INSTALL) from error
    rng = np.random.default_rng(random_state)
    diagrams = [diagrams_of(landmarks(cells[:, :n_dims], n_landmarks, rng)) for cells in (real, synthetic)]
    with warnings.catch_warnings():
        # persim warns of diagrams without a point, which it then treats as it should.
        warnings.simplefilter("ignore")
        return float(sum(wasserstein(one, other) for one, other in zip(*diagrams, strict=True)))


def landmarks(cells: Points, n_landmarks: int, rng: np.random.Generator) -> Points:
    """Choose landmarks one by one, each the cell farthest from those before."""
    chosen = [int(rng.integers(len(cells)))]
    distances = np.linalg.norm(cells - cells[chosen[0]], axis=1)
    while len(chosen) < min(n_landmarks, len(cells)):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(cells - cells[chosen[-1]], axis=1))
    return cells[chosen]


def diagrams_of(landmarks: Points) -> list[Points]:
    """Return the diagrams of components and of loops, (n_features, 2), only finite ones."""
    try:
        from ripser import ripser
    except ImportError as error:
        raise MissingExtraError(INSTALL) from error
    with warnings.catch_warnings():
        # ripser warns of fewer points than dimensions, as a mistaken transpose would have.
        warnings.simplefilter("ignore", UserWarning)
        diagrams = ripser(landmarks, maxdim=1)["dgms"]
    return [diagram[np.isfinite(diagram).all(axis=1)] for diagram in diagrams]


TOPOLOGY_DISTANCE = Metric(
    function=topology_distance,
    title="Persistent homology: Wasserstein distance",
    space="pca",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    profile="extra",
    reference="Tralie, Saul and Bar-On 2018, doi:10.21105/joss.00925",
    cost="n, and landmarks^3",
    stochastic=True,
    min_cells=3,
)
