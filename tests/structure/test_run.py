import anndata as ad
import numpy as np
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.judge.clusters import score_clusters
from scgarage.judge.clusters.clustering import ON_TRUTH
from scgarage.judge.clusters.run import COLUMNS

NUMBERS = ["n_clusters", "ari", "nmi", "macro_f1"]


def test_real_blood_cells_from_end_to_end() -> None:
    cells = sg.datasets.pbmc68k()
    table = score_clusters(cells, labels_key="cell_type", n_repeats=2)
    assert list(table) == list(COLUMNS)
    assert len(table) == 3 * 2
    assert (table["n_cells"] == 700).all()
    assert table[["ari", "nmi", "macro_f1"]].to_numpy().min() > 0.15
    assert table[["ari", "nmi", "macro_f1"]].to_numpy().max() < 0.95
    best = score_clusters(cells, labels_key="cell_type", legacy=True, n_repeats=1)
    honest = table[table["repeat"] == 0]
    assert (best["ari"].to_numpy() >= honest["ari"].to_numpy() - 1e-12).all()  # same seeds, same sweep
    assert (best["chosen_by"] == ON_TRUTH).all()


def test_types_far_apart_are_found_whatever_the_order_of_the_cells(easy: ad.AnnData) -> None:
    options = {"labels_key": "cell_type", "n_top_genes": 40, "choose": "n_types", "n_repeats": 1}
    table = score_clusters(easy, selection="pca_loading", **options)
    assert table.loc[0, "ari"] > 0.95
    assert table.loc[0, "n_clusters"] == 4
    moved = easy[np.random.default_rng(0).permutation(easy.n_obs)]
    again = score_clusters(moved, selection="pca_loading", **options)
    assert again[NUMBERS].to_numpy() == pytest.approx(table[NUMBERS].to_numpy())


def test_labels_do_not_choose_the_resolution(easy: ad.AnnData) -> None:
    shuffled = easy.copy()
    shuffled.obs["cell_type"] = np.random.default_rng(1).permutation(easy.obs["cell_type"])
    options = {"labels_key": "cell_type", "n_top_genes": 40, "n_repeats": 1, "resolutions": (0.1, 0.4, 1.0, 2.0)}
    table, chance = score_clusters(easy, **options), score_clusters(shuffled, **options)
    for column in ("resolution", "n_clusters", "silhouette"):
        assert table[column].tolist() == chance[column].tolist()
    assert chance["ari"].abs().max() < 0.1


def test_unsure_cells_are_clustered_and_not_scored(easy: ad.AnnData) -> None:
    some = easy.copy()
    labels = easy.obs["cell_type"].astype(str).to_numpy()
    labels[:40] = "unsure"
    some.obs["cell_type"] = labels
    some.obs.iloc[0, some.obs.columns.get_loc("cell_type")] = None
    options = {"labels_key": "cell_type", "selection": "fano", "n_top_genes": 40, "n_repeats": 1}
    table, full = score_clusters(some, n_types=4, **options), score_clusters(easy, n_types=4, **options)
    assert table.loc[0, ["n_cells", "n_unsure"]].tolist() == [240, 40]
    assert table.loc[0, "silhouette"] == full.loc[0, "silhouette"]
    assert table.loc[0, "ari"] > 0.9


def test_large_data_are_drawn_from_anew(easy: ad.AnnData) -> None:
    table = score_clusters(easy, labels_key="cell_type", selection="fano", n_top_genes=40, max_cells=150, n_repeats=3)
    assert (table["n_cells"] == 150).all()
    assert table["silhouette"].nunique() == 3
    again = score_clusters(easy, labels_key="cell_type", selection="fano", n_top_genes=40, max_cells=150, n_repeats=3)
    assert again.equals(table)


def test_log_normalised_values_give_the_same(easy: ad.AnnData) -> None:
    normalised = easy.copy()
    normalised.X = sg.pp.log1p_cp10k(easy.X)
    options = {"labels_key": "cell_type", "selection": "cv2", "n_top_genes": 40, "n_repeats": 1}
    assert score_clusters(normalised, **options)[NUMBERS].equals(score_clusters(easy, **options)[NUMBERS])


def test_unusable_arguments_are_refused(easy: ad.AnnData) -> None:
    with pytest.raises(InputError, match=r"adata\.obs has no 'type'; pass labels_key= one of: 'cell_type'"):
        score_clusters(easy, labels_key="type")
    with pytest.raises(InputError, match="n_repeats is 0"):
        score_clusters(easy, labels_key="cell_type", n_repeats=0)
    with pytest.raises(InputError, match="choose is 'truth'"):
        score_clusters(easy, labels_key="cell_type", choose="truth")  # type: ignore[arg-type]
    unsure = easy.copy()
    unsure.obs["cell_type"] = "unsure"
    with pytest.raises(InputError, match="gives no cell a type"):
        score_clusters(unsure, labels_key="cell_type")
