"""The attacks that the audit tries."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scgarage.privacy.distance_attack import distance_attack
from scgarage.privacy.domias import domias
from scgarage.privacy.gan_leaks import gan_leaks

__all__ = ["ATTACKS"]

ATTACKS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "distance": distance_attack,
    "gan_leaks": gan_leaks,
    "domias": domias,
}
"""Functions of the components of attacked, synthetic and reference cells; a higher score means "member"."""
