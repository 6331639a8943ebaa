"""Random partition of genes into subsets."""

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = ["partition_genes"]


def partition_genes(n_genes: int, subset_size: int | None, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Divide genes at random into subsets of nearly the same size.

    Parameters
    ----------
    n_genes
        Number of genes.
    subset_size
        Largest size of a subset; ``None`` keeps all genes together, in order.
    rng
        Source of the partition.

    Returns
    -------
    Gene numbers of each subset, sorted; every gene is in exactly one.

    Raises
    ------
    InputError
        When ``subset_size`` is below two.

    Examples
    --------
    >>> [len(subset) for subset in partition_genes(10, 4, np.random.default_rng(0))]
    [4, 3, 3]
    """
    if subset_size is None or subset_size >= n_genes:
        return [np.arange(n_genes)]
    if subset_size < 2:
        msg = f"subset_size must be at least 2, or None for all genes together; found {subset_size}"
        raise InputError(msg)
    parts = np.array_split(rng.permutation(n_genes), -(-n_genes // subset_size))
    return [np.sort(part).astype(np.int64) for part in parts]
