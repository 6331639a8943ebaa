import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.imputation import (
    agreement,
    cluster_agreement,
    correlation,
    decoy_correlation,
    decoys,
    halve,
    log_fold_changes,
    marker_change,
    matched_clusters,
    share_different,
    type_agreement,
)
from scgarage.pp.graph import neighbour_adjacency


def test_matches_numpy():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20, 7))
    imputed = truth + rng.normal(size=(20, 7))
    score = agreement(imputed, truth)
    assert score.mae == pytest.approx(np.abs(imputed - truth).mean())
    assert score.correlation == pytest.approx(np.corrcoef(imputed.ravel(), truth.ravel())[0, 1])


def test_scale_and_shift_leave_the_correlation():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=30), rng.normal(size=30)
    assert correlation(3 * a + 2, b) == pytest.approx(correlation(a, b))
    assert correlation(-a, b) == pytest.approx(-correlation(a, b))
    assert correlation(a, a) == pytest.approx(1)


def test_constant_says_nothing():
    assert correlation(np.zeros(5), np.arange(5)) == 0
    assert correlation(np.full(5, 0.1), np.arange(5)) == 0


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="same shape"):
        agreement(np.zeros(3), np.zeros(4))
    with pytest.raises(InputError, match="at least one entry"):
        agreement(np.zeros(0), np.zeros(0))
    with pytest.raises(InputError, match="finite"):
        agreement(np.array([np.nan]), np.zeros(1))


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b", "c", "d"], 40)
    centres = 8 * rng.normal(size=(4, 20))
    return centres[np.repeat(np.arange(4), 40)] + rng.normal(size=(160, 20)), types


def test_separate_types_are_found(blobs):
    points, types = blobs
    assert len(np.unique(matched_clusters(neighbour_adjacency(points), 4))) == 4
    assert cluster_agreement(points, types) == pytest.approx(1)


def test_names_and_order_of_cells_do_not_matter(blobs):
    points, types = blobs
    order = np.random.default_rng(1).permutation(160)
    renamed = np.char.add("x", types)[order]
    assert cluster_agreement(points[order], renamed) == pytest.approx(cluster_agreement(points, types))


def test_shuffled_types_agree_by_chance_only(blobs):
    points, types = blobs
    assert abs(cluster_agreement(points, np.random.default_rng(2).permutation(types))) < 0.05


def test_cells_that_are_all_the_same_agree_by_chance():
    types = np.repeat(["a", "b"], 15)
    assert cluster_agreement(np.ones((30, 5)), types) == 0
    assert cluster_agreement(sparse.csr_matrix(np.ones((30, 5))), types) == 0


def test_cells_without_enough_genes_are_refused():
    with pytest.raises(InputError, match="at least 3 cells, 2 genes"):
        cluster_agreement(np.arange(30.0)[:, None], np.repeat(["a", "b"], 15))


def test_halves_are_equal_in_every_type_and_random():
    types = np.array(["a"] * 11 + ["b"] * 20 + ["c"])
    first, other = halve(types, np.random.default_rng(0)), halve(types, np.random.default_rng(1))
    assert [int(first[types == name].sum()) for name in "abc"] == [6, 10, 1]
    assert (first != other).any()


def test_share_matches_scipy_gene_by_gene():
    rng = np.random.default_rng(0)
    values = rng.poisson(1.0, size=(60, 30)).astype(float)
    values[:30, :8] += 2
    first = np.arange(60) < 30
    p_values = [stats.mannwhitneyu(g[first], g[~first], method="asymptotic").pvalue for g in values.T]
    expected = float(np.mean(np.array(p_values) < 0.05))
    assert share_different(values, first) == pytest.approx(expected)
    assert share_different(sparse.csr_matrix(values), first) == pytest.approx(expected)
    assert share_different(values[:, ::-1], ~first) == pytest.approx(expected)
    assert expected >= 8 / 30


def test_nothing_different_gives_the_level_and_constants_never_differ():
    rng = np.random.default_rng(1)
    first = np.arange(100) < 50
    assert share_different(rng.normal(size=(100, 2000)), first) == pytest.approx(0.05, abs=0.02)
    assert share_different(np.ones((100, 5)), first) == 0
    with pytest.raises(InputError, match="at least 2 cells"):
        share_different(np.ones((3, 5)), np.array([True, True, False]))


