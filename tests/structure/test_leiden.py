import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from scgarage.judge.clusters import clustering as leiden
from scgarage.judge.clusters.clustering import silhouettes

BLOBS = np.repeat(np.arange(3), [60, 40, 30])


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.eye(3)[BLOBS] * 12 + rng.normal(size=(130, 3))


def test_silhouettes_are_those_of_scikit_learn(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3).integers(4, size=130)
    found = silhouettes(points, np.stack([BLOBS, random, np.zeros(130, dtype=np.intp), np.arange(130)]))
    assert found[:2] == pytest.approx([silhouette_score(points, BLOBS), silhouette_score(points, random)])
    assert np.isnan(found[2:]).all()
    monkeypatch.setattr(leiden, "SILHOUETTE_CELLS", 80)
    assert silhouettes(points, BLOBS[None])[0] == pytest.approx(found[0], abs=0.05)
