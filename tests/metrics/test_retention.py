import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics import types_present


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


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="real_labels has shape"):
        types_present([["B", "T"]], ["B"])
    with pytest.raises(InputError, match="mask has shape"):
        types_present(["B", "T"], ["B"], mask=np.array([1, 0]))
