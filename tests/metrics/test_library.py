import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics import library_size_error


def test_equal_sizes_match_sorted_logs() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.lognormal(7, 0.5, 40), rng.lognormal(7.5, 0.2, 40)
    expected = np.abs(np.sort(np.log(real)) - np.sort(np.log(synthetic))).mean()
    assert library_size_error(real, synthetic) == pytest.approx(expected)


def test_common_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    real, synthetic = rng.lognormal(7, 0.5, 40), rng.lognormal(7.5, 0.2, 25)
    value = library_size_error(real, synthetic)
    assert library_size_error(10 * real, 10 * synthetic) == pytest.approx(value)
    assert library_size_error(synthetic, real[::-1]) == pytest.approx(value)
    assert library_size_error(real, 2 * real) == pytest.approx(np.log(2))
    assert library_size_error([0.0, 0.0], [1.0, 1.0]) == 0


@pytest.mark.parametrize(
    ("totals", "message"),
    [([], r"shape \(0,\)"), ([[1.0]], r"shape \(1, 1\)"), ([-1.0], "negative"), ([np.nan], "NaN")],
)
def test_unusable_totals_are_refused(totals: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        library_size_error([1.0], totals)
