import numpy as np
import pytest

from scgarage.analyses import compare_explanations, published_scores
from scgarage.analyses.attention import neighbour_distance
from scgarage.errors import InputError
from scgarage.pp.graph import knn_graph


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


def test_neighbour_distance_is_the_mean_length_of_the_edges(graph):
    points, edges = graph
    lengths = np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = np.sort(lengths, axis=1)[:, 1:6].mean(axis=1)
    np.testing.assert_allclose(neighbour_distance(points, edges), expected, rtol=1e-5)
    np.testing.assert_allclose(neighbour_distance(3 * points, edges), 3 * expected, rtol=1e-5)


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
