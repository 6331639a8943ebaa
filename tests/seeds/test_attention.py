import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr

from scgarage.errors import InputError
from scgarage.pp import communities
from scgarage.pp.graph import knn_graph
from scgarage.seeds import AttentionSelector, GATSettings, GlobalTopSelector, attention, attention_scores

ATTENTION_FAST = GATSettings(hidden=8, heads=2, n_epochs=40, accelerator="cpu", progress=False)
WITHOUT_STOPPING = GATSettings(hidden=8, heads=2, n_epochs=40, patience=None, accelerator="cpu", progress=False)


def test_scores_add_up_to_the_attention_that_is_not_kept(typed_cells):
    result = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST)
    n_cells = typed_cells.n_obs
    assert result.scores.shape == (n_cells,)
    assert result.scores.sum() == pytest.approx(n_cells * (1 - result.diagnostics["attention_to_self"]), rel=1e-5)


def test_diagnostics_say_what_they_are_named(typed_cells):
    typed_cells.layers["counts"] = np.round(10 * typed_cells.X)
    result = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST)
    found, scores = result.diagnostics, result.scores
    out_degree = np.bincount(knn_graph(typed_cells.obsm["X_pca"])[0], minlength=typed_cells.n_obs)
    totals = typed_cells.layers["counts"].sum(axis=1)
    assert found["spearman_out_degree"] == pytest.approx(spearmanr(scores, out_degree).statistic)
    assert found["spearman_library_size"] == pytest.approx(spearmanr(scores, totals).statistic)
    assert np.isnan(found["spearman_genes_detected"])  # every gene is expressed in every cell
    assert found["accuracy"] > 0.8
    assert 0 <= found["accuracy_held_out"] <= 1
    assert found["n_epochs"] == result.history["step"].max()


def test_unknown_library_size_is_nan_and_total_counts_are_found(typed_cells):
    unknown = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST).diagnostics
    typed_cells.obs["total_counts"] = np.arange(typed_cells.n_obs)
    known = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST).diagnostics
    assert np.isnan(unknown["spearman_library_size"])
    assert np.isfinite(known["spearman_library_size"])


def test_permuted_cells_are_trained_to_the_permuted_scores(typed_cells):
    order = np.random.default_rng(1).permutation(typed_cells.n_obs)
    original = attention_scores(typed_cells, labels_key="cell_type", settings=WITHOUT_STOPPING)
    permuted = attention_scores(typed_cells[order].copy(), labels_key="cell_type", settings=WITHOUT_STOPPING)
    np.testing.assert_allclose(permuted.scores, original.scores[order], atol=1e-3)
    assert not np.allclose(permuted.scores, original.scores, atol=1e-1)


def test_permuted_cells_give_the_same_seeds(typed_cells):
    order = np.random.default_rng(1).permutation(typed_cells.n_obs)
    selector = AttentionSelector("cell_type", gat=WITHOUT_STOPPING)
    original, permuted = selector.select(typed_cells, 40), selector.select(typed_cells[order].copy(), 40)
    assert set(order[permuted.indices]) == set(original.indices)


def test_sparse_and_dense_expression_give_the_same_scores(typed_cells):
    typed_cells.X[typed_cells.X < 0.2] = 0
    dense = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST)
    typed_cells.X = sparse.csr_matrix(typed_cells.X)
    csr = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST)
    assert np.array_equal(dense.scores, csr.scores)
    assert dense.diagnostics["spearman_genes_detected"] == csr.diagnostics["spearman_genes_detected"]


def test_large_data_are_trained_on_a_subsample_and_scored_in_full(typed_cells, monkeypatch):
    settings = GATSettings(hidden=8, heads=2, n_epochs=40, max_cells=60, chunk_size=25, accelerator="cpu")
    trained_on = {}
    from scgarage.seeds import attention

    def spy(log_expr, edges, types, **options):
        trained_on["counts"] = np.bincount(types)
        return train_gat(log_expr, edges, types, **options)

    train_gat = attention.train_gat
    monkeypatch.setattr(attention, "train_gat", spy)
    result = attention_scores(typed_cells, labels_key="cell_type", settings=settings)
    # B, NK, T and pDC have 60, 30, 80 and 6 cells: 7 places each at least, and every pDC.
    assert trained_on["counts"].sum() == 60
    assert trained_on["counts"][3] == 6
    assert trained_on["counts"].min() >= 6
    assert result.scores.shape == (typed_cells.n_obs,)
    kept = result.diagnostics["attention_to_self"]
    assert result.scores.sum() == pytest.approx(typed_cells.n_obs * (1 - kept), rel=1e-5)
    assert result.diagnostics["accuracy"] > 0.7


def test_seeds_of_a_type_are_its_cells_of_highest_score(typed_cells):
    seeds = AttentionSelector("cell_type", gat=ATTENTION_FAST).select(typed_cells, 40)
    labels = typed_cells.obs["cell_type"].to_numpy()
    for name in np.unique(labels):
        picked = seeds.indices[labels[seeds.indices] == name]
        left = np.setdiff1d(np.flatnonzero(labels == name), picked)
        assert len(left) == 0 or seeds.scores[picked].min() >= seeds.scores[left].max()


