"""Simple generators to compare with: independent letters, letters of a position, Markov chains."""

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.sequences.windows import Windows

PSEUDOCOUNT = 0.5


def independent_letters(real: Windows, *, random_state: int = 0) -> Windows:
    """Draw letters independently with the composition of the class: nothing is kept but that.

    Parameters
    ----------
    real
        Sequences to learn from.
    random_state
        Seed.

    Returns
    -------
    As many sequences of each class, in the order of ``real``.
    """
    return markov_chain(real, order=0, random_state=random_state)


def position_letters(real: Windows, *, random_state: int = 0) -> Windows:
    """Draw letters independently with the class's composition at the position; arguments as above."""
    rng = np.random.default_rng(random_state)
    codes = np.empty_like(real.codes)
    for rows in _classes(real):
        # A column permuted on its own has the same letters and nothing to do with the others.
        codes[rows] = rng.permuted(real.codes[rows], axis=0)
    return _named(real, codes)


def markov_chain(real: Windows, *, order: int = 3, random_state: int = 0) -> Windows:
    r"""Draw sequences from a Markov chain per class.

    .. math:: P(x_j \mid x_{j-m}, \ldots, x_{j-1})

    is estimated from all positions, half a count added to every word; the first :math:`m` letters are those of a real
    sequence.

    Parameters
    ----------
    real
        Sequences to learn from.
    order
        Letters :math:`m` that the next one depends on.
    random_state
        Seed.

    Returns
    -------
    As many sequences of each class, in the order of ``real``.

    Raises
    ------
    InputError
        When the order is negative or not below the length, or the words are more than a million.
    """
    n_letters = len(real.alphabet)
    if not 0 <= order < real.length or n_letters ** (order + 1) > 4**10:
        msg = f"order={order}; expected 0 to {real.length - 1}, and at most {4**10} words of {n_letters} letters"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    codes = np.empty_like(real.codes)
    for rows in _classes(real):
        codes[rows] = _chain(real.codes[rows], order, n_letters, rng)
    return _named(real, codes)


def _chain(codes: NDArray[np.uint8], order: int, n_letters: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    n_starts = codes.shape[1] - order
    context = np.zeros((len(codes), n_starts), dtype=np.int64)
    for place in range(order):
        context = context * n_letters + codes[:, place : place + n_starts]
    words = context * n_letters + codes[:, order:]
    counts = np.bincount(words.ravel(), minlength=n_letters ** (order + 1)).reshape(-1, n_letters) + PSEUDOCOUNT
    edges = (counts / counts.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1]
    drawn = np.empty_like(codes)
    drawn[:, :order] = codes[rng.permutation(len(codes)), :order]
    state = context[:, 0] * 0
    for place in range(order):
        state = state * n_letters + drawn[:, place]
    for place in range(order, codes.shape[1]):
        drawn[:, place] = (rng.random((len(codes), 1)) > edges[state]).sum(axis=1)
        state = (state * n_letters + drawn[:, place]) % n_letters**order
    return drawn


def _classes(real: Windows) -> list[NDArray[np.int64]]:
    if real.labels is None:
        return [np.arange(len(real))]
    return [np.flatnonzero(real.labels == label) for label in real.classes]


def _named(real: Windows, codes: NDArray[np.uint8]) -> Windows:
    return Windows(codes, real.alphabet, real.labels)
