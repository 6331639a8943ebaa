"""Divide cells into train, validation and test parts, stratified by type or by donor."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.preprocess.validate import validate_labels

__all__ = ["Split", "split", "split_by_column"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of one data set: models see ``train``, tuning sees ``validation``, tables show ``test``.

    Attributes
    ----------
    train, validation, test
        Copies of the cells of each part.
    labels_key, batch_key, donor_key
        Columns of ``obs`` that the split knows about, or ``None``.
    fractions
        Shares of train, validation and test cells that were asked for.
    random_state
        Seed of the split.
    fingerprint
        Hash of the cell names and their labels, so that the same split can be made again from the same file only.
    """

    train: ad.AnnData
    validation: ad.AnnData
    test: ad.AnnData
    labels_key: str | None = None
    batch_key: str | None = None
    donor_key: str | None = None
    fractions: tuple[float, float, float] = (0.5, 0.1, 0.4)
    random_state: int = 0
    fingerprint: str = ""

    def record(self) -> dict[str, Any]:
        """Return what is needed to make the split again, as values that fit in ``uns`` and JSON."""
        record: dict[str, Any] = {
            "fractions": list(self.fractions),
            "random_state": self.random_state,
            "fingerprint": self.fingerprint,
            "n_train": self.train.n_obs,
            "n_validation": self.validation.n_obs,
            "n_test": self.test.n_obs,
        }
        keys = {"labels_key": self.labels_key, "batch_key": self.batch_key, "donor_key": self.donor_key}
        return record | {name: key for name, key in keys.items() if key is not None}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={getattr(self, part).n_obs}" for part in PARTS)
        return f"Split({sizes}, labels_key={self.labels_key!r}, donor_key={self.donor_key!r}, random_state={self.random_state})"


def split(
    adata: ad.AnnData,
    *,
    labels_key: str,
    batch_key: str | None = None,
    donor_key: str | None = None,
    fractions: Sequence[float] = (0.5, 0.1, 0.4),
    random_state: int = 0,
) -> Split:
    """Split cells into train, validation and test parts.

    Parameters
    ----------
    adata
        Annotated counts or log-normalised values, shape ``(n_cells, n_genes)``; not changed.
    labels_key
        Column of ``obs`` with the cell types. The parts hold the same share of every type; a type with two cells has
        one in train and one in test.
    batch_key
        Column of ``obs`` with the batch; recorded, not used for the division.
    donor_key
        Column of ``obs`` with the donor. When given, whole donors go to one part (no donor is in two), because cells of
        a donor in both train and test make any result too good; the shares are then only approximate.
    fractions
        Shares of train, validation and test. Half the cells for test and validation is a lot: the judge divides the test
        part again, into cells that fit its PCA and cells to compare with.
    random_state
        Seed; the same seed gives the same parts.

    Raises
    ------
    InputError
        When a column is missing, fractions do not add up to one, or there are too few donors or cells of a type.

    Examples
    --------
    >>> import scgarage as sg
    >>> sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    Split(train=350, validation=70, test=280, labels_key='cell_type', donor_key=None, random_state=0)
    """
    fractions = _check_fractions(fractions)
    validate_labels(adata, labels_key)
    rng = np.random.default_rng(random_state)
    if donor_key is None:
        part = _assign_by_type(adata.obs[labels_key].astype(str).to_numpy(), fractions, rng)
    else:
        part = _assign_by_donor(_obs_column(adata, donor_key).astype(str).to_numpy(), fractions, rng)
    return _take(
        adata,
        part,
        labels_key=labels_key,
        batch_key=batch_key,
        donor_key=donor_key,
        fractions=fractions,
        random_state=random_state,
        fingerprint=_fingerprint(adata, labels_key),
    )


def split_by_column(adata: ad.AnnData, column: str, *, labels_key: str | None = None) -> Split:
    """Make a :class:`Split` from a column of ``obs`` that holds ``"train"``, ``"validation"`` and ``"test"``.

    Raises
    ------
    InputError
        When the column is missing, holds other values, or has no train or no test cell.
    """
    part = _obs_column(adata, column).astype(str).to_numpy()
    found = set(part)
    if not found <= set(PARTS) or not {"train", "test"} <= found:
        msg = (
            f"adata.obs[{column!r}] must hold 'train' and 'test' (and 'validation' if there is one); "
            f"found {sorted(found)[:6]}"
        )
        raise InputError(msg)
    shares = tuple(float((part == name).mean()) for name in PARTS)
    return _take(adata, part, labels_key=labels_key, fractions=shares, fingerprint=_fingerprint(adata, labels_key))