def test_boost_triples_the_share_of_rare_types(typed_cells):
    plain = AttentionSelector("cell_type", gat=ATTENTION_FAST, rare_boost=0.0, minimum=0).select(typed_cells, 60)
    boosted = AttentionSelector("cell_type", gat=ATTENTION_FAST, rare_boost=2.0).select(typed_cells, 60)
    assert plain.diagnostics["rare_share"] == pytest.approx(2 / 60)
    assert boosted.diagnostics["rare_share"] == pytest.approx(6 / 60)
    assert boosted.diagnostics["rare_share_by_chance"] == pytest.approx(6 / 176)


def test_the_data_are_not_changed(typed_cells):
    before = typed_cells.copy()
    AttentionSelector("cell_type", gat=ATTENTION_FAST).select(typed_cells, 10)
    assert list(typed_cells.obs) == list(before.obs)
    assert list(typed_cells.obsm) == list(before.obsm)
    assert not typed_cells.uns
    assert not typed_cells.obsp
    assert np.array_equal(typed_cells.X, before.X)


def one_type(adata: ad.AnnData) -> None:
    adata.obs["cell_type"] = "T"


def counts(adata: ad.AnnData) -> None:
    adata.X = np.ceil(adata.X)


def no_components(adata: ad.AnnData) -> None:
    adata.obsm["X_scvi"] = adata.obsm.pop("X_pca")


def bad_components(adata: ad.AnnData) -> None:
    adata.obsm["X_pca"][3, 0] = np.nan


def missing_values(adata: ad.AnnData) -> None:
    adata.X[3, 0] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (one_type, "one label"),
        (counts, "holds counts and log-normalised values are expected"),
        (no_components, "no 'X_pca'.*available: 'X_scvi'"),
        (bad_components, "not finite, in 1 cells"),
        (missing_values, "NaN"),
    ],
)
def test_unusable_data_are_refused(typed_cells, damage, message):
    damage(typed_cells)
    with pytest.raises(InputError, match=message):
        attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_FAST)


ATTENTION_SELECTOR_FAST = GATSettings(hidden=8, heads=2, n_epochs=20, accelerator="cpu", progress=False)


def test_without_degree_the_score_is_the_attention_for_each_cell_that_lists_it(typed_cells):
    raw = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_SELECTOR_FAST)
    found = attention_scores(typed_cells, labels_key="cell_type", settings=ATTENTION_SELECTOR_FAST, correct_degree=True)
    edges = knn_graph(typed_cells.obsm["X_pca"]).numpy()
    listed_by = np.array([(edges[0] == cell).sum() for cell in range(typed_cells.n_obs)])
    mean = raw.scores.sum() / edges.shape[1]
    np.testing.assert_allclose(found.scores, (raw.scores + mean) / (listed_by + 1))
    assert raw.diagnostics["spearman_out_degree"] > 0.8
    assert abs(found.diagnostics["spearman_out_degree"]) < 0.5


def test_the_selector_passes_the_correction_on(typed_cells):
    seeds = AttentionSelector("cell_type", gat=ATTENTION_SELECTOR_FAST, correct_degree=True).select(typed_cells, 20)
    expected = attention_scores(
        typed_cells, labels_key="cell_type", settings=ATTENTION_SELECTOR_FAST, correct_degree=True
    )
    np.testing.assert_array_equal(seeds.scores, expected.scores)


def test_without_labels_communities_are_learned_and_the_highest_scores_taken(typed_cells):
    result = attention_scores(typed_cells, labels_key=None, settings=ATTENTION_SELECTOR_FAST)
    found = communities(typed_cells.obsm["X_pca"])[0].astype(str)
    np.testing.assert_array_equal(result.types.names[result.types.codes], found)
    for kind in (AttentionSelector, GlobalTopSelector):
        seeds = kind(gat=ATTENTION_SELECTOR_FAST).select(typed_cells, 30)
        assert set(seeds.indices) == set(np.argsort(-result.scores, kind="stable")[:30])
        assert "rare_share" not in seeds.diagnostics


def test_labels_are_not_looked_at_without_a_key(typed_cells):
    before = attention_scores(typed_cells, labels_key=None, settings=ATTENTION_SELECTOR_FAST).scores
    typed_cells.obs["cell_type"] = typed_cells.obs["cell_type"].to_numpy()[::-1]
    np.testing.assert_array_equal(
        attention_scores(typed_cells, labels_key=None, settings=ATTENTION_SELECTOR_FAST).scores, before
    )


def test_one_community_leaves_nothing_to_learn(typed_cells, monkeypatch):
    monkeypatch.setattr(attention, "communities", lambda points, **_: np.zeros((1, len(points)), dtype=np.int64))
    with pytest.raises(InputError, match="one community"):
        AttentionSelector(gat=ATTENTION_SELECTOR_FAST).select(typed_cells, 2)
