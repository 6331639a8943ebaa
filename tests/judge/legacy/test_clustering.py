import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

import scgarage as sg
from scgarage.errors import InputError
from scgarage.judge.clusters.clustering import ON_TRUTH
from scgarage.judge.legacy.clustering import (
    legacy_clusters,
    legacy_cv2_score,
    legacy_fano_score,
    legacy_pca_loading_score,
)

OPTIONS = {"labels_key": "cell_type", "n_genes": 40, "resolutions": (0.2, 1.0), "step": 0.2}


def test_sweep_takes_the_best_ari_and_says_so(easy: ad.AnnData) -> None:
    synthetic = sg.datasets.simulate(200, 80, 4, 0.05, depth=3000, random_state=1)
    del synthetic.obs["cell_type"]
    swept = legacy_clusters(synthetic, easy, **OPTIONS)
    fixed = legacy_clusters(synthetic, easy, sweep=False, **OPTIONS)
    assert swept["genes_from"].tolist() == ["synthetic", "real", "both"]
    assert (swept["chosen_by"] == ON_TRUTH).all()
    assert (fixed["resolution"] == 1.0).all()
    assert (swept["ari"] >= fixed["ari"]).all()


def test_synthetic_cells_only_lend_their_genes(easy: ad.AnnData) -> None:
    # The published fault: cells made of real ones with every gene shuffled keep each gene's variance, so
    # they select the same genes and score like real cells.
    ruined = easy.copy()
    values = easy.X.toarray()
    ruined.X = np.random.default_rng(0).permuted(values, axis=0)
    table = legacy_clusters(ruined, easy, selection="cv2", **OPTIONS).set_index("genes_from")
    assert table.loc["synthetic", "ari"] > 0.8


def test_published_f1_depends_on_how_types_are_spelt(easy: ad.AnnData) -> None:
    renamed = easy.copy()
    renamed.obs["cell_type"] = easy.obs["cell_type"].map({"rare": "0", "type_1": "3", "type_2": "2", "type_3": "1"}.get)
    options = OPTIONS | {"selection": "pca_loading"}
    first, second = (legacy_clusters(easy, cells, **options) for cells in (easy, renamed))
    assert second["macro_f1"].to_numpy() == pytest.approx(first["macro_f1"].to_numpy())
    assert abs(second.loc[1, "macro_f1_published"] - first.loc[1, "macro_f1_published"]) > 0.1


def test_unusable_arguments_are_refused(easy: ad.AnnData) -> None:
    with pytest.raises(InputError, match="selection='hvg'"):
        legacy_clusters(easy, easy, labels_key="cell_type", selection="hvg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected 0 < first <= last"):
        legacy_clusters(easy, easy, labels_key="cell_type", resolutions=(2.0, 1.0))
    with pytest.raises(InputError, match="genes of the synthetic cells do not match"):
        legacy_clusters(easy[:, :50].copy(), easy, labels_key="cell_type")


def test_cv2_is_the_dispersion_standardised_in_its_bin(log_expr: sparse.csr_matrix) -> None:
    values = log_expr.toarray()
    mean, dispersion = values.mean(axis=0), np.zeros(40)
    for gene in np.flatnonzero(mean):
        dispersion[gene] = values[:, gene].var(ddof=1) / mean[gene]
    bounds = np.quantile(mean, np.linspace(0.1, 0.95, 18))
    for gene in range(40):
        number = (bounds <= mean[gene]).sum()
        mates = [other for other in range(40) if (bounds <= mean[other]).sum() == number]
        median = np.median(dispersion[mates])
        spread = np.median(np.abs(dispersion[mates] - median)) or 1e-8
        assert legacy_cv2_score(values)[gene] == pytest.approx(abs(dispersion[gene] - median) / spread)


def test_fano_prefers_steady_genes_and_puts_silent_ones_last() -> None:
    rng = np.random.default_rng(0)
    steady, wild = rng.normal(5, 0.1, (50, 1)), rng.exponential(5, (50, 1))
    values = np.hstack([wild, np.zeros((50, 1)), steady])
    score = legacy_fano_score(values)
    assert np.argsort(-score).tolist() == [2, 0, 1]
    assert score[0] == pytest.approx(-wild.var(ddof=1) / wild.mean())


def test_loading_is_the_largest_of_three(log_expr: sparse.csr_matrix) -> None:
    oracle = np.abs(PCA(3, svd_solver="full").fit(log_expr.toarray()).components_).max(axis=0)
    assert legacy_pca_loading_score(log_expr.toarray()) == pytest.approx(oracle, abs=1e-4)
