"""GC content and composition."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.sequences.alphabet import DNA
from scgarage.sequences.judge.kmers import check_alike
from scgarage.sequences.windows import Windows

__all__ = ["gc_content", "gc_distance"]


def gc_content(sequences: Windows) -> NDArray[np.float64]:
    """Return the share of G and C in each sequence.

    Parameters
    ----------
    sequences
        DNA.

    Returns
    -------
    Shares in [0, 1], ``(n_sequences,)``.

    Raises
    ------
    InputError
        When the sequences are no DNA.
    """
    if sequences.alphabet != DNA:
        msg = f"GC content is defined for dna; found {sequences.alphabet.name} sequences"
        raise InputError(msg)
    strong = [DNA.letters.index(letter) for letter in "GC"]
    shares: NDArray[np.float64] = np.isin(sequences.codes, strong).mean(axis=1)
    return shares


def gc_distance(real: Windows, synthetic: Windows) -> float:
    r"""Return the Wasserstein-1 distance of the distributions of GC content.

    .. math:: \int_0^1 |F(t) - G(t)| \, dt

    Parameters
    ----------
    real, synthetic
        DNA of one length.

    Returns
    -------
    In [0, 1], in shares of GC; 0 for equal distributions.

    Raises
    ------
    InputError
        When the sequences are no DNA or their lengths differ.
    """
    check_alike(real, synthetic)
    return float(wasserstein_distance(gc_content(real), gc_content(synthetic)))
