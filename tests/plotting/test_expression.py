import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.plotting.embedding import counts_or_none, log_expression


def test_counts_become_log1p_cp10k(real):
    counts = real.X.toarray()
    expected = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_expression(real).toarray(), expected, rtol=1e-5)
    np.testing.assert_array_equal(counts_or_none(real).toarray(), counts)


def test_log_values_stay_as_they_are_and_are_no_counts(real):
    real.X = log_expression(real)
    np.testing.assert_array_equal(log_expression(real).toarray(), real.X.toarray())
    assert counts_or_none(real) is None


def test_a_layer_that_is_missing_falls_back_to_x(real):
    real.layers["other"] = real.X * 2
    np.testing.assert_array_equal(counts_or_none(real, "other").toarray(), 2 * real.X.toarray())
    np.testing.assert_array_equal(counts_or_none(real, "absent").toarray(), real.X.toarray())


def test_scaled_values_are_refused(real):
    real.X = real.X.toarray() - real.X.toarray().mean(axis=0)
    with pytest.raises(InputError, match="figures need counts or log1p CP10k"):
        log_expression(real)
