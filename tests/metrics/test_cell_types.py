import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.metrics import rare_retention, type_proportion_tv, types_present


def test_matches_pandas() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.choice(list("ABC"), 90), rng.choice(list("BCDE"), 70)
    shares = pd.concat([pd.Series(x).value_counts(normalize=True) for x in (real, synthetic)], axis=1).fillna(0)
    expected = (shares.iloc[:, 0] - shares.iloc[:, 1]).clip(lower=0).sum()
    assert type_proportion_tv(real, synthetic) == pytest.approx(expected)


def test_unsure_cells_count_as_wrong() -> None:
    assert type_proportion_tv(["B"] * 10, ["B"] * 7 + ["unsure"] * 3) == pytest.approx(0.3)


def test_order_and_number_of_cells_do_not_matter() -> None:
    real, synthetic = ["B", "T", "T", "NK"], ["T", "B", "B", "T"]
    value = type_proportion_tv(real, synthetic)
    assert type_proportion_tv(real[::-1] * 3, synthetic * 5) == pytest.approx(value)
    assert type_proportion_tv(synthetic, real) == pytest.approx(value)
    assert type_proportion_tv(real, real[::-1]) == 0.0
    assert type_proportion_tv(["B"], ["T"]) == 1.0


def test_proportions_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="real_labels has shape"):
        type_proportion_tv([], ["T"])
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        type_proportion_tv(["T"], ["T", None])
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        type_proportion_tv(["T"], pd.Series(["T", np.nan], dtype="category"))


def test_by_hand() -> None:
    real = np.repeat(["B", "NK", "T"], [50, 10, 40])
    synthetic = np.repeat(["B", "NK", "new"], [60, 4, 136])
    assert rare_retention(real, synthetic) == pytest.approx({"B": 0.6, "NK": 0.2, "T": 0.0})


def test_order_and_numbers_of_cells_do_not_matter() -> None:
    real, synthetic = np.repeat(["B", "T"], [30, 10]), np.repeat(["B", "T"], [9, 1])
    value = rare_retention(real, synthetic)
    assert rare_retention(real[::-1], np.tile(synthetic, 3)) == pytest.approx(value)
    assert rare_retention(real, real) == {"B": 1.0, "T": 1.0}


def test_missing_labels_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        rare_retention(["B"], ["B", None])


def test_matches_sets() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.choice(list("ABCDEFG"), 40), rng.choice(list("ABCXY"), 5)
    expected = len(set(real) & set(synthetic)) / len(set(real))
    assert 0 < expected < 1
    assert types_present(real, synthetic) == pytest.approx(expected)


def test_mask_picks_the_types_that_count() -> None:
    real, synthetic = np.array(["B", "T", "NK", "pDC"]), ["B", "pDC"]
    assert types_present(real, synthetic, mask=real == "pDC") == 1.0
    assert types_present(real, synthetic, mask=np.isin(real, ["NK", "pDC"])) == 0.5


def test_order_and_repeats_do_not_matter() -> None:
    assert types_present(["B", "T", "NK"], ["T", "unsure"]) == types_present(["NK", "T", "B"] * 4, ["T"] * 9)


def test_retention_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="real_labels has shape"):
        types_present([["B", "T"]], ["B"])
    with pytest.raises(InputError, match="mask has shape"):
        types_present(["B", "T"], ["B"], mask=np.array([1, 0]))
