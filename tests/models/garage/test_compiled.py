import numpy as np
import pytest
import torch
from scipy import special, stats

from scgarage.models.garage.compiled import (
    compiled,
    following,
    in_parallel,
    normal_cdf,
    normal_quantile,
    one_thread_each,
    pieces,
    streams,
    uniform,
)


@compiled
def numbers(state, n):
    drawn = np.empty(n)
    for i in range(n):
        state = following(state)
        drawn[i] = uniform(state)
    return drawn


def test_random_numbers_are_uniform_and_independent():
    drawn = numbers(np.uint64(7), 200_000)
    assert 0 < drawn.min() < drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > 1e-3
    for lag in (1, 2, 17):
        assert abs(np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1]) < 0.01


def test_streams_differ_and_come_from_the_generator():
    starts = streams(5, np.random.default_rng(0))
    np.testing.assert_array_equal(starts, streams(5, np.random.default_rng(0)))
    drawn = np.stack([numbers(start, 5000) for start in starts])
    assert np.abs(np.corrcoef(drawn) - np.eye(5)).max() < 0.06


def test_normal_probabilities_and_quantiles_are_scipys():
    z = np.linspace(-8, 8, 2001)
    np.testing.assert_allclose([normal_cdf(x) for x in z], special.ndtr(z), rtol=2e-4)
    assert normal_cdf(-50.0) == normal_cdf(-9.0) > 0
    levels = np.concatenate([np.geomspace(1e-250, 0.5, 500), 1 - np.geomspace(1e-14, 0.5, 500)])
    np.testing.assert_allclose([normal_quantile(p) for p in levels], special.ndtri(levels), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_pieces_are_all_done_in_order(n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        cut = pieces(1001, 10, 500)
        assert in_parallel(lambda part: part.stop - part.start, cut) == [50] * 20 + [1]
        with pytest.raises(ZeroDivisionError):
            in_parallel(lambda part: 1 / part.start, cut)
    finally:
        torch.set_num_threads(before)


def test_linear_algebra_has_one_thread_inside_only():
    from threadpoolctl import threadpool_info

    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    with one_thread_each():
        assert set(blas()) == {1}
    assert blas() == before
