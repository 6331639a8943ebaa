"""Make a recorded split again, from the same file only."""

from collections.abc import Mapping
from typing import Any

import anndata as ad

from scgarage.errors import InputError
from scgarage.preprocess.splits import Split, split, split_by_column

__all__ = ["split_again"]


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
