"""Train, validation and test cells; the split travels as a record and is made again from it."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.cells import obs_column, validate_labels

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint parts of one data set: models see train, tuning sees validation, tables show test.

    Attributes
    ----------
    train, validation, test
        Copies of the cells of each part.
    labels_key, batch_key, donor_key
        Columns of ``obs`` that the split knows about, or ``None``.
    part_key
        Column of ``obs`` that the parts were read from, or ``None`` when they were drawn.
    fractions
        Shares of train, validation and test cells that were asked for.
    random_state
        Seed of the split.
    fingerprint
        Hash of the cell names in order, their labels and the part of each, so that a split made again is
        known to be the same.
    """

    train: ad.AnnData
    validation: ad.AnnData
    test: ad.AnnData
    labels_key: str | None = None
    batch_key: str | None = None
    donor_key: str | None = None
    part_key: str | None = None
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
        keys = ("labels_key", "batch_key", "donor_key", "part_key")
        return record | {name: getattr(self, name) for name in keys if getattr(self, name) is not None}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part}={getattr(self, part).n_obs}" for part in PARTS)
        keys = f"labels_key={self.labels_key!r}, donor_key={self.donor_key!r}"
        return f"Split({sizes}, {keys}, random_state={self.random_state})"


def split(
    adata: ad.AnnData,
    *,
    labels_key: str | None,
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
        Column of ``obs`` with the cell types. The parts hold the same share of every type, rounded up or
        down by chance so that the overall shares are right for many small types too; but every type has a
        cell in train and, when there is a test part, one in test, and a type of three cells or more has two in
        train, the least that can be learned from. A type with two cells has one in each, a single cell is in
        train. ``None`` for cells without labels.
    batch_key
        Column of ``obs`` with the batch; recorded, not used for the division.
    donor_key
        Column of ``obs`` with the donor. When given, whole donors go to one part (no donor is in two),
        because cells of a donor in both train and test make any result too good; the shares are then only
        approximate, and a type may be missing from a part.
    fractions
        Shares of train, validation and test. Half the cells for test and validation is a lot: the judge
        divides the test part again, into cells that fit its PCA and cells to compare with.
    random_state
        Seed; the same seed gives the same parts.

    Returns
    -------
    The parts, each a copy with ``uns["scgarage"]["part"]`` and ``uns["scgarage"]["split"]`` added.

    Raises
    ------
    InputError
        When a column is missing or has missing values, fractions do not add up to one, there are too few
        donors, or a part that was asked for gets no cell.

    Warns
    -----
    UserWarning
        When a type has no cell in train or test: those of one cell, and any in a split by donor.

    Examples
    --------
    >>> import scgarage as sg
    >>> sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    Split(train=351, validation=70, test=279, labels_key='cell_type', donor_key=None, random_state=0)
    """
    fractions = _check_fractions(fractions)
    if labels_key is None:
        labels = np.full(adata.n_obs, "cell")
    else:
        labels = validate_labels(adata, labels_key, min_cells_per_type=1)
    if batch_key is not None:
        obs_column(adata, batch_key)
    rng = np.random.default_rng(random_state)
    if donor_key is None:
        part = _assign_by_type(labels, fractions, rng)
    else:
        part = _assign_by_donor(obs_column(adata, donor_key), fractions, rng)
    _warn_missing_types(labels, part, fractions)
    _check_parts(part, fractions)
    return _take(
        adata,
        part,
        labels_key=labels_key,
        batch_key=batch_key,
        donor_key=donor_key,
        fractions=fractions,
        random_state=int(random_state),
        fingerprint=_fingerprint(adata, labels_key, part),
    )


def split_by_column(adata: ad.AnnData, column: str, *, labels_key: str | None = None) -> Split:
    """Make a :class:`Split` from a column of ``obs`` that holds ``"train"``, ``"validation"`` and ``"test"``.

    Parameters
    ----------
    adata
        Annotated counts or log-normalised values, shape ``(n_cells, n_genes)``; not changed.
    column
        Column of ``obs`` with the part of each cell.
    labels_key
        Column of ``obs`` with the cell types, if there are any.

    Returns
    -------
    The split; its ``fractions`` are the shares that were found.

    Raises
    ------
    InputError
        When a column is missing or has missing values, or ``column`` holds other values or no train or no
        test cell.
    """
    part = obs_column(adata, column)
    if labels_key is not None:
        validate_labels(adata, labels_key, min_types=1, min_cells_per_type=1)
    found = set(part)
    if not found <= set(PARTS) or not {"train", "test"} <= found:
        msg = (
            f"adata.obs[{column!r}] must hold 'train' and 'test' (and 'validation' if there is one); "
            f"found {sorted(found)[:6]}"
        )
        raise InputError(msg)
    shares = tuple(float((part == name).mean()) for name in PARTS)
    fingerprint = _fingerprint(adata, labels_key, part)
    return _take(adata, part, labels_key=labels_key, part_key=column, fractions=shares, fingerprint=fingerprint)


def _take(adata: ad.AnnData, part: NDArray[np.str_], **settings: Any) -> Split:
    parts = {name: adata[part == name].copy() for name in PARTS}
    result = Split(**parts, **settings)
    for name, cells in parts.items():
        cells.uns["scgarage"] = dict(cells.uns.get("scgarage", {})) | {"part": name, "split": result.record()}
    return result


def _check_fractions(fractions: Sequence[float]) -> tuple[float, float, float]:
    values = tuple(float(f) for f in fractions)
    if len(values) != len(PARTS) or not min(values) >= 0 or not abs(sum(values) - 1) < 1e-6 or values[0] == 0:
        msg = f"fractions must be three numbers (train, validation, test) >= 0 that add up to 1; found {values}"
        raise InputError(msg)
    return values  # type: ignore[return-value]


def _check_parts(part: NDArray[np.str_], fractions: tuple[float, float, float]) -> None:
    wanted = [name for name, share in zip(PARTS, fractions, strict=True) if share > 0]
    empty = [name for name in wanted if not (part == name).any()]
    if empty:
        msg = (
            f"{len(part)} cells are too few for fractions {fractions}: no cell for {' and '.join(empty)}; "
            "ask for a larger share or set it to 0"
        )
        raise InputError(msg)


def _warn_missing_types(
    labels: NDArray[np.str_], part: NDArray[np.str_], fractions: tuple[float, float, float]
) -> None:
    consequences = {"train": "no model can learn them", "test": "nothing can be said about them"}
    for name, share in zip(PARTS, fractions, strict=True):
        missing = sorted(set(labels) - set(labels[part == name]))
        if name in consequences and share > 0 and missing:
            msg = f"the {name} part has no cells of: {', '.join(missing)}; {consequences[name]}"
            warnings.warn(msg, UserWarning, stacklevel=3)


def _assign_by_type(
    labels: NDArray[np.str_], fractions: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.str_]:
    part = np.empty(len(labels), dtype="<U10")
    for label in np.unique(labels):
        cells = rng.permutation(np.flatnonzero(labels == label))
        sizes = _part_sizes(len(cells), fractions, rng)
        part[cells] = np.repeat(PARTS, sizes)
    if fractions[1] > 0 and not (part == "validation").any():
        train = np.flatnonzero(part == "train")
        names, counts = np.unique(labels[train], return_counts=True)
        if counts.max() > 1:
            part[rng.choice(train[labels[train] == names[counts.argmax()]])] = "validation"
    return part


def _part_sizes(n_cells: int, fractions: tuple[float, float, float], rng: np.random.Generator) -> NDArray[np.int64]:
    """Whole numbers next to ``fractions * n_cells``; train and a wanted test part come before validation."""
    if n_cells == 1 and fractions[0] > 0:
        return np.array([1, 0, 0])
    # One random shift for all bounds rounds each size up with the probability that keeps its mean exact.
    bounds = np.floor(np.cumsum([0.0, *fractions]) * n_cells + rng.random() + 1e-9).astype(np.int64)
    bounds[-1] = bounds[0] + n_cells
    sizes = np.diff(bounds)
    for needed in (0, 2):
        if fractions[needed] > 0 and sizes[needed] == 0 and n_cells >= 2:
            giver = 1 if sizes[1] > 0 else int(np.argmax(sizes))
            sizes[giver] -= 1
            sizes[needed] += 1
    if sizes[0] == 1 and n_cells > 2:
        sizes += [1, -1, 0] if sizes[1] > 0 else [1, 0, -1]
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
    # Large donors tend to come first, so that small ones can even out the shares; each goes to the part
    # that lacks most cells.
    order = np.argsort(-counts * rng.uniform(0.5, 1.5, len(names)))
    for left, donor in zip(range(len(names), 0, -1), order, strict=True):
        choices = empty if left <= len(empty) else wanted
        target = max(choices, key=lambda name: missing[name])
        part[donors == names[donor]] = target
        missing[target] -= counts[donor]
        if target in empty:
            empty.remove(target)
    return part


def _fingerprint(adata: ad.AnnData, labels_key: str | None, part: NDArray[np.str_]) -> str:
    labels = [] if labels_key is None else obs_column(adata, labels_key).tolist()
    text = json.dumps([[str(name) for name in adata.obs_names], labels, part.tolist()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def split_again(adata: ad.AnnData, record: Mapping[str, Any]) -> Split:
    """Repeat the split that a model was trained with.

    Parameters
    ----------
    adata
        The file that was split, all of its cells.
    record
        What :meth:`Split.record` returned; synthetic cells carry it in ``uns["scgarage"]["split"]``.

    Raises
    ------
    InputError
        When the record is incomplete, or the cells or labels are not those that were split.

    Examples
    --------
    >>> import scgarage as sg
    >>> adata = sg.datasets.pbmc68k()
    >>> first = sg.pp.split(adata, labels_key="cell_type", random_state=3)
    >>> again = split_again(adata, first.record())
    >>> list(again.test.obs_names) == list(first.test.obs_names)
    True
    """
    drawn = "part_key" not in record
    needed = ("fractions", "random_state", "fingerprint") if drawn else ("fingerprint",)
    missing = [key for key in needed if key not in record]
    if missing:
        msg = f"the record of the split has no {', '.join(missing)}; give the train and test cells instead"
        raise InputError(msg)
    again = _draw(adata, record) if drawn else _read(adata, record)
    if again.fingerprint != str(record["fingerprint"]):
        msg = (
            "these are not the cells (or not the labels, or not the order) that the model's split was made from, "
            "so the held-out cells cannot be told from the training cells; "
            "give the original file, or the train and test cells"
        )
        raise InputError(msg)
    return again


def _draw(adata: ad.AnnData, record: Mapping[str, Any]) -> Split:
    return split(
        adata,
        labels_key=_optional(record, "labels_key"),
        batch_key=_optional(record, "batch_key"),
        donor_key=_optional(record, "donor_key"),
        fractions=[float(share) for share in record["fractions"]],
        random_state=int(record["random_state"]),
    )


def _read(adata: ad.AnnData, record: Mapping[str, Any]) -> Split:
    return split_by_column(adata, str(record["part_key"]), labels_key=_optional(record, "labels_key"))


def _optional(record: Mapping[str, Any], key: str) -> str | None:
    return str(record[key]) if key in record else None
