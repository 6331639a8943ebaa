from dataclasses import replace

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from scgarage.judge.rare import COMPARATORS

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
