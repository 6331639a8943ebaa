"""Words of k letters: how often each occurs."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import jensenshannon

from scgarage.errors import InputError
from scgarage.sequences.windows import Windows

__all__ = ["check_alike", "kmer_counts", "kmer_distance", "kmer_spectrum"]

MOST_WORDS = 4**10
"""Largest number of different words that is counted."""


def kmer_counts(sequences: Windows, k: int = 3) -> sparse.csr_matrix:
    """Count the words of ``k`` letters in each sequence, overlapping ones included.

    Parameters
    ----------
    sequences
        Sequences.
    k
        Letters of a word.

    Returns
    -------
    Counts, ``(n_sequences, n_letters ** k)``, CSR float64; words in the order of their letters' codes.

    Raises
    ------
    InputError
        When ``k`` is below 1 or above the length, or there are more than a million words.
    """
    n_letters = len(sequences.alphabet)
    if not 1 <= k <= sequences.length or n_letters**k > MOST_WORDS:
        msg = (
            f"k={k}; expected 1 to {sequences.length}, the length of the sequences, and at most {MOST_WORDS} words "
            f"of {n_letters} letters"
        )
        raise InputError(msg)
    n_words = sequences.length - k + 1
    words = np.zeros((len(sequences), n_words), dtype=np.int64)
    for place in range(k):
        words = words * n_letters + sequences.codes[:, place : place + n_words]
    rows = np.repeat(np.arange(len(sequences)), n_words)
    shape = (len(sequences), n_letters**k)
    # Repeated entries add up.
    return sparse.csr_matrix((np.ones(words.size), (rows, words.ravel())), shape=shape)


def kmer_spectrum(sequences: Windows, k: int = 3) -> NDArray[np.float64]:
    """Return the share of each word of ``k`` letters among all words, ``(n_letters ** k,)``; arguments as above."""
    counts = np.asarray(kmer_counts(sequences, k).sum(axis=0), dtype=np.float64).ravel()
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def kmer_distance(real: Windows, synthetic: Windows, *, k: int = 3) -> float:
    r"""Return the Jensen-Shannon distance of two k-mer spectra.

    .. math:: \sqrt{\tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m)}, \qquad m = \tfrac12 (p + q)

    with logarithms to base 2.

    Parameters
    ----------
    real, synthetic
        Sequences of one alphabet.
    k
        Letters of a word.

    Returns
    -------
    In [0, 1]; 0 for equal spectra. It shrinks with the number of sequences, so compare it with the floor.

    Raises
    ------
    InputError
        When the alphabets or lengths differ, or ``k`` does not fit.

    References
    ----------
    Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 1991, doi:10.1109/18.61115.
    """
    check_alike(real, synthetic)
    return float(jensenshannon(kmer_spectrum(real, k), kmer_spectrum(synthetic, k), base=2))


def check_alike(real: Windows, synthetic: Windows) -> None:
    """Raise unless both have the same letters and length."""
    found = [(side.alphabet.name, side.length) for side in (real, synthetic)]
    if found[0] != found[1]:
        msg = (
            f"real sequences have {found[0][1]} {found[0][0]} letters and synthetic ones {found[1][1]} {found[1][0]} "
            "letters; they must be the same to be compared"
        )
        raise InputError(msg)
