import json

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import analyse_attention, compare_explanations, published_scores
from scgarage.analyses.attention import mean_neighbour_distance
from scgarage.errors import InputError, OutputExistsError
from scgarage.pp.graph import knn_graph
from scgarage.seeds import GATSettings

GAT = GATSettings(n_epochs=3, hidden=4, heads=2, progress=False)


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=80, n_types=3, rare_fraction=0.05, random_state=0)


@pytest.fixture(scope="module")
def result(cells):
    return analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.1)


def test_tables_agree_with_the_cells(cells, result):
    table = result.cells
    assert list(table.index) == list(cells.obs_names)
    assert table["top"].sum() == table["bottom"].sum() == table["published"].sum() == 40
    assert table.loc[table["top"], "attention"].min() >= table.loc[~table["top"], "attention"].max()
    by_type = result.types.set_index("type")
    for name, rows in table.groupby("type"):
        assert by_type.loc[name, "n_top"] == rows["top"].sum()
        assert by_type.loc[name, "n_published"] == rows["published"].sum()
    recall = result.explanations.set_index("score").loc["attention", "recall_highest"]
    np.testing.assert_allclose(recall, by_type.loc[by_type["rare"], "n_top"].sum() / by_type.loc["rare", "n_cells"])


def test_in_degree_explains_nothing_and_depth_is_the_library_size(cells, result):
    explained = result.explanations.set_index("score")
    assert np.isnan(explained.loc["in-degree", "spearman_with_attention"])
    assert (result.cells["in-degree"] == 5).all()
    np.testing.assert_allclose(result.cells["depth"], np.asarray(cells.X.sum(axis=1)).ravel())


def test_markers_within_types_are_the_types_own(result):
    within = result.markers[result.markers["scope"] == "within type"]
    assert len(within)
    for name, rows in within.groupby("type"):
        assert set(rows["gene"]) <= set(result.settings["markers"][name])
        assert (rows["n_top"] < 40).all()


def test_given_markers_are_used_and_unknown_ones_refused(cells):
    gene = str(cells.var_names[3])
    found = analyse_attention(cells, labels_key="cell_type", gat=GAT, markers={"x": (gene, "absent")})
    assert set(found.markers["gene"]) == {gene}
    assert found.settings["markers_from"] == "a table"
    with pytest.raises(InputError, match="none of the markers"):
        analyse_attention(cells, labels_key="cell_type", gat=GAT, markers={"x": ("absent",)})
    with pytest.raises(InputError, match="fraction"):
        analyse_attention(cells, labels_key="cell_type", gat=GAT, fraction=0.6)


def test_markers_from_other_cells(cells):
    found = analyse_attention(cells[:150], labels_key="cell_type", gat=GAT, reference=cells[150:])
    assert found.settings["markers_from"] == "50 other real cells"
    assert not any("very cells" in sentence for sentence in found.sentences())


def test_the_same_seed_gives_the_same_tables(cells, result):
    again = analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.1)
    pd.testing.assert_frame_equal(result.cells, again.cells)
    pd.testing.assert_frame_equal(result.explanations, again.explanations)


def test_sentences_and_files(result, tmp_path):
    text = result.text()
    assert "rare cells" in text
    assert "nan%" not in text
    assert "row numbers" in text
    paths = result.save(tmp_path / "out")
    assert len(paths) == 6
    assert json.loads((tmp_path / "out" / "attention.json").read_text())["settings"]["n_cells"] == 200
    assert len(pd.read_csv(tmp_path / "out" / "cells.csv", index_col=0)) == 200
    with pytest.raises(OutputExistsError):
        result.save(tmp_path / "out")


def test_without_rare_types_recall_is_not_claimed(cells):
    found = analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.0)
    assert found.explanations["recall_highest"].isna().all()
    assert "No type is rare" in found.sentences()[0]


@pytest.fixture
def graph():
    points = np.random.default_rng(0).normal(size=(400, 5))
    return points, knn_graph(points, 5).numpy()


def test_published_scores_are_means_of_row_numbers(graph):
    _, edges = graph
    scores = published_scores(edges, 400)
    for cell in (0, 7, 399):
        neighbours = np.append(edges[0][edges[1] == cell], cell)
        expected = np.mean([neighbours, np.full(len(neighbours), cell)])
        np.testing.assert_allclose(scores[cell], expected)


def test_published_selection_is_mostly_the_end_of_the_file_whatever_the_data(graph):
    _, edges = graph
    chosen = np.argsort(-published_scores(edges, 400))[:80]
    # 0.88 was measured on pbmc3k (docs/analyses.md); rows at random would give 0.5.
    assert 0.83 < chosen.mean() / 400 < 0.9


def test_mean_neighbour_distance_is_the_mean_length_of_the_edges(graph):
    points, edges = graph
    lengths = np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = np.sort(lengths, axis=1)[:, 1:6].mean(axis=1)
    np.testing.assert_allclose(mean_neighbour_distance(points, edges), expected, rtol=1e-5)
    np.testing.assert_allclose(mean_neighbour_distance(3 * points, edges), 3 * expected, rtol=1e-5)


def test_recalls_and_correlations_of_known_scores():
    rare = np.arange(100) < 10
    up = np.arange(100.0)
    table = compare_explanations({"attention": -up, "order": up, "same": np.ones(100)}, rare, n_selected=20)
    table = table.set_index("score")
    assert table.loc["attention", ["recall_highest", "recall_lowest", "overlap_with_attention"]].tolist() == [1, 0, 1]
    found = table.loc["order", ["spearman_with_attention", "recall_highest", "recall_lowest"]].tolist()
    np.testing.assert_allclose(found, [-1, 0, 1])
    assert table.loc["order", "overlap_with_attention"] == 0
    assert table.loc["same", ["spearman_with_attention", "recall_highest"]].isna().all()
    assert (table["chance"] == 0.2).all()


def test_random_selections_lie_in_the_interval_of_chance():
    rare = np.arange(200) < 20
    rng = np.random.default_rng(0)
    scores = {f"random {i}": rng.random(200) for i in range(300)}
    table = compare_explanations(scores, rare, n_selected=40)
    inside = table["recall_highest"].between(table["chance_low"] - 1e-9, table["chance_high"] + 1e-9)
    assert 0.93 < inside.mean() < 1
    np.testing.assert_allclose(table["recall_highest"].mean(), 0.2, atol=0.02)


def test_no_rare_cell_gives_no_recall_and_wrong_sizes_are_refused():
    table = compare_explanations({"attention": np.arange(10.0)}, np.zeros(10, dtype=bool), n_selected=2)
    assert table[["recall_highest", "chance", "chance_low"]].isna().all(axis=None)
    for n_selected, n in ((0, 10), (10, 10), (2, 9)):
        with pytest.raises(InputError, match="n_selected"):
            compare_explanations({"attention": np.arange(float(n))}, np.zeros(10, dtype=bool), n_selected=n_selected)
