import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from scgarage.errors import InputError
from scgarage.judge.privacy import distance_ratio, exact_copies
from scgarage.judge.privacy.copies import near_copies, near_limit, neighbour_ratio, quantile_ratio, row_hashes


def test_agrees_with_all_distances() -> None:
    synthetic, train, holdout = np.random.default_rng(0).normal(size=(3, 70, 4))
    for quantile in (0.1, 0.5):
        expected = np.quantile(cdist(synthetic, train).min(1), quantile)
        expected /= np.quantile(cdist(synthetic, holdout).min(1), quantile)
        assert distance_ratio(synthetic, train, holdout, quantile=quantile) == pytest.approx(expected)


def test_fresh_cells_give_one_and_swapping_gives_the_inverse() -> None:
    synthetic, train, holdout = np.random.default_rng(1).normal(size=(3, 800, 6))
    value = distance_ratio(synthetic, train, holdout)
    assert value == pytest.approx(1, abs=0.05)
    assert distance_ratio(synthetic, holdout, train) == pytest.approx(1 / value)
    assert distance_ratio(9 * synthetic, 9 * train, 9 * holdout) == pytest.approx(value)


def test_a_fifth_of_copies_shows_in_the_nearest_tenth_and_not_in_the_median() -> None:
    rng = np.random.default_rng(2)
    synthetic, train, holdout = rng.normal(size=(3, 500, 6))
    synthetic[:100] = train[:100]
    assert distance_ratio(synthetic, train, holdout, quantile=0.1) == 0
    assert distance_ratio(synthetic, train, holdout) > 0.8


def test_zero_distances() -> None:
    assert quantile_ratio(np.zeros(3), np.zeros(3), 0.5) == 1
    assert quantile_ratio(np.ones(3), np.zeros(3), 0.5) == float("inf")


def test_distance_ratio_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="train has 4 cells and holdout 3"):
        distance_ratio(np.zeros((3, 2)), np.zeros((4, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="quantile is 0"):
        distance_ratio(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)), quantile=0)


def _counts(n_cells: int, n_genes: int, seed: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(0.4, (n_cells, n_genes)).astype(np.float32))


def test_agrees_with_comparing_every_pair() -> None:
    # Six genes: many chance matches.
    cells, train = _counts(200, 6, 0), _counts(150, 6, 1)
    first, second = cells.toarray(), train.toarray()
    equal = (first[:, None] == second[None]).all(axis=2) & first.any(axis=1)[:, None]
    found = exact_copies(cells, train)
    np.testing.assert_array_equal(found >= 0, equal.any(axis=1))
    hits = np.flatnonzero(found >= 0)
    assert 20 < len(hits) < 200
    assert equal[hits, found[hits]].all()


def test_order_of_stored_entries_and_explicit_zeros_do_not_matter() -> None:
    train = _counts(50, 30, 2)
    messy = train[::-1].copy()
    for row in range(50):
        part = slice(messy.indptr[row], messy.indptr[row + 1])
        messy.indices[part], messy.data[part] = messy.indices[part][::-1].copy(), messy.data[part][::-1].copy()
    messy.has_sorted_indices = False
    assert exact_copies(messy, train).tolist() == list(range(49, -1, -1))
    dense = sparse.coo_matrix((np.zeros(1), ([0], [3])), shape=(1, 30)).tocsr()
    assert exact_copies(dense, train).tolist() == [-1]


def test_one_count_more_is_no_copy_and_nor_is_a_cell_without_counts() -> None:
    train = sparse.csr_matrix([[0, 2, 1], [0, 0, 0]])
    assert exact_copies(sparse.csr_matrix([[0, 2, 2], [0, 0, 0], [0, 2, 1]]), train).tolist() == [-1, -1, 0]


def test_log_values_are_compared_to_three_decimals() -> None:
    train = sparse.csr_matrix(np.random.default_rng(3).random((20, 10)))
    assert (exact_copies(train.astype(np.float32), train) >= 0).all()
    assert (exact_copies(train + sparse.csr_matrix(np.full((20, 10), 0.01)), train) == -1).all()


def test_hashes_differ_where_rows_do() -> None:
    rows = np.unique(_counts(3000, 12, 4).toarray(), axis=0)
    assert len(np.unique(row_hashes(sparse.csr_matrix(rows)))) == len(rows)


def test_other_genes_are_refused() -> None:
    with pytest.raises(InputError, match="6 genes and the training cells 7"):
        exact_copies(_counts(3, 6, 0), _counts(3, 7, 0))


def test_agrees_with_sorting_all_distances() -> None:
    cells, train = np.random.default_rng(0).normal(size=(2, 80, 4))
    ordered = np.sort(cdist(cells, train), axis=1)
    ratio, nearest = neighbour_ratio(cells, train)
    np.testing.assert_allclose(ratio, ordered[:, 0] / ordered[:, 1])
    np.testing.assert_array_equal(nearest, cdist(cells, train).argmin(axis=1))
    among = np.sort(cdist(train, train), axis=1)
    assert near_limit(train, quantile=0.2) == pytest.approx(np.quantile(among[:, 1] / among[:, 2], 0.2))


def test_fresh_cells_have_the_share_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    shares = [near_copies(*rng.normal(size=(2, 600, 10)), quantile=0.05).mean() for _ in range(10)]
    assert np.mean(shares) == pytest.approx(0.05, abs=0.015)


def test_noisy_copies_are_near_and_averaged_cells_are_not() -> None:
    rng = np.random.default_rng(2)
    train = rng.normal(size=(500, 20))
    assert near_copies(train + rng.normal(0, 0.2, train.shape), train).mean() > 0.95
    # Near the middle every distance is smaller than between real cells, and none is a copy's.
    assert near_copies(rng.normal(0, 0.3, train.shape), train).mean() < 0.02


def test_rotation_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    cells, train = rng.normal(size=(60, 5)), rng.normal(size=(90, 5))
    expected = near_copies(cells, train, quantile=0.3)
    rotation = 7 * ortho_group.rvs(5, random_state=0)
    np.testing.assert_array_equal(near_copies(cells @ rotation, train @ rotation, quantile=0.3), expected)
    np.testing.assert_array_equal(near_copies(cells, rng.permutation(train), quantile=0.3), expected)
    assert 0 < expected.mean() < 1


def test_a_copy_of_two_equal_training_cells_is_a_copy() -> None:
    ratio, _ = neighbour_ratio(np.zeros((1, 2)), np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 1.0]]))
    assert ratio.tolist() == [0.0]


def test_near_copies_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="train has 1 cells"):
        neighbour_ratio(np.zeros((3, 2)), np.zeros((1, 2)))
    with pytest.raises(InputError, match="quantile is 1"):
        near_limit(np.zeros((4, 2)), quantile=1)
