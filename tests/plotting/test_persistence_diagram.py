import sys

import numpy as np
import pytest

from scgarage.errors import InputError, MissingExtraError
from scgarage.metrics import topology_distance
from scgarage.plotting import SOURCE_COLOURS, persistence, persistence_diagram, persistence_distances

pytest.importorskip("ripser", reason="needs the optional packages ripser and persim")
pytest.importorskip("persim", reason="needs the optional packages ripser and persim")


def ring(seed: int, n_cells: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, n_cells)
    return np.column_stack([np.cos(angles), np.sin(angles)]) + rng.normal(0, 0.05, (n_cells, 2))


@pytest.fixture(scope="module")
def found():
    cloud = np.random.default_rng(9).normal(0, 0.5, (80, 2))
    return persistence(ring(0), cloud, train=ring(1))


def test_a_ring_has_one_lasting_loop_and_a_cloud_none(found):
    lasting = {name: int((np.diff(loops, axis=1) > 0.8).sum()) for name, (_, loops) in found.items()}
    assert lasting == {"real": 1, "synthetic": 0, "floor": 1}


def test_every_source_gets_as_many_cells(found):
    # One component less than cells dies.
    assert [len(components) for components, _ in found.values()] == [59, 59, 59]


def test_distances_against_the_metric_and_by_hand(found):
    table = persistence_distances(found)
    assert (table["bottleneck"] > table["bottleneck_floor"]).all()
    # All cells are landmarks, so the order in which they are chosen does not matter.
    one, two = ring(0, 20), ring(1, 20)
    own = persistence_distances(persistence(one, two))
    assert own["wasserstein"].sum() == pytest.approx(topology_distance(one, two), rel=1e-6)
    # One loop that shrinks: it moves by as much as its end.
    shrunk = {
        "real": [np.array([[0.0, 1.0]]), np.array([[0.2, 1.2]])],
        "synthetic": [np.array([[0.0, 1.0]]), np.array([[0.2, 0.9]])],
    }
    assert persistence_distances(shrunk).loc["loops", "bottleneck"] == pytest.approx(0.3)
    assert persistence_distances(shrunk).loc["components", "bottleneck"] == pytest.approx(0)


def test_every_feature_is_drawn_in_the_colour_of_its_source(found):
    ax = persistence_diagram(found, distances=persistence_distances(found))
    drawn = [np.asarray(dots.get_offsets()) for dots in ax.collections]
    assert sum(map(len, drawn)) == sum(len(points) for own in found.values() for points in own)
    colours = {tuple(np.round(dots.get_facecolor()[0, :3], 3)) for dots in ax.collections}
    assert len(colours) == 3
    loops = ax.collections[-1]
    np.testing.assert_allclose(np.asarray(loops.get_offsets()), found["synthetic"][1])
    assert loops.get_label() == f"synthetic: {len(found['synthetic'][1])} loops"
    assert set(SOURCE_COLOURS) >= set(found)
    assert "floor" in ax.get_xlabel()


def test_it_draws_where_it_is_told_to_and_without_loops():
    ax = persistence_diagram(persistence(ring(0, 4), ring(1, 4)))
    again = persistence_diagram({"real": [np.zeros((0, 2))] * 2, "synthetic": [np.zeros((0, 2))] * 2}, ax=ax)
    assert again is ax


def test_bad_input_and_missing_packages_are_said(found, monkeypatch):
    with pytest.raises(InputError, match="at least 3"):
        persistence(ring(0), ring(1, 2))
    monkeypatch.setitem(sys.modules, "persim", None)
    with pytest.raises(MissingExtraError, match="topology"):
        persistence_distances(found)
