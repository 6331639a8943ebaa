"""Compiled loops of the default model: streams of random numbers, the normal distribution, pieces done in parallel."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")
Result = TypeVar("Result")


def compiled(function: Function) -> Function:
    """Compile a function, once for each machine: what was compiled is kept beside the source or in the user's cache.

    It runs outside of Python's lock, so that threads work side by side. Sums may be added in another order than
    written, always the same one.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        result: Function = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither folder can be written
        result = numba.njit(**options)(function)
    return result


def in_parallel(task: Callable[[Item], Result], pieces: Sequence[Item]) -> list[Result]:
    """Return a result for each piece, worked on by as many threads as torch may use.

    Results depend on how the work is cut into pieces, not on the number of threads: cut it the same way always.
    """
    n_threads = min(torch.get_num_threads(), len(pieces))
    if n_threads < 2:
        return [task(piece) for piece in pieces]
    with ThreadPoolExecutor(n_threads) as threads:
        return list(threads.map(task, pieces))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep linear algebra from starting threads of its own: sums would depend on their number."""
    with threadpool_limits(1, user_api="blas"):
        yield


def pieces(n: int, width: int, size: int) -> list[slice]:
    """Cut ``n`` rows of ``width`` numbers into pieces of about ``size`` numbers."""
    step = max(1, size // max(width, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def streams(n: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return the starts of ``n`` streams of random numbers, one for each row that is worked on."""
    return rng.integers(2**64, size=n, dtype=np.uint64)


@compiled
def following(state: np.uint64) -> np.uint64:
    """Return the next state of a stream (SplitMix64; Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    return state + np.uint64(0x9E3779B97F4A7C15)


@compiled
def uniform(state: np.uint64) -> float:
    """Return the random number of a state, above 0 and below 1."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    number: float = (np.float64(z >> np.uint64(12)) + 0.5) * 2.220446049250313e-16
    return number


REACH = 9.0
"""Standard deviations within which the normal distribution is tabulated."""

STEPS = 256
"""Steps of the table for one standard deviation; linear between them, with a relative error below 1e-4."""


def _lower_tail() -> NDArray[np.float64]:
    from scipy.special import ndtr

    table: NDArray[np.float64] = ndtr(np.arange(-REACH * STEPS, REACH * STEPS + 2) / STEPS)
    return table


LOWER_TAIL: NDArray[np.float64] = _lower_tail()
"""Normal probabilities; the tail below is exact to the table's steps, and the one above is found by symmetry."""


@compiled
def normal_cdf(z: float) -> float:
    """Return the standard normal probability below ``z``, from the table; kept above the smallest one of it."""
    position = (min(max(z, -REACH), REACH) + REACH) * STEPS
    left = int(position)
    part = position - left
    below: float = LOWER_TAIL[left] + part * (LOWER_TAIL[left + 1] - LOWER_TAIL[left])
    return below


@compiled
def normal_quantile(p: float) -> float:
    """Return the standard normal quantile to about seven digits (Wichura 1988, AS 241, doi:10.2307/2347330)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        upper = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
        return q * upper / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
    r = np.sqrt(-np.log(p if q < 0 else 1.0 - p))
    if r <= 5:
        r -= 1.6
        z = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
        z /= (0.12021132975 * r + 0.73700164250) * r + 1.0
    else:
        r -= 5
        z = ((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150
        z /= (0.012258202635 * r + 0.24197894225) * r + 1.0
    quantile: float = -z if q < 0 else z
    return quantile
