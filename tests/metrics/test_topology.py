import sys

import numpy as np
import pytest

from scgarage.errors import InputError, MissingExtraError
from scgarage.metrics import topology_distance

pytest.importorskip("ripser", reason="needs the optional packages ripser and persim")
pytest.importorskip("persim", reason="needs the optional packages ripser and persim")


def circle(n_cells: int, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, n_cells, endpoint=False)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def test_a_loop_against_its_scaled_self_by_hand() -> None:
    # Ten points on a circle: nine gaps of one chord, and one loop from that chord to the widest triangle's side.
    n, scale = 10, 1.1
    gap, death = 2 * np.sin(np.pi / n), 2 * np.sin(4 * np.pi / n)
    # Each point of a diagram moves to its scaled self when that is nearer than the diagonal for both.
    components = (n - 1) * (scale - 1) * gap
    loop = (scale - 1) * np.hypot(gap, death)
    value = topology_distance(circle(n, 1.0), circle(n, scale), n_landmarks=n)
    assert value == pytest.approx(components + loop, rel=1e-4)


def test_rotation_and_place_do_not_matter_and_scale_does() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(40, 2)), circle(40, 2.0) + rng.normal(0, 0.1, size=(40, 2))
    value = topology_distance(real, synthetic, n_landmarks=40)
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert topology_distance(real @ turned + 3, synthetic @ turned, n_landmarks=40) == pytest.approx(value, rel=1e-4)
    assert topology_distance(3 * real, 3 * synthetic, n_landmarks=40) == pytest.approx(3 * value, rel=1e-4)
    assert topology_distance(real, real, n_landmarks=40) == pytest.approx(0, abs=1e-6)


def test_seed_fixes_thelandmarks() -> None:
    cells, others = np.random.default_rng(1).normal(size=(2, 80, 3))
    values = [topology_distance(cells, others, n_landmarks=15, random_state=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_a_ring_is_nearer_to_a_ring_than_to_a_blob() -> None:
    rng = np.random.default_rng(2)
    ring, other = (circle(80, 5.0) + rng.normal(0, 0.2, size=(80, 2)) for _ in range(2))
    blob = rng.normal(0, 2.5, size=(80, 2))
    assert topology_distance(ring, other, n_landmarks=60) < 0.5 * topology_distance(ring, blob, n_landmarks=60)


def test_few_cells_and_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="real has 2 cells; this metric needs at least 3"):
        topology_distance(np.zeros((2, 2)), np.zeros((5, 2)))
    for package in ("ripser", "persim"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(MissingExtraError, match=r"scgarage\[topology\]"):
                topology_distance(circle(5, 1.0), circle(5, 2.0))
