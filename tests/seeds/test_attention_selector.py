import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.pp.graph import knn_graph
from scgarage.seeds import AttentionSelector, GATSettings, GlobalTopSelector, attention, attention_scores

FAST = GATSettings(hidden=8, heads=2, n_epochs=20, accelerator="cpu", progress=False)


def test_without_degree_the_score_is_the_attention_for_each_cell_that_lists_it(typed_cells):
    raw = attention_scores(typed_cells, labels_key="cell_type", settings=FAST)
    found = attention_scores(typed_cells, labels_key="cell_type", settings=FAST, correct_degree=True)
    edges = knn_graph(typed_cells.obsm["X_pca"]).numpy()
    listed_by = np.array([(edges[0] == cell).sum() for cell in range(typed_cells.n_obs)])
    mean = raw.scores.sum() / edges.shape[1]
    np.testing.assert_allclose(found.scores, (raw.scores + mean) / (listed_by + 1))
    assert raw.diagnostics["spearman_out_degree"] > 0.8
    assert abs(found.diagnostics["spearman_out_degree"]) < 0.5


def test_the_selector_passes_the_correction_on(typed_cells):
    seeds = AttentionSelector("cell_type", gat=FAST, correct_degree=True).select(typed_cells, 20)
    expected = attention_scores(typed_cells, labels_key="cell_type", settings=FAST, correct_degree=True)
    np.testing.assert_array_equal(seeds.scores, expected.scores)


def test_without_labels_communities_are_learned_and_the_highest_scores_taken(typed_cells):
    result = attention_scores(typed_cells, labels_key=None, settings=FAST)
    found = communities(typed_cells.obsm["X_pca"])[0].astype(str)
    np.testing.assert_array_equal(result.types.names[result.types.codes], found)
    for kind in (AttentionSelector, GlobalTopSelector):
        seeds = kind(gat=FAST).select(typed_cells, 30)
        assert set(seeds.indices) == set(np.argsort(-result.scores, kind="stable")[:30])
        assert "rare_share" not in seeds.diagnostics


def test_labels_are_not_looked_at_without_a_key(typed_cells):
    before = attention_scores(typed_cells, labels_key=None, settings=FAST).scores
    typed_cells.obs["cell_type"] = typed_cells.obs["cell_type"].to_numpy()[::-1]
    np.testing.assert_array_equal(attention_scores(typed_cells, labels_key=None, settings=FAST).scores, before)


def test_one_community_leaves_nothing_to_learn(typed_cells, monkeypatch):
    monkeypatch.setattr(attention, "communities", lambda points, **_: np.zeros((1, len(points)), dtype=np.int64))
    with pytest.raises(InputError, match="one community"):
        AttentionSelector(gat=FAST).select(typed_cells, 2)
