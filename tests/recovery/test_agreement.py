import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.imputation import agreement, correlation


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
