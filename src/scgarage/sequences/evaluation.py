"""The judge of sequences: synthetic ones against held-out real ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.metrics.classifier import c2st_forest
from scgarage.metrics.metric import loss
from scgarage.metrics.neighbours import memorisation_share
from scgarage.sequences.comparators import independent_letters
from scgarage.sequences.fasta import DNA
from scgarage.sequences.statistics import (
    check_alike,
    gc_distance,
    kmer_counts,
    kmer_distance,
    of_class,
    position_weights_distance,
)
from scgarage.sequences.windows import Windows


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

    Unequal numbers are corrected for and a tie is half, as in :func:`scgarage.metrics.neighbours.memorisation_share`,
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


COLUMNS = ("metric", "group", "better", "value", "sd", "floor", "null", "score", "n_sequences")

ALL = "all"
BETTER = {"c2st_kmers": "target 0.5", "c2st_letters": "target 0.5", "nearness_to_training": "target 0.5"}


@dataclass(frozen=True, eq=False)
class _Sides:
    """One repeat: as many sequences of each class on every side."""

    holdout: Windows
    synthetic: Windows
    floor: Windows
    null: Windows


def evaluate_sequences(
    synthetic: Windows,
    train: Windows,
    test: Windows,
    *,
    k: int | None = None,
    n_repeats: int = 3,
    n_trees: int = 100,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Compare synthetic with held-out real sequences.

    .. math:: \text{score} = \frac{\ell(\text{value}) - \ell(\text{floor})}{\ell(\text{null}) - \ell(\text{floor})}

    The *floor* is what training sequences in place of the synthetic ones give, the *null* what independent letters
    with the composition of the class give; for the checks of copies the floor is what held-out sequences give and the
    null what the training sequences themselves give. :math:`\ell` is the distance from the ideal value.

    Parameters
    ----------
    synthetic
        Sequences of any origin.
    train
        Sequences that the model was fitted to.
    test
        Sequences that it has not seen.
    k
        Letters of a word; 3 for DNA and 2 for protein by default.
    n_repeats
        Draws of as many sequences of each class from every side, over which means are taken.
    n_trees
        Trees of the forests that tell synthetic from real sequences.
    random_state
        Seed.

    Returns
    -------
    A row for each metric and group (``"all"``, and each class): ``metric``, ``group``, ``better``, ``value`` and its
    standard deviation over repeats ``sd``, ``floor``, ``null``, ``score`` (0 as good as real sequences, 1 as bad as the
    null) and ``n_sequences`` on each side.

    Raises
    ------
    InputError
        When the sequences cannot be compared, or there are fewer than 3 of each class on a side.
    """
    _check(synthetic, train, test)
    if n_repeats < 1:
        msg = f"n_repeats must be at least 1; found {n_repeats}"
        raise InputError(msg)
    words = k if k is not None else 3 if test.alphabet == DNA else 2
    rows = []
    for repeat in range(n_repeats):
        sides = _draw(synthetic, train, test, np.random.default_rng([random_state, repeat]))
        rows += [row | {"repeat": repeat} for row in _measure(sides, words, n_trees)]
        rows += [row | {"repeat": repeat} for row in _copies(sides, train, test)]
    return _summary(pd.DataFrame(rows))


def _check(synthetic: Windows, train: Windows, test: Windows) -> None:
    for side in (synthetic, train):
        check_alike(test, side)
    if not synthetic.classes == train.classes == test.classes:
        found = {"synthetic": synthetic.classes, "train": train.classes, "test": test.classes}
        msg = f"synthetic, training and test sequences need the same classes; found {found}"
        raise InputError(msg)


def _draw(synthetic: Windows, train: Windows, test: Windows, rng: np.random.Generator) -> _Sides:
    """Draw as many sequences of each class from every side, without replacement."""
    rows: list[list[NDArray[np.int64]]] = [[], [], []]
    for label in test.classes or (None,):
        own = [
            np.arange(len(side)) if side.labels is None else np.flatnonzero(side.labels == label)
            for side in (test, synthetic, train)
        ]
        n = min(map(len, own))
        if n < 3:
            msg = (
                f"class {label!r} has {n} sequences on one side; expected at least 3 synthetic, training and test ones"
            )
            raise InputError(msg)
        for kept, members in zip(rows, own, strict=True):
            kept.append(rng.permutation(members)[:n])
    holdout, made, floor = (
        side.take(np.concatenate(kept)) for side, kept in zip((test, synthetic, train), rows, strict=True)
    )
    return _Sides(holdout, made, floor, independent_letters(floor, random_state=int(rng.integers(2**31))))


def _measure(sides: _Sides, k: int, n_trees: int) -> Iterator[dict[str, object]]:
    metrics: dict[str, Callable[[Windows, Windows], float]] = {
        "kmer_distance": lambda real, made: kmer_distance(real, made, k=k),
        "position_weights_distance": position_weights_distance,
        "c2st_kmers": lambda real, made: c2st_kmers(real, made, k=k, n_trees=n_trees),
        "c2st_letters": lambda real, made: c2st_letters(real, made, n_trees=n_trees),
    }
    if sides.holdout.alphabet == DNA:
        metrics["gc_distance"] = gc_distance
    for name, metric in metrics.items():
        yield _row(name, ALL, len(sides.holdout), metric, sides)
    for label in sides.holdout.classes:
        own = _Sides(
            *(of_class(side, label) for side in (sides.holdout, sides.synthetic, sides.floor, sides.null))
        )  # fmt: skip
        for name in ("kmer_distance", "position_weights_distance"):
            yield _row(name, label, len(own.holdout), metrics[name], own)


def _row(
    name: str, group: str, n: int, metric: Callable[[Windows, Windows], float], sides: _Sides
) -> dict[str, object]:
    made = {"value": sides.synthetic, "floor": sides.floor, "null": sides.null}
    values = {column: metric(sides.holdout, side) for column, side in made.items()}
    return {"metric": name, "group": group, "better": BETTER.get(name, "lower"), "n_sequences": n} | values


def _copies(sides: _Sides, train: Windows, test: Windows) -> Iterator[dict[str, object]]:
    """Yield the checks of copies, whose floor is a half of the test sequences against the other."""
    half = np.arange(len(test)) % 2 == 0
    ones, others = test.take(half), test.take(~half)
    n = len(sides.synthetic)
    yield {
        "metric": "copy_share", "group": ALL, "better": "lower", "n_sequences": n,
        "value": copy_share(sides.synthetic, train), "floor": copy_share(test, train), "null": 1.0,
    }  # fmt: skip
    near = {"value": sides.synthetic, "floor": ones, "null": sides.floor}
    yield {"metric": "nearness_to_training", "group": ALL, "better": "target 0.5", "n_sequences": n} | {
        column: nearness_to_training(side, train, others) for column, side in near.items()
    }


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby(["metric", "group", "better", "n_sequences"], sort=False)
    table = grouped[["value", "floor", "null"]].mean()
    table["sd"] = grouped["value"].std(ddof=1)
    table = table.reset_index()
    losses = {
        column: np.array([loss(value, how) for value, how in zip(table[column], table["better"], strict=True)])
        for column in ("value", "floor", "null")
    }
    span = losses["null"] - losses["floor"]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["score"] = np.where(span > 0, (losses["value"] - losses["floor"]) / span, np.nan)
    return table[list(COLUMNS)]
