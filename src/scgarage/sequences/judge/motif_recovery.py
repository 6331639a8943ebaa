"""Whether known motifs are in synthetic sequences as they are in real ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.sequences.comparators import independent_letters
from scgarage.sequences.judge.kmers import check_alike
from scgarage.sequences.motif import Motif
from scgarage.sequences.windows import Windows

__all__ = ["hit_share", "hit_weights", "motif_table"]

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
