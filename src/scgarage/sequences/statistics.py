"""Statistics of sequences: k-mers, GC content, letters by position, motifs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from scgarage.errors import InputError
from scgarage.sequences.comparators import independent_letters
from scgarage.sequences.fasta import DNA
from scgarage.sequences.motif import Motif
from scgarage.sequences.windows import Windows

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


def position_weights(sequences: Windows) -> NDArray[np.float64]:
    """Return the share of each letter at each position, ``(n_positions, n_letters)``, rows adding up to one."""
    n_letters = len(sequences.alphabet)
    cells = np.arange(sequences.length) * n_letters + sequences.codes
    counts = np.bincount(cells.ravel(), minlength=sequences.length * n_letters)
    shares: NDArray[np.float64] = counts.reshape(sequences.length, n_letters) / len(sequences)
    return shares


def position_weights_distance(real: Windows, synthetic: Windows) -> float:
    """Return the mean Jensen-Shannon distance (base 2) of the letters' shares over positions.

    Parameters
    ----------
    real, synthetic
        Sequences of one alphabet and length.

    Returns
    -------
    In [0, 1]; 0 for equal matrices. It says nothing about which letters go together.

    Raises
    ------
    InputError
        When the alphabets or lengths differ.
    """
    check_alike(real, synthetic)
    return float(np.mean(jensenshannon(position_weights(real), position_weights(synthetic), base=2, axis=1)))


RELATIVE = 0.8
"""Share of the way from the lowest to the highest score at which a window counts as a hit, as is usual."""


def hit_share(sequences: Windows, motif: Motif, *, relative: float = RELATIVE) -> float:
    """Return the share of sequences with the motif at least once.

    Parameters
    ----------
    sequences
        Sequences of the motif's alphabet.
    motif
        The motif.
    relative
        A window is a hit from this share of the way from the lowest to the highest possible score.

    Returns
    -------
    In [0, 1].

    Raises
    ------
    InputError
        When the motif cannot lie in the sequences.
    """
    odds = np.log2(np.maximum(motif.probabilities, 1e-4) * len(motif.alphabet))
    low, high = odds.min(axis=1).sum(), odds.max(axis=1).sum()
    threshold = low + relative * (high - low)
    return float((motif.scores(sequences).max(axis=1) >= threshold - 1e-9).mean())


def hit_weights(sequences: Windows, motif: Motif) -> NDArray[np.float64]:
    """Return the share of each letter at each position of the best windows, ``(width, n_letters)``.

    The best window of a random sequence is like the motif too; compare with that of a null.
    """
    best = motif.scores(sequences).argmax(axis=1)
    codes = np.take_along_axis(sequences.codes, best[:, None] + np.arange(motif.width), axis=1)
    cells = np.arange(motif.width) * len(motif.alphabet) + codes
    counts = np.bincount(cells.ravel(), minlength=motif.width * len(motif.alphabet))
    shares: NDArray[np.float64] = counts.reshape(motif.width, -1) / len(sequences)
    return shares


def motif_table(
    synthetic: Windows, real: Windows, motifs: Mapping[str, Sequence[Motif]], *, random_state: int = 0
) -> pd.DataFrame:
    r"""Compare how often motifs occur in synthetic and in held-out real sequences of a class.

    .. math:: \text{recovery} = \frac{h_s - h_0}{h_r - h_0}

    with the shares of sequences with the motif :math:`h_s`, :math:`h_r` among synthetic and real ones, and :math:`h_0`
    among sequences of independent letters with the real composition.

    Parameters
    ----------
    synthetic, real
        Synthetic and held-out real sequences with classes.
    motifs
        Motifs by class, as given to :func:`scgarage.sequences.simulate_sequences`.
    random_state
        Seed of the null.

    Returns
    -------
    A row for each class and motif: ``class``, ``motif``, ``synthetic``, ``real``, ``null`` (shares of sequences with
    the motif), ``recovery`` (1 is ideal), ``weights_error`` and ``weights_error_null`` (mean absolute difference of the
    matrices of best windows from the real ones).

    Raises
    ------
    InputError
        When the sequences cannot be compared or a class is missing.
    """
    check_alike(real, synthetic)
    null = independent_letters(real, random_state=random_state)
    rows = [
        {"class": label, "motif": motif.name} | _compare(motif, *(of_class(side, label) for side in sides))
        for sides in [(synthetic, real, null)]
        for label, own in motifs.items()
        for motif in own
    ]
    return pd.DataFrame(rows)


def of_class(sequences: Windows, label: str) -> Windows:
    """Return the sequences of a class, of which there must be one."""
    if label not in sequences.classes:
        msg = f"there are no sequences of the class {label!r}; found {', '.join(sequences.classes) or 'no classes'}"
        raise InputError(msg)
    return sequences.take(np.asarray(sequences.labels == label))


def _compare(motif: Motif, synthetic: Windows, real: Windows, null: Windows) -> dict[str, Any]:
    shares = {name: hit_share(side, motif) for name, side in (("synthetic", synthetic), ("real", real), ("null", null))}
    gap = shares["real"] - shares["null"]
    truth = hit_weights(real, motif)
    return {
        **shares,
        "recovery": (shares["synthetic"] - shares["null"]) / gap if gap else np.nan,
        "weights_error": float(np.abs(hit_weights(synthetic, motif) - truth).mean()),
        "weights_error_null": float(np.abs(hit_weights(null, motif) - truth).mean()),
    }
