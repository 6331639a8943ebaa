import numpy as np
import pytest
from anndata import AnnData

from scgarage.judge.evaluation import sensitivity as defects

KEY = "cell_type"
NAMES = (
    "copies", "jittered_copies", "half_depth", "double_depth", "dropout", "averaged", "merged_types",
    "merged_rare_types", "permuted_genes", "independent_genes", "shrunken_variance",
)  # fmt: skip
ALL = [getattr(defects, name) for name in NAMES]


@pytest.fixture(scope="module")
def cells(simulate) -> AnnData:
    return simulate(500, seed=5)


def dense(cells: AnnData) -> np.ndarray:
    return cells.to_df().to_numpy()


def within_variance(cells: AnnData, values: np.ndarray) -> float:
    labels = cells.obs[KEY].astype(str).to_numpy()
    return float(np.mean([values[labels == name].var(axis=0).mean() for name in ("B", "T")]))


@pytest.mark.parametrize("defect", ALL, ids=NAMES)
def test_counts_stay_counts_and_labels_and_the_input_stay(defect, cells: AnnData) -> None:
    before = dense(cells).copy()
    made, again, other = (defect(cells, KEY, random_state=seed) for seed in (0, 0, 1))
    values = dense(made)
    assert (values >= 0).all()
    assert (values == np.round(values)).all()
    assert made.obs[KEY].tolist() == cells.obs[KEY].tolist()
    assert made.var_names.equals(cells.var_names)
    assert (dense(again) == values).all()
    assert (dense(other) == values).all() == (defect in {defects.copies, defects.double_depth})
    assert (dense(cells) == before).all()


@pytest.mark.parametrize(
    ("defect", "depth"),
    [
        (defects.copies, 1.0),
        (defects.jittered_copies, 0.9),
        (defects.half_depth, 0.5),
        (defects.double_depth, 2.0),
        (defects.dropout, 0.8),
        (defects.averaged, 1.0),
        (defects.merged_types, 1.0),
        (defects.merged_rare_types, 1.0),
        (defects.permuted_genes, 1.0),
        (defects.independent_genes, 1.0),
        (defects.shrunken_variance, 1.0),
    ],
)
def test_total_counts_change_as_described(defect, depth: float, cells: AnnData) -> None:
    assert dense(defect(cells, KEY)).sum() / dense(cells).sum() == pytest.approx(depth, rel=0.04)


def test_permuting_keeps_each_gene_of_each_type_and_breaks_the_cells(cells: AnnData) -> None:
    made, labels = dense(defects.permuted_genes(cells, KEY)), cells.obs[KEY].astype(str).to_numpy()
    for name in np.unique(labels):
        assert (np.sort(made[labels == name], axis=0) == np.sort(dense(cells)[labels == name], axis=0)).all()
    assert made.sum(axis=1).std() < 0.7 * dense(cells).sum(axis=1).std()


def test_variances_are_those_described(cells: AnnData) -> None:
    real = within_variance(cells, dense(cells))
    shrunk = within_variance(cells, dense(defects.shrunken_variance(cells, KEY)))
    rounding = 0.25  # the most that rounding at random adds to a gene
    assert 0.68 * real < shrunk < 0.72 * real + rounding
    assert within_variance(cells, dense(defects.averaged(cells, KEY))) < 0.75 * real


def test_merged_types_have_the_same_mean(cells: AnnData) -> None:
    made, labels = dense(defects.merged_types(cells, KEY)), cells.obs[KEY].astype(str).to_numpy()
    before, after = (
        np.abs(values[labels == "B"].mean(axis=0) - values[labels == "T"].mean(axis=0)).mean()
        for values in (dense(cells), made)
    )
    assert after < 0.15 * before
    others = ~np.isin(labels, ["B", "T"])
    assert (made[others] == dense(cells)[others]).all()


def test_a_missing_column_is_an_error(cells: AnnData) -> None:
    with pytest.raises(KeyError, match="no such"):
        defects.permuted_genes(cells, "no such")


def test_the_common_type_least_like_the_commonest_is_merged_with_it() -> None:
    """B is the commonest; A is nearly B, C is far; R is farther and rare."""
    means = {"B": [9, 1, 1, 1], "A": [8, 2, 1, 1], "C": [1, 1, 9, 1], "R": [0.1, 0.1, 0.1, 40]}
    labels = np.repeat(list(means), [50, 30, 16, 4])
    values = np.random.default_rng(0).poisson([means[name] for name in labels]).astype(np.float32)
    toy = AnnData(values, obs={KEY: labels})
    made = dense(defects.merged_types(toy, KEY))
    changed = set(labels[(made != values).any(axis=1)])
    assert changed == {"B", "C"}
    rare = dense(defects.merged_rare_types(toy, KEY))
    assert set(labels[(rare != values).any(axis=1)]) == {"R"}
    assert 10 < rare[labels == "R", 3].mean() < 30
    assert rare[labels == "R", :3].sum() > 0
