import numpy as np
import pytest
from scipy import sparse

from scgarage.models.garage.strata import FARTHEST, SLOPES, Depth, Strata, drawn_to_types, fit_slopes


def simulated(slopes, n_cells=4000, level=3.0, seed=0):
    rng = np.random.default_rng(seed)
    totals = np.exp(rng.normal(7, 0.5, n_cells))
    x = (np.log(totals) - np.log(totals).mean()) / np.log(totals).std()
    mean = totals[:, None] / totals.mean() * level * np.exp(x[:, None] * np.asarray(slopes))
    return rng.poisson(mean).astype(float), totals


def found(counts, totals, codes=None, n_strata=1):
    codes = np.zeros(len(totals), dtype=np.int64) if codes is None else codes
    strata = Strata.of(codes, np.zeros_like(codes), n_strata, 1)
    return fit_slopes(sparse.csc_matrix(counts), totals, codes, Depth.fit(totals, codes, strata))


def test_slopes_of_a_poisson_regression_come_back():
    from sklearn.linear_model import PoissonRegressor

    truth = [-0.4, 0.0, 0.3, 0.6]
    counts, totals = simulated(truth)
    slopes, _ = found(counts, totals)
    np.testing.assert_allclose(slopes[0], truth, atol=0.03)
    x = (np.log(totals) - np.log(totals).mean()) / np.log(totals).std()
    reference = [
        PoissonRegressor(alpha=0, tol=1e-8)
        .fit(x[:, None], gene / totals * totals.mean(), sample_weight=totals)
        .coef_[0]
        for gene in counts.T
    ]
    np.testing.assert_allclose(slopes[0], reference, atol=0.01)


def test_exposure_makes_the_means_of_the_training_cells():
    counts, totals = simulated([-0.4, 0.5])
    slopes, exposure = found(counts, totals)
    x = Depth.fit(totals, np.zeros(4000, dtype=np.int64), Strata(1, 1, np.array([4000])))
    x = x.standardise(totals, np.zeros(4000, dtype=np.int64))
    share = counts.sum(axis=0) / exposure[0]
    expected = totals[:, None] * share * np.exp(slopes[0] * x)
    np.testing.assert_allclose(expected.sum(axis=0), counts.sum(axis=0), rtol=0.01)


def test_few_cells_give_no_slope_and_many_do():
    counts, totals = simulated([0.6], level=0.05)
    few, many = found(counts[:30], totals[:30])[0][0, 0], found(counts, totals)[0][0, 0]
    assert abs(few) < 0.1
    assert many == pytest.approx(0.6, abs=0.2)


def test_a_stratum_without_cells_and_a_gene_without_counts_have_none():
    counts, totals = simulated([0.5, 0.0])
    counts[:, 1] = 0
    slopes, exposure = found(counts, totals, np.full(4000, 2), n_strata=3)
    assert (slopes[:2] == 0).all()
    assert slopes[2, 1] == 0
    assert np.isfinite(exposure).all()
    assert np.abs(slopes).max() <= SLOPES[-1]


def test_cells_of_one_depth_have_no_slope():
    counts = np.random.default_rng(0).poisson(2.0, (50, 3)).astype(float)
    slopes, exposure = found(counts, np.full(50, 100.0))
    assert (slopes == 0).all()
    np.testing.assert_allclose(exposure, 5000.0)


def test_depth_is_standard_within_strata_and_never_far_out():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 2000)
    totals = np.exp(rng.normal(7, 0.5, 4000) + codes)
    depth = Depth.fit(totals, codes, Strata.of(codes, np.zeros_like(codes), 2, 1))
    x = depth.standardise(totals, codes)[:, 0]
    for code in (0, 1):
        assert x[codes == code].mean() == pytest.approx(0, abs=0.05)
        assert x[codes == code].std() == pytest.approx(1, abs=0.05)
    assert np.abs(depth.standardise(np.array([1.0, 1e9]), np.array([0, 1]))).max() == FARTHEST


def test_sums_of_noisy_cells_are_distributed_like_the_library_sizes():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 5000)
    totals = np.exp(rng.normal(7, 0.5, 10_000) - codes)

    def drawn(sizes):
        return sizes * np.exp(rng.normal(-0.2, 0.3, len(sizes)))

    depth = Depth.fit(totals, codes, Strata.of(codes, np.zeros_like(codes), 2, 1))
    made = drawn(depth.calibrated(totals, drawn(totals), codes).aimed_at(totals, codes))
    for code in (0, 1):
        mine = codes == code
        assert np.log(made[mine]).mean() == pytest.approx(np.log(totals[mine]).mean(), abs=0.03)
        assert np.log(made[mine]).std() == pytest.approx(np.log(totals[mine]).std(), rel=0.03)
    np.testing.assert_allclose(depth.aimed_at(totals, codes), totals)


