"""Position weight matrices of whole sequences: which letters stand at which position."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from scgarage.sequences.judge.kmers import check_alike
from scgarage.sequences.windows import Windows

__all__ = ["position_weights", "position_weights_distance"]


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
