import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.imputation import decoy_correlation, decoys, halve, share_different


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