def test_codes_and_their_parts():
    types, batches = np.array([0, 0, 2, 1]), np.array([1, 0, 1, 1])
    strata = Strata.of(types, batches, 3, 2)
    codes = strata.code(types, batches)
    assert codes.tolist() == [1, 0, 5, 3]
    np.testing.assert_array_equal(np.stack(strata.split(codes)), np.stack([types, batches]))
    assert strata.sizes.tolist() == [1, 1, 0, 1, 0, 1]
    assert Strata.of(types[:1], batches[:1], 3, 2).sizes.shape == (6,)


def test_one_batch_expects_the_share_over_all_types():
    counts = sparse.csr_matrix(np.array([[2.0, 0, 2], [0, 3, 3]]))
    strata = Strata.of(np.array([0, 1]), np.zeros(2, dtype=np.int64), 2, 1)
    share = strata.expected_share(counts, np.array([4.0, 6.0]), np.array([0, 1]))
    np.testing.assert_allclose(share, np.tile([0.2, 0.3, 0.5], (2, 1)))


def test_batches_that_act_alike_on_all_types_tell_what_a_stratum_never_seen_looks_like():
    rng = np.random.default_rng(0)
    profile = rng.dirichlet(np.ones(30), size=2)
    effect = np.exp(rng.normal(0, 0.5, (2, 30)))
    truth = profile[:, None] * effect[None]
    truth = (truth / truth.sum(axis=2, keepdims=True)).reshape(4, 30)
    codes = np.repeat([0, 1, 2], 400)  # type 1 was never seen in batch 1
    totals = np.full(1200, 2000.0)
    counts = sparse.csr_matrix(rng.poisson(2000 * truth[codes]).astype(float))
    strata = Strata.of(codes // 2, codes % 2, 2, 2)
    share = strata.expected_share(counts, totals, codes)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    naive = truth[2]
    assert np.abs(np.log(share[3] / truth[3])).mean() < 0.6 * np.abs(np.log(naive / truth[3])).mean()


def test_a_type_seen_in_one_batch_only_does_not_hide_what_the_batch_does():
    """Many such types: their means hold the whole effect, which a comparison with them would not find."""
    rng = np.random.default_rng(0)
    profile, effect = rng.dirichlet(np.ones(30), size=6), np.exp(rng.normal(0, 0.7, 30))
    truth = profile[:, None] * np.stack([np.ones(30), effect])[None]
    truth = (truth / truth.sum(axis=2, keepdims=True)).reshape(12, 30)
    codes = np.repeat([0, 1, 2, 5, 7, 9, 11], 300)  # types 0 and 1 in batch 0, types 0 and 2 to 5 in batch 1
    counts = rng.poisson(2000 * truth[codes]).astype(float)
    strata = Strata.of(codes // 2, codes % 2, 6, 2)
    share = strata.expected_share(sparse.csr_matrix(counts), np.full(len(codes), 2000.0), codes)
    assert np.abs(np.log(share[3] / truth[3])).mean() < 0.15  # type 1 in batch 1
    assert np.abs(np.log(truth[2] / truth[3])).mean() > 0.4


@pytest.mark.parametrize("n_batches", [1, 2])
def test_expected_means_are_those_of_an_additive_model(n_batches):
    rng = np.random.default_rng(0)
    by_type, by_batch = rng.normal(0, 3, (4, 2)), rng.normal(0, 3, (n_batches, 2))
    truth = (by_type[:, None] + by_batch[None]).reshape(-1, 2)
    codes = rng.integers(0, len(truth), 4000)
    unseen = len(truth) - 1 if n_batches > 1 else None
    codes = codes[codes != unseen]
    points = truth[codes] + rng.normal(0, 0.1, (len(codes), 2))
    strata = Strata.of(codes // n_batches, codes % n_batches, 4, n_batches)
    np.testing.assert_allclose(strata.expected_means(points, codes), truth, atol=0.05)


def test_scale_of_depth_and_order_of_cells_are_irrelevant():
    rng = np.random.default_rng(0)
    counts = rng.poisson(20.0, (60, 8)).astype(float)
    codes = rng.integers(0, 4, 60)
    strata = Strata.of(codes // 2, codes % 2, 2, 2)
    share = strata.expected_share(sparse.csr_matrix(counts), counts.sum(axis=1), codes)
    order = rng.permutation(60)
    again = strata.expected_share(sparse.csr_matrix(counts[order]), counts.sum(axis=1)[order], codes[order])
    np.testing.assert_allclose(share, again)


@pytest.mark.parametrize("n_batches", [1, 2])
def test_genes_never_seen_are_finite(n_batches):
    counts = sparse.csr_matrix(np.array([[5.0, 0], [3, 0], [4, 0]]))
    codes = np.array([0, 0, n_batches])
    strata = Strata.of(codes // n_batches, codes % n_batches, 2, n_batches)
    share = strata.expected_share(counts, np.array([5.0, 3.0, 4.0]), codes)
    assert share.shape == (2 * n_batches, 2)
    np.testing.assert_allclose(share, np.tile([1.0, 0.0], (2 * n_batches, 1)))


def test_a_combination_without_cells_has_the_product_of_what_its_values_do():
    rng = np.random.default_rng(0)
    profile = rng.dirichlet(np.full(30, 5.0), size=3)
    donor, state = (np.exp(rng.normal(0, 0.5, (2, 30))) for _ in range(2))
    levels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # nobody saw donor 1 in state 1
    truth = profile[:, None] * (donor[levels[:, 0]] * state[levels[:, 1]])[None]
    truth = (truth / truth.sum(axis=2, keepdims=True)).reshape(12, 30)
    codes = np.repeat([0, 1, 2, 4, 5, 6, 8, 9, 10], 300)
    counts = rng.poisson(2000 * truth[codes]).astype(float)
    strata = Strata.of(codes // 4, codes % 4, 3, 4, levels)
    share = strata.expected_share(sparse.csr_matrix(counts), np.full(len(codes), 2000.0), codes)
    off = [np.abs(np.log(share[code] / truth[code])).mean() for code in (3, 7, 11)]
    nearest = [min(np.abs(np.log(truth[code - back] / truth[code])).mean() for back in (1, 2)) for code in (3, 7, 11)]
    assert max(off) < 0.12
    assert min(nearest) > 0.25
    additive = (levels[codes % 4] * [2.0, 3.0]).sum(axis=1, keepdims=True) + codes[:, None] // 4
    np.testing.assert_allclose(strata.expected_means(additive, codes)[[3, 7, 11], 0], [5.0, 6.0, 7.0], atol=1e-6)


def grouped(sizes, ratio, seed=0, n_genes=400):
    """Groups of one type; the first tenth of the genes has ``ratio`` times the share in the first group."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    totals = np.exp(rng.normal(7, 0.2, len(codes)))
    truth = np.tile(rng.gamma(1.0, 1.0, n_genes), (len(sizes), 1))
    truth /= truth[1].sum()
    truth[0, : n_genes // 10] *= ratio
    counts = rng.poisson(totals[:, None] * truth[codes] * rng.gamma(5, 0.2, (len(codes), n_genes)))
    sums = np.stack([counts[codes == code].sum(axis=0) for code in range(len(sizes))])
    exposure = np.tile(np.bincount(codes, weights=totals)[:, None], (1, n_genes))
    parent = np.zeros(len(sizes), dtype=np.int64)
    matrix = sparse.csr_matrix(counts.astype(float))
    return sums / exposure, exposure, matrix, totals, codes, parent, truth


def relative(found, truth):
    return np.abs(found - truth).sum() / truth.sum()


def test_groups_that_are_alike_get_the_share_of_their_type():
    share, *rest, truth = grouped([60, 40], 1.0)
    found = drawn_to_types(share, *rest)
    assert relative(found, truth) < 0.75 * relative(share, truth)
    spread = np.abs(found[0] - found[1]).sum() / np.abs(share[0] - share[1]).sum()
    assert spread < 0.3


def test_genes_that_differ_between_groups_keep_their_difference():
    share, *rest, truth = grouped([60, 40], 4.0)
    found = drawn_to_types(share, *rest)
    assert relative(found, truth) < 0.9 * relative(share, truth)
    differ = np.arange(share.shape[1]) < share.shape[1] // 10
    ratio = (found[0] / found[1])[differ].mean() / (truth[0] / truth[1])[differ].mean()
    assert 0.85 < ratio < 1.15
    # What the type shows as a whole stays.
    np.testing.assert_allclose((found * rest[0]).sum(axis=0), (share * rest[0]).sum(axis=0), rtol=1e-9)


def test_types_without_groups_are_left_alone():
    share, exposure, counts, totals, codes, _, _ = grouped([60, 40], 2.0)
    np.testing.assert_array_equal(drawn_to_types(share, exposure, counts, totals, codes, np.array([0, 1])), share)
