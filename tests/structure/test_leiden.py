import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from scgarage.errors import InputError
from scgarage.structure import leiden
from scgarage.structure.leiden import silhouettes, sweep_leiden

BLOBS = np.repeat(np.arange(3), [60, 40, 30])


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.eye(3)[BLOBS] * 12 + rng.normal(size=(130, 3))


def test_clusters_are_the_blobs(points: np.ndarray) -> None:
    clusters = sweep_leiden(points, resolutions=(0.05, 3.0))
    assert clusters.shape == (2, 130)
    assert adjusted_rand_score(BLOBS, clusters[0]) == 1.0
    assert len(np.unique(clusters[1])) > 3


def test_order_of_cells_does_not_matter_for_blobs(points: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(130)
    clusters = sweep_leiden(points[order], resolutions=(0.05,), metric="cosine")
    assert adjusted_rand_score(BLOBS[order], clusters[0]) == 1.0


def test_same_seed_same_clusters(points: np.ndarray) -> None:
    first, second = (sweep_leiden(points, resolutions=(1.0, 2.0), random_state=4) for _ in range(2))
    assert (first == second).all()


def test_graph_is_made_once(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    import scanpy as sc

    calls = []
    original = sc.pp.neighbors
    monkeypatch.setattr(sc.pp, "neighbors", lambda *args, **kwargs: (calls.append(1), original(*args, **kwargs)))
    sweep_leiden(points, resolutions=(0.1, 0.5, 1.0))
    assert len(calls) == 1


def test_cells_at_the_same_place_are_clustered_without_a_warning() -> None:
    few = np.repeat(np.random.default_rng(2).normal(size=(3, 5)), 40, axis=0)
    assert len(np.unique(sweep_leiden(few, resolutions=(0.1,))[0])) == 3


def test_silhouettes_are_those_of_scikit_learn(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3).integers(4, size=130)
    found = silhouettes(points, np.stack([BLOBS, random, np.zeros(130, dtype=np.intp), np.arange(130)]))
    assert found[:2] == pytest.approx([silhouette_score(points, BLOBS), silhouette_score(points, random)])
    assert np.isnan(found[2:]).all()
    monkeypatch.setattr(leiden, "SILHOUETTE_CELLS", 80)
    assert silhouettes(points, BLOBS[None])[0] == pytest.approx(found[0], abs=0.05)


def test_unusable_arguments_are_refused(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least 3 cells; found 2"):
        sweep_leiden(points[:2])
    for resolutions in ((), (1.0, 0.0)):
        with pytest.raises(InputError, match="expected one or more numbers above 0"):
            sweep_leiden(points, resolutions=resolutions)
