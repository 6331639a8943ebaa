import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import legacy_grid, marker_grid
from scgarage.analyses.marker_clustering import N_GENES
from scgarage.errors import InputError

MODULE = "scgarage.analyses.marker_clustering"


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, rare_fraction=0.1, random_state=0)


@pytest.fixture
def asked(monkeypatch):
    """Record what the grids ask for; the clustering itself is tested with scgarage.judge.clusters."""
    calls = []

    def record(*args, **kwargs):
        calls.append(kwargs)
        return pd.DataFrame({"selection": [kwargs["selection"]]})

    for name in ("compare_clusters", "legacy_clusters"):
        monkeypatch.setattr(f"{MODULE}.{name}", record)
    return calls


def test_grid_asks_for_every_selection_and_number_at_once(cells, asked):
    parts = sg.pp.split(cells, labels_key="cell_type")
    marker_grid(parts.train, parts)
    (call,) = asked
    assert call["selection"] == "all"
    assert call["n_top_genes"] == N_GENES
    assert "legacy" not in call  # the labels never choose the resolution


def test_given_resolutions_are_scored_one_by_one(cells, asked):
    parts = sg.pp.split(cells, labels_key="cell_type")
    table = marker_grid(parts.train, parts, resolutions=[0.5, 1.0])
    assert [call["resolutions"] for call in asked] == [(0.5,), (1.0,)]
    assert table["resolution"].tolist() == [0.5, 1.0]
    assert set(table["chosen_by"]) == {"given"}


def test_published_grid_is_each_selection_by_each_number_with_one_sweep_for_all(cells, asked):
    table = legacy_grid(cells, cells, labels_key="cell_type", n_genes=[20, 30], sweep=False)
    assert [(call["selection"], call["n_genes"]) for call in asked] == [
        (selection, number) for selection in ("cv2", "fano", "pca_loading") for number in (20, 30)
    ]
    assert not any(call["sweep"] for call in asked)
    assert len(table) == 6


def test_an_empty_or_unknown_grid_is_refused(cells):
    with pytest.raises(InputError, match="n_genes is empty"):
        legacy_grid(cells, cells, labels_key="cell_type", n_genes=[])
    parts = sg.pp.split(cells, labels_key="cell_type")
    with pytest.raises(InputError, match="resolutions is empty"):
        marker_grid(parts.train, parts, resolutions=[])
    with pytest.raises(InputError, match="selection"):
        legacy_grid(cells, cells, labels_key="cell_type", selection="best")
