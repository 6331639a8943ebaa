import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.rare import poisson_by_type
from scgarage.judge.rare.augmenters import RealCells, make_cells, normalise


def test_poisson_cells_have_the_profile_and_library_sizes_of_their_type(tiny):
    made = poisson_by_type("cell_type")(tiny, {"rare": 4000, "type_1": 10}, 0)
    assert made.obs["cell_type"].value_counts().to_dict() == {"rare": 4000, "type_1": 10}
    real = tiny.X[(tiny.obs["cell_type"] == "rare").to_numpy()].toarray().astype(float)
    counts = made.X[:4000].toarray().astype(float)
    totals = real.sum(axis=1)
    profile = real.sum(axis=0) / real.sum()
    mean = totals.mean() * profile
    variance = mean + totals.var() * profile**2
    np.testing.assert_allclose(counts.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(counts.var(axis=0), variance, rtol=0.2)
    assert (counts[:, profile == 0] == 0).all()


def test_only_training_cells_reach_the_generator_and_their_path_is_shared(tiny):
    real = RealCells.of(tiny, labels_key="cell_type")
    seen = {}

    def copy(train, wanted, seed):
        seen.update(names=list(train.obs_names), wanted=wanted, seed=seed)
        return train

    rows = np.arange(0, 120, 2)
    log_expr, codes = make_cells(copy, real, rows, {0: 7, 1: 9}, needed=np.array([1]), random_state=11)
    assert seen["names"] == tiny.obs_names[rows].tolist()
    assert seen["wanted"] == {str(real.types[0]): 7, str(real.types[1]): 9}
    assert seen["seed"] == 11
    kept = np.isin(real.codes[rows], [0, 1])
    np.testing.assert_array_equal(log_expr.toarray(), real.log_expr[rows[kept]].toarray())
    np.testing.assert_array_equal(codes, real.codes[rows[kept]])


def test_genes_may_come_in_another_order_and_empty_cells_are_left_out(tiny):
    real = RealCells.of(tiny, labels_key="cell_type")

    def turned(train, wanted, seed):
        made = train[:, ::-1].copy()
        counts = made.X.toarray()
        counts[:10] = 0
        made.X = sparse.csr_matrix(counts)
        return made

    wanted = dict.fromkeys(range(3), 1)
    log_expr, _ = make_cells(turned, real, np.arange(120), wanted, needed=np.array([0]), random_state=0)
    np.testing.assert_array_equal(log_expr.toarray(), real.log_expr[10:].toarray())


def logged(train):
    made = train.copy()
    made.X = normalise(train, None, "counts")
    return made


def without_labels(train):
    return ad.AnnData(train.X, var=train.var)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_labels, r"have no obs\['cell_type'\]"),
        (lambda train: train[:, :50].copy(), "10 of 60 genes are missing"),
        (lambda train: train[(train.obs["cell_type"] != "rare").to_numpy()].copy(), "made no cell of 'rare'"),
        (logged, "synthetic values are log-normalised, the real ones counts"),
    ],
)
def test_cells_that_cannot_be_used_are_refused(tiny, change, message):
    real = RealCells.of(tiny, labels_key="cell_type")
    with pytest.raises(InputError, match=message):
        make_cells(
            lambda train, wanted, seed: change(train),
            real,
            np.arange(120),
            {0: 5, 1: 5, 2: 5},
            needed=np.array([0, 1, 2]),
            random_state=0,
        )


def test_poisson_needs_counts_and_cells_of_the_type(tiny):
    with pytest.raises(InputError, match="no training cells of 'pDC'"):
        poisson_by_type("cell_type")(tiny, {"pDC": 3}, 0)
    with pytest.raises(InputError, match="counts"):
        poisson_by_type("cell_type")(logged(tiny), {"rare": 3}, 0)


def test_types_of_few_cells_are_left_out_and_synthetic_cells_refused(tiny):
    labels = tiny.obs["cell_type"].astype(str).to_numpy()
    labels[:2] = "pair"
    tiny.obs["cell_type"] = labels
    with pytest.warns(UserWarning, match=r"left out: 'pair' \(2\)"):
        real = RealCells.of(tiny, labels_key="cell_type")
    assert real.adata.n_obs == 118
    tiny.obs["source"] = "synthetic"
    with pytest.raises(InputError, match="synthetic"):
        RealCells.of(tiny, labels_key="cell_type")
