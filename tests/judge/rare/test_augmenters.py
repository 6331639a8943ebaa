from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import read_cells
from scgarage.judge.rare import COMPARATORS, loras, poisson_by_type
from scgarage.judge.rare.augmenters import RealCells, make_cells


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
    made.X = read_cells(train).log_expr
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


RESAMPLERS = ("ros", "smote", "loras")


def added(train, name, wanted, seed=0):
    joined = COMPARATORS[name](train, wanted, seed)
    n_real = len(train.codes)
    np.testing.assert_array_equal(joined.log_expr[:n_real], train.log_expr)
    np.testing.assert_array_equal(joined.codes[:n_real], train.codes)
    return joined.log_expr[n_real:], joined.codes[n_real:]


def test_smote_is_that_of_imbalanced_learn(train):
    cells, codes = added(train, "smote", {2: 30}, seed=3)
    expected, labels = SMOTE(sampling_strategy={2: 38}, k_neighbors=5, random_state=3).fit_resample(
        train.log_expr, train.codes
    )
    np.testing.assert_array_equal(cells, expected[73:])
    np.testing.assert_array_equal(codes, labels[73:])


def test_random_oversampling_copies_real_cells_of_the_type(train):
    cells, codes = added(train, "ros", {2: 50, 1: 10})
    assert codes.tolist() == [2] * 50 + [1] * 10
    for code in (1, 2):
        real = {row.tobytes() for row in train.rows(code)}
        copies = [row.tobytes() for row in cells[codes == code]]
        assert set(copies) <= real
        assert len(set(copies)) > 1


@pytest.mark.parametrize("name", RESAMPLERS)
def test_seed_fixes_the_cells_and_other_types_do_not_change_them(train, name):
    first, again, other = (added(train, name, {2: 20}, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    both, codes = added(train, name, {1: 7, 2: 20}, seed=1)
    np.testing.assert_array_equal(both[codes == 2], first)


@pytest.mark.parametrize("name", RESAMPLERS)
def test_three_real_cells_are_enough(train, name):
    few = replace(train, log_expr=train.log_expr[:68], codes=train.codes[:68])
    cells, codes = added(few, name, {2: 12})
    assert cells.shape == (12, 20)
    assert cells.dtype == np.float32
    assert (codes == 2).all()


def test_weights_change_no_cell(train):
    assert COMPARATORS["none"](train, {2: 5}, 0) is train
    balanced = COMPARATORS["balanced-pca"](train, {2: 5}, 0)
    weighted = COMPARATORS["class-weights"](train, {2: 5}, 0)
    assert (balanced.balanced_pca, balanced.balanced_classifier) == (True, False)
    assert (weighted.balanced_pca, weighted.balanced_classifier) == (True, True)
    assert balanced.log_expr is weighted.log_expr is train.log_expr


def test_moments_match_the_closed_form():
    # All cells are neighbours, so a cell is a Dirichlet(1, ..., 1) mean of M points plus noise; its covariance is
    # that of the points (divisor M) over M + 1, plus 2 / (M + 1) of the noise's.
    points = np.random.default_rng(0).normal(size=(6, 3))
    made = loras(points, 200_000, n_neighbors=5, noise=0.3)
    np.testing.assert_allclose(made.mean(axis=0), points.mean(axis=0), atol=0.005)
    expected = np.cov(points.T, bias=True) / 7 + 0.3**2 * 2 / 7 * np.eye(3)
    np.testing.assert_allclose(np.cov(made.T), expected, atol=0.003)


def test_without_noise_two_cells_give_the_segment_between_them():
    made = loras(np.array([[0.0, 0.0], [2.0, 4.0]]), 1000, noise=0.0)
    np.testing.assert_allclose(made[:, 1], 2 * made[:, 0])
    assert 0 <= made[:, 0].min() < 0.05
    assert 1.95 < made[:, 0].max() <= 2


def test_only_neighbours_are_combined():
    far_apart = np.concatenate([np.zeros((6, 2)), np.full((6, 2), 100.0)])
    made = loras(far_apart, 300, noise=0.0)
    np.testing.assert_allclose(np.minimum(made, 100 - made), 0, atol=1e-9)


def test_shift_and_scale_go_through():
    points = np.random.default_rng(1).normal(size=(9, 4))
    made = loras(points, 40, noise=0.1, random_state=5)
    np.testing.assert_allclose(loras(3 * points + 2, 40, noise=0.3, random_state=5), 3 * made + 2, atol=1e-9)


@pytest.mark.parametrize(
    ("n_real", "arguments"), [(1, {}), (5, {"n_neighbors": 0}), (5, {"n_cells": -1}), (5, {"noise": -0.1})]
)
def test_arguments_without_sense_are_refused(n_real, arguments):
    with pytest.raises(InputError, match="LoRAS needs at least 2 real cells"):
        loras(np.zeros((n_real, 2)), **{"n_cells": 3} | arguments)
