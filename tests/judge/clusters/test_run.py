import anndata as ad
import numpy as np
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.judge.clusters import compare_clusters, score_clusters, select_genes
from scgarage.judge.clusters.clustering import ON_TRUTH
from scgarage.judge.clusters.run import COLUMNS, COMPARED_COLUMNS, METRICS, NO_SCORE
from scgarage.pp import Split

OPTIONS = {"selection": "pca_loading", "n_top_genes": 40, "choose": "n_types"}


@pytest.fixture(scope="module")
def parts() -> Split:
    cells = sg.datasets.pbmc68k()
    return sg.pp.split(cells, labels_key="cell_type", random_state=0)


def test_real_cells_score_near_zero(parts: Split) -> None:
    table = compare_clusters(parts.train, parts, **OPTIONS)
    assert list(table) == list(COMPARED_COLUMNS)
    assert table["metric"].tolist() == list(METRICS)
    row = table.set_index("metric").loc["nmi"]
    assert abs(row["value"] - row["floor"]) < 0.1
    assert abs(row["score"]) < 0.4
    assert row["score"] == pytest.approx((row["value"] - row["floor"]) / (row["null"] - row["floor"]))
    assert row["n_cells"] == int(0.8 * parts.test.n_obs)
    # Independent genes given the type have no variation but the types: clusters find them too well.
    assert row["null"] > row["floor"] + 0.1


def test_cells_with_shuffled_labels_are_told_from_real_ones(parts: Split) -> None:
    shuffled = parts.train.copy()
    shuffled.obs["cell_type"] = np.random.default_rng(0).permutation(parts.train.obs["cell_type"])
    table = compare_clusters(shuffled, parts, **OPTIONS).set_index("metric")
    assert abs(table.loc["ari", "value"]) < 0.08
    assert table.loc["ari", "floor"] > 0.3
    assert table.loc["nmi", "score"] < -1  # below real cells, away from the null


def test_independent_genes_score_near_one(parts: Split) -> None:
    rng = np.random.default_rng(1)
    means = parts.train.to_df().groupby(parts.train.obs["cell_type"].astype(str).to_numpy()).mean()
    labels = rng.choice(parts.train.obs["cell_type"].astype(str), size=300)
    poisson = ad.AnnData(rng.poisson(means.loc[labels]).astype(np.float32), var=parts.train.var)
    poisson.obs["cell_type"] = labels
    row = compare_clusters(poisson, parts, **OPTIONS).set_index("metric").loc["nmi"]
    assert row["score"] == pytest.approx(1.0, abs=0.35)


def test_genes_are_those_of_the_training_cells(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    from scgarage.judge.clusters import run as compare

    seen = []
    original = compare.score_structure

    def spy(cells, settings, **options):
        seen.append(cells)
        return original(cells, settings, **options)

    monkeypatch.setattr(compare, "score_structure", spy)
    compare_clusters(parts.validation, parts, resolutions=(0.5,), **(OPTIONS | {"selection": "fano"}))
    train = sg.pp.log1p_cp10k(parts.train.X)
    genes = select_genes(train, 40, selection="fano")
    synthetic = sg.pp.log1p_cp10k(parts.validation.X)[:, genes].toarray()
    known = {row.tobytes() for row in synthetic}
    assert len(seen) == 9
    assert all(row.tobytes() in known for row in seen[0].log_expr.toarray())
    assert {len(cells) for cells in seen} == {int(0.8 * parts.validation.n_obs)}


def test_order_of_genes_does_not_matter_and_unsure_cells_are_counted(parts: Split) -> None:
    synthetic = parts.train.copy()
    labels = synthetic.obs["cell_type"].astype(str).to_numpy()
    rarest = str(synthetic.obs["cell_type"].value_counts().index[-1])
    labels[labels == rarest] = "unsure"
    synthetic.obs["cell_type"] = labels
    options = OPTIONS | {"resolutions": (0.5, 1.0)}
    table = compare_clusters(synthetic, parts, **options)
    n_unsure = int((labels == "unsure").sum())
    assert (table["n_unsure"] == n_unsure).all()
    note = table.loc[0, "note"]
    assert (NO_SCORE in note) == np.isnan(table.loc[0, "score"])
    assert f"{n_unsure} of {len(labels)} synthetic cells unsure: clustered, not scored" in note
    assert f"no synthetic cells of: {rarest}" in note
    moved = synthetic[:, np.random.default_rng(2).permutation(synthetic.n_vars)].copy()
    assert compare_clusters(moved, parts, **options).equals(table)


def test_collapsed_cells_get_a_bad_score_and_no_error(parts: Split) -> None:
    collapsed = ad.AnnData(parts.train.X[np.zeros(200, dtype=int)], var=parts.train.var)
    collapsed.obs["cell_type"] = np.random.default_rng(3).choice(parts.train.obs["cell_type"], size=200)
    table = compare_clusters(collapsed, parts, **OPTIONS).set_index("metric")
    assert table.loc[["ari", "nmi"], "value"].tolist() == [0.0, 0.0]
    assert table.loc["nmi", "score"] < -1
    assert np.isnan(table.loc["silhouette", "value"])
    assert NO_SCORE in table.loc["silhouette", "note"]


def test_log_normalised_cells_use_the_normal_null(easy: ad.AnnData) -> None:
    normalised = easy.copy()
    normalised.X = sg.pp.log1p_cp10k(easy.X)
    parts = sg.pp.split(normalised, labels_key="cell_type")
    table = compare_clusters(parts.train, parts, resolutions=(0.3,), **OPTIONS)
    assert table.loc[0, "note"].split("; ")[0] == "null: independent normal log values, for want of counts"
    assert np.isfinite(table.set_index("metric").loc["ari", "null"])


def test_unusable_input_is_refused(parts: Split) -> None:
    with pytest.raises(InputError, match="n_repeats is 2; expected at least 3"):
        compare_clusters(parts.train, parts, n_repeats=2)
    with pytest.raises(InputError, match=r"synthetic cells have no obs\['cell_type'\]"):
        compare_clusters(ad.AnnData(parts.train.X, var=parts.train.var), parts)
    with pytest.raises(InputError, match="a sample would have 16 cells"):
        compare_clusters(parts.train[:20].copy(), parts)
    with pytest.raises(InputError, match="n_top_genes is 1"):
        compare_clusters(parts.train, parts, n_top_genes=1)


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
