import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.metrics import type_proportion_tv


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


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="real_labels has shape"):
        type_proportion_tv([], ["T"])
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        type_proportion_tv(["T"], ["T", None])
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        type_proportion_tv(["T"], pd.Series(["T", np.nan], dtype="category"))