def test_decoys_have_the_values_of_their_gene_in_each_type():
    rng = np.random.default_rng(2)
    types = np.repeat(["a", "b"], 50)
    counts = sparse.csr_matrix(rng.poisson(2.0, size=(100, 6)) * (1 + (types == "b")[:, None]))
    made = decoys(counts, np.array([4, 1]), types, rng).toarray()
    for name in "ab":
        for column, gene in enumerate([4, 1]):
            original = counts.toarray()[types == name, gene]
            assert sorted(made[types == name, column]) == sorted(original)
            assert (made[types == name, column] != original).any()


def test_decoy_correlation_of_noise_and_of_a_shared_signal():
    rng = np.random.default_rng(3)
    types, is_decoy = np.repeat(["a", "b", "few"], [400, 400, 10]), np.arange(50) >= 40
    noise = rng.normal(size=(810, 50))
    # the mean of |r| of independent normal values is sqrt(2 / (pi n))
    assert decoy_correlation(noise, is_decoy, types) == pytest.approx(np.sqrt(2 / np.pi / 400), rel=0.15)
    shared = noise + 3 * rng.normal(size=(810, 1))
    assert decoy_correlation(shared, is_decoy, types) == pytest.approx(0.9, abs=0.03)
    between = noise + 9 * (types == "a")[:, None]  # differences between types are no correlation within them
    assert decoy_correlation(between, is_decoy, types) == pytest.approx(decoy_correlation(noise, is_decoy, types))
    assert np.isnan(decoy_correlation(noise[-10:], is_decoy, types[-10:]))


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    types = np.repeat(["a", "b", "c"], [30, 20, 10])
    return rng.gamma(1.0, 1.0, size=(60, 15)) + (types[:, None] == "b") * np.arange(15), types


def test_changes_match_means(cells):
    values, types = cells
    found = log_fold_changes(sparse.csr_matrix(values), types)
    for row, name in enumerate(["a", "b", "c"]):
        expected = values[types == name].mean(axis=0) - values[types != name].mean(axis=0)
        np.testing.assert_allclose(found[row], expected)


def test_same_cells_have_the_same_markers(cells):
    values, types = cells
    change = marker_change(values, values, types)
    assert change.correlation == pytest.approx(1)
    assert change.slope == pytest.approx(1)


def test_slope_is_the_factor_and_order_does_not_matter(cells):
    values, types = cells
    assert marker_change(0.4 * values, values, types).slope == pytest.approx(0.4)
    order = np.random.default_rng(1).permutation(len(types))
    noisy = values + np.random.default_rng(2).normal(size=values.shape)
    first, second = marker_change(noisy, values, types), marker_change(noisy[order], values[order], types[order])
    np.testing.assert_allclose(first, second)


def test_nothing_left_is_no_correlation(cells):
    values, types = cells
    assert marker_change(np.zeros_like(values), values, types) == (0.0, 0.0)


TYPES = np.repeat(["a", "b"], [7, 9])
DEEP_TYPES = np.repeat(["a", "b", "c"], [5, 4, 6])


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return rng.gamma(1.0, size=(16, 12)), rng.gamma(2.0, size=(15, 12))


def test_distance_and_correlation_match_scipy_and_numpy(values):
    mine, deep = values
    distances, correlations = [], []
    for name in ("a", "b"):
        x, y = mine[name == TYPES], deep[name == DEEP_TYPES]
        distances.append(np.mean([stats.wasserstein_distance(x[:, j], y[:, j]) for j in range(12)]))
        correlations.append(np.mean([np.corrcoef(cell, y.mean(axis=0))[0, 1] for cell in x]))
    found = type_agreement(sparse.csr_matrix(mine), TYPES, deep, DEEP_TYPES)
    assert found.distance == pytest.approx(np.mean(distances))
    assert found.correlation == pytest.approx(np.mean(correlations))


def test_the_same_cells_in_another_order_are_no_distance_away(values):
    mine, _ = values
    order = np.random.default_rng(1).permutation(16)
    assert type_agreement(mine, TYPES, mine[order], TYPES[order]).distance == pytest.approx(0, abs=1e-12)


def test_means_correlate_but_are_far_away(values):
    mine, _ = values
    means = np.stack([mine[name == TYPES].mean(axis=0) for name in TYPES])
    smooth, plain = (type_agreement(x, TYPES, mine, TYPES) for x in (means, mine))
    assert smooth.correlation == pytest.approx(1)
    assert smooth.distance > plain.distance


def test_cells_without_any_value_count_as_uncorrelated(values):
    mine, deep = values
    assert type_agreement(mine * 0, TYPES, deep, DEEP_TYPES).correlation == 0


def test_no_shared_type_is_refused(values):
    mine, deep = values
    with pytest.raises(InputError, match="shares no cell type"):
        type_agreement(mine, TYPES, deep, np.full(15, "z"))
