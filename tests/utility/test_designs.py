import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.judge.rare import UtilitySettings
from scgarage.judge.rare.scores import folds

CODES = np.repeat([0, 1, 2, 3], [400, 300, 200, 30])


def divided(design, **sizes):
    settings = UtilitySettings(**{"n_splits": 6, "n_training_cells": (5, 20)} | sizes)
    return list(folds(CODES, design, settings, random_state=1))


def test_cut_types_have_the_training_cells_and_the_weight_asked_for():
    found = divided("down-sampling")
    assert [fold.setting for fold in found[:2]] == ["5 training cells", "20 training cells"]
    assert len(found) == 12
    for fold in found:
        n_train = int(fold.setting.split()[0])
        weight = np.bincount(CODES[fold.test], fold.weights) / fold.weights.sum()
        for code, n_cells in enumerate(np.bincount(CODES)):
            if code in fold.targets:
                assert (CODES[fold.train] == code).sum() == n_train
                assert (CODES[fold.test] == code).sum() == n_cells - 20
                assert weight[code] == pytest.approx(0.01)
            else:
                assert (CODES[fold.train] == code).sum() == n_cells / 2


def test_training_and_test_cells_are_never_the_same_and_smaller_sets_are_nested():
    for few, many in zip(divided("down-sampling")[::2], divided("down-sampling")[1::2], strict=True):
        assert not set(many.train) & set(many.test)
        assert set(few.train) < set(many.train)
        np.testing.assert_array_equal(few.test, many.test)


def test_abundant_types_take_turns():
    chosen = np.concatenate([fold.targets for fold in divided("down-sampling")[::2]])
    assert np.bincount(chosen).tolist() == [4, 4, 4]
    assert all(len(set(fold.targets)) == 2 for fold in divided("down-sampling"))


def test_two_types_are_always_left_whole():
    settings = UtilitySettings(n_splits=3, n_training_cells=(5,), n_targets=5)
    assert all(len(fold.targets) == 1 for fold in folds(CODES[:900], "down-sampling", settings, random_state=0))


def test_rare_types_as_they_are_keep_their_share():
    found = divided("as it is")
    assert len(found) == 6
    for fold in found:
        assert fold.targets.tolist() == [3]
        assert (fold.weights == 1).all()
        assert sorted([*fold.train, *fold.test]) == list(range(930))
        assert (CODES[fold.train] == 3).sum() == 15
    assert not np.array_equal(found[0].train, found[1].train)


@pytest.mark.parametrize("design", ["as it is", "down-sampling"])
def test_a_split_does_not_depend_on_how_many_there_are(design):
    for one, same in zip(divided(design, n_splits=2), divided(design, n_splits=9), strict=False):
        np.testing.assert_array_equal(one.train, same.train)
        np.testing.assert_array_equal(one.targets, same.targets)


@pytest.mark.parametrize(
    ("design", "sizes", "message"),
    [
        ("as it is", {"rare_fraction": 0.01}, "design 'as it is' needs 3 types, one of them below 1%"),
        ("down-sampling", {"n_training_cells": (500,)}, "of at least 520 cells"),
    ],
)
def test_data_without_a_target_are_refused(design, sizes, message):
    with pytest.raises(InputError, match=message):
        divided(design, **sizes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_splits": 0}, "n_splits is 0"),
        ({"n_training_cells": (2, 5)}, r"n_training_cells is \(2, 5\)"),
        ({"n_training_cells": ()}, "n_training_cells"),
        ({"train_share": 1.0}, "train_share is 1.0"),
        ({"prevalence": 0.5}, "leave nothing"),
    ],
)
def test_sizes_without_sense_are_refused(sizes, message):
    with pytest.raises(InputError, match=message):
        UtilitySettings(**sizes)
