"""Whether synthetic sequences are copies of training sequences."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from scgarage.metrics.memorisation import memorisation_share
from scgarage.sequences.judge.kmers import check_alike
from scgarage.sequences.windows import Windows

__all__ = ["copy_share", "nearest_mismatches", "nearness_to_training"]

CHUNK = 2048


def nearest_mismatches(sequences: Windows, others: Windows) -> NDArray[np.float64]:
    r"""Return the share of letters in which each sequence differs from the nearest of the others.

    .. math:: \min_{y} \frac1L \sum_j 1[x_j \ne y_j]

    Parameters
    ----------
    sequences, others
        Sequences of one alphabet and length.

    Returns
    -------
    In [0, 1], ``(n_sequences,)``; 0 for an exact copy.

    Raises
    ------
    InputError
        When the alphabets or lengths differ.
    """
    check_alike(others, sequences)
    search = NearestNeighbors(n_neighbors=1, metric="hamming", algorithm="brute").fit(others.codes)
    starts = range(0, len(sequences), CHUNK)
    found = [search.kneighbors(sequences.codes[start : start + CHUNK])[0][:, 0] for start in starts]
    return np.concatenate(found).astype(np.float64)


def copy_share(sequences: Windows, train: Windows, *, mismatches: float = 0.05) -> float:
    """Return the share of sequences that differ from a training sequence in at most ``mismatches`` of their letters.

    Parameters
    ----------
    sequences, train
        Synthetic and training sequences of one alphabet and length.
    mismatches
        Largest share of letters that differ in a copy; 0 counts exact copies.

    Returns
    -------
    In [0, 1]. Conserved sequences are alike without being copied: compare it with the share among held-out real
    sequences.

    Raises
    ------
    InputError
        When the alphabets or lengths differ.
    """
    return float((nearest_mismatches(sequences, train) <= mismatches + 1e-12).mean())


def nearness_to_training(synthetic: Windows, train: Windows, holdout: Windows) -> float:
    """Return the share of synthetic sequences nearer to a training than to a held-out sequence, by mismatches.

    Unequal numbers are corrected for and a tie is half, as in :func:`scgarage.metrics.memorisation.memorisation_share`,
    whose Euclidean distance of one-hot vectors is the square root of twice the number of mismatches.

    Parameters
    ----------
    synthetic, train, holdout
        Sequences of one alphabet and length.

    Returns
    -------
    In [0, 1]; 0.5 for fresh sequences, 1 when all are copies.

    Raises
    ------
    InputError
        When the alphabets or lengths differ.
    """
    check_alike(train, synthetic)
    check_alike(holdout, synthetic)
    return memorisation_share(*(side.one_hot().reshape(len(side), -1) for side in (synthetic, train, holdout)))