def _take(adata: ad.AnnData, part: NDArray[np.str_], **settings: Any) -> Split:
    parts = {name: adata[part == name].copy() for name in PARTS}
    result = Split(**parts, **settings)
    for name, cells in parts.items():
        cells.uns["scgarage"] = dict(cells.uns.get("scgarage", {})) | {"part": name, "split": result.record()}
    return result


def _check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    values = tuple(float(f) for f in fractions)
    if len(values) != len(PARTS) or min(values) < 0 or abs(sum(values) - 1) > 1e-6 or values[0] == 0:
        msg = f"fractions must be three numbers (train, validation, test) >= 0 that add up to 1; found {values}"
        raise InputError(msg)
    return values  # type: ignore[return-value]


def _obs_column(adata: ad.AnnData, key: str) -> pd.Series:
    if key not in adata.obs:
        msg = f"adata.obs has no {key!r}; available: {', '.join(map(repr, adata.obs.columns)) or 'none'}"
        raise InputError(msg)
    if adata.obs[key].isna().any():
        msg = f"adata.obs[{key!r}] has {int(adata.obs[key].isna().sum())} missing values; fill or drop those cells"
        raise InputError(msg)
    return adata.obs[key]


def _assign_by_type(
    labels: NDArray[np.str_], fractions: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.str_]:
    part = np.empty(len(labels), dtype="<U10")
    for label in np.unique(labels):
        cells = rng.permutation(np.flatnonzero(labels == label))
        sizes = _part_sizes(len(cells), fractions, rng)
        part[cells] = np.repeat(PARTS, sizes)
    return part


def _part_sizes(
    n_cells: int, fractions: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Whole numbers close to ``fractions * n_cells``; train and a wanted test part get a cell before validation does."""
    exact = np.asarray(fractions) * n_cells
    sizes = np.floor(exact).astype(np.int64)
    # Random rounding keeps the overall shares right when many types are small.
    remainder = exact - sizes
    for _ in range(n_cells - int(sizes.sum())):
        winner = rng.choice(len(PARTS), p=remainder / remainder.sum())
        sizes[winner] += 1
        remainder[winner] = 0 if remainder.sum() > remainder[winner] else remainder[winner]
    for needed in (0, 2):
        if fractions[needed] > 0 and sizes[needed] == 0 and n_cells >= 2:
            donor = 1 if sizes[1] > 0 else int(np.argmax(sizes))
            sizes[donor] -= 1
            sizes[needed] += 1
    return sizes


def _assign_by_donor(
    donors: NDArray[np.str_], fractions: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.str_]:
    names, counts = np.unique(donors, return_counts=True)
    wanted = [name for name, share in zip(PARTS, fractions, strict=True) if share > 0]
    if len(names) < len(wanted):
        msg = (
            f"donor_key has {len(names)} donors, and {' / '.join(wanted)} need one each; "
            "use more donors, fractions with a zero, or split by type (donor_key=None)"
        )
        raise InputError(msg)
    part = np.empty(len(donors), dtype="<U10")
    missing = dict(zip(PARTS, np.asarray(fractions) * len(donors), strict=True))
    empty = list(wanted)
    # Largest donors first, each to the part that lacks most; ties and equal sizes fall to chance.
    order = np.lexsort((rng.random(len(names)), -counts))
    for left, donor in zip(range(len(names), 0, -1), order, strict=True):
        choices = empty if left <= len(empty) else wanted
        target = max(choices, key=lambda name: missing[name])
        part[donors == names[donor]] = target
        missing[target] -= counts[donor]
        if target in empty:
            empty.remove(target)
    return part


def _fingerprint(adata: ad.AnnData, labels_key: str | None) -> str:
    digest = hashlib.sha256()
    for name in adata.obs_names:
        digest.update(str(name).encode() + b"\0")
    if labels_key is not None:
        digest.update("\0".join(adata.obs[labels_key].astype(str)).encode())
    return digest.hexdigest()[:16]
