"""Classifier two-sample test: how well a forest tells synthetic from real sequences."""

from scipy import sparse

from scgarage.metrics.classifier import c2st_forest
from scgarage.sequences.judge.kmers import check_alike, kmer_counts
from scgarage.sequences.windows import Windows

__all__ = ["c2st_kmers", "c2st_letters"]


def c2st_kmers(real: Windows, synthetic: Windows, *, k: int = 3, n_trees: int = 100, random_state: int = 0) -> float:
    """Return how well a random forest on k-mer counts tells synthetic from real sequences that it has not seen.

    Parameters
    ----------
    real, synthetic
        Sequences of one alphabet and length, at least three each.
    k
        Letters of a word.
    n_trees
        Trees of the forest.
    random_state
        Seed of folds and forest.

    Returns
    -------
    Area under the ROC curve; 0.5 when they cannot be told apart. See :func:`scgarage.metrics.classifier.c2st`.

    Raises
    ------
    InputError
        When the sequences cannot be compared.

    References
    ----------
    Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017, arXiv:1610.06545.
    """
    check_alike(real, synthetic)
    counts = sparse.vstack([kmer_counts(real, k), kmer_counts(synthetic, k)], format="csc")
    seen = counts[:, counts.getnnz(axis=0) > 0].toarray()
    return c2st_forest(seen[: len(real)], seen[len(real) :], n_trees=n_trees, random_state=random_state)


def c2st_letters(real: Windows, synthetic: Windows, *, n_trees: int = 100, random_state: int = 0) -> float:
    """Return the same as :func:`c2st_kmers` for a forest on the one-hot letters, which sees positions."""
    check_alike(real, synthetic)
    sides = [side.one_hot().reshape(len(side), -1) for side in (real, synthetic)]
    return c2st_forest(*sides, n_trees=n_trees, random_state=random_state)
