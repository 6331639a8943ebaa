"""Sequences with planted motifs, whose recovery can be measured."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.sequences.motif import Motif
from scgarage.sequences.windows import Windows

__all__ = ["simulate_sequences"]


def simulate_sequences(
    motifs: Mapping[str, Sequence[Motif]],
    n_per_class: int = 500,
    length: int = 50,
    *,
    background: NDArray[np.float64] | None = None,
    persistence: float = 0.0,
    places: tuple[int, int] | None = None,
    random_state: int = 0,
) -> Windows:
    r"""Simulate sequences in which every class has its motifs once each, at random places.

    The background is a Markov chain that keeps a letter with probability :math:`a` and else draws anew:

    .. math:: P(x_{j+1} = c \mid x_j) = a\, 1[c = x_j] + (1 - a)\, q(c)

    so each position has the distribution :math:`q`. Motifs replace it; they lie in the order given and do not overlap.

    Parameters
    ----------
    motifs
        Motifs of each class; an empty list for a class without any.
    n_per_class
        Sequences of a class.
    length
        Letters of a sequence.
    background
        Probability :math:`q` of each letter, ``(n_letters,)``; uniform by default.
    persistence
        Probability :math:`a` that a letter is kept.
    places
        First and last position at which the first motif may start; wherever all fit by default.
    random_state
        Seed; the same seed gives the same sequences.

    Returns
    -------
    Sequences with classes, in random order.

    Raises
    ------
    InputError
        When there is no motif, their alphabets differ, they do not fit or a number is out of range.

    Examples
    --------
    >>> from scgarage.sequences import MOTIFS
    >>> simulate_sequences({"promoter": [MOTIFS["tata-box"]], "none": []}, 10, 30)
    Windows(20 x 30 dna, 2 classes)
    """
    _check(motifs, n_per_class, length, persistence)
    alphabet = next(motif for own in motifs.values() for motif in own).alphabet
    base = np.full(len(alphabet), 1 / len(alphabet)) if background is None else np.asarray(background, dtype=np.float64)
    if base.shape != (len(alphabet),) or (base < 0).any() or not np.isclose(base.sum(), 1):
        msg = f"background must hold {len(alphabet)} probabilities that add up to one; found {base.tolist()}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    parts = []
    for own in motifs.values():
        codes = _background(n_per_class, length, base, persistence, rng)
        _plant(codes, own, places, rng)
        parts.append(codes)
    order = rng.permutation(len(motifs) * n_per_class)
    labels = np.repeat(np.array(list(motifs), dtype=np.str_), n_per_class)[order]
    names = np.char.mod("simulated_%d", np.arange(1, len(order) + 1))
    return Windows(np.concatenate(parts)[order], alphabet, labels, names, names)


def _check(motifs: Mapping[str, Sequence[Motif]], n_per_class: int, length: int, persistence: float) -> None:
    alphabets = {motif.alphabet.name for own in motifs.values() for motif in own}
    if len(alphabets) != 1:
        msg = f"motifs need one alphabet, and one class at least needs a motif; found {sorted(alphabets) or 'no motif'}"
        raise InputError(msg)
    widest = max(sum(motif.width for motif in own) for own in motifs.values())
    if n_per_class < 1 or widest > length or not 0 <= persistence < 1:
        msg = (
            f"n_per_class={n_per_class}, length={length}, persistence={persistence}; expected at least one sequence, "
            f"at least {widest} letters for the motifs of a class, and a probability below 1"
        )
        raise InputError(msg)


def _background(
    n: int, length: int, base: NDArray[np.float64], persistence: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    fresh = rng.choice(len(base), size=(n, length), p=base).astype(np.uint8)
    anew = rng.random((n, length)) >= persistence
    anew[:, 0] = True
    # The letter at a position is the one drawn last, which np.maximum.accumulate finds for all rows at once.
    last = np.maximum.accumulate(np.where(anew, np.arange(length), 0), axis=1)
    return np.take_along_axis(fresh, last, axis=1)


def _plant(
    codes: NDArray[np.uint8], motifs: Sequence[Motif], places: tuple[int, int] | None, rng: np.random.Generator
) -> None:
    """Write instances into ``codes`` in place: free letters are divided at random before, between and behind."""
    n, length = codes.shape
    free = length - sum(motif.width for motif in motifs)
    low, high = (0, free) if places is None else places
    if not 0 <= low <= high <= free:
        msg = f"places={places}; expected 0 <= first <= last <= {free}, so that the motifs fit"
        raise InputError(msg)
    start = np.asarray(rng.integers(low, high + 1, size=n))
    used = 0
    for motif in motifs:
        columns = (start + used)[:, None] + np.arange(motif.width)
        np.put_along_axis(codes, columns, motif.draw(n, rng), axis=1)
        used += motif.width
        start = np.asarray(rng.integers(start, free + 1))
