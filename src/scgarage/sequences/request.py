"""From a request to the class of each sequence to make."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = ["requested_classes"]


def requested_classes(
    spec: int | Mapping[str, int], class_counts: Mapping[str, int], *, random_state: int
) -> NDArray[np.int64]:
    """Return the class number of each sequence, int64 (n_sequences,); all 0 without classes.

    Parameters
    ----------
    spec
        A number of sequences, whose classes are drawn as in training, or a number for each class.
    class_counts
        Training sequences of each class, in the order of their numbers.
    random_state
        Seed.

    Raises
    ------
    InputError
        When the request has unknown classes or odd numbers.
    """
    classes = list(class_counts)
    if isinstance(spec, int) and spec > 0:
        if not classes:
            return np.zeros(spec, dtype=np.int64)
        seen = np.array(list(class_counts.values()))
        drawn = np.random.default_rng(random_state).multinomial(spec, seen / seen.sum())
        return np.repeat(np.arange(len(classes)), drawn)
    counts = {} if isinstance(spec, int) else dict(spec)
    unknown = sorted(set(counts) - set(classes))
    if not counts or unknown or min(counts.values()) < 0 or not sum(counts.values()):
        msg = (
            f"cannot make {spec!r} sequences; expected a number above 0, or numbers for classes among "
            f"{classes or 'none: the model was fitted without classes'}"
        )
        raise InputError(msg)
    return np.repeat([classes.index(label) for label in counts], list(counts.values()))
