"""Arguments that several commands share, and what commands print."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

    from scgarage.models import GenerativeModel
    from scgarage.pp import Split


def say(text: str = "") -> None:
    """Print a line for the user."""
    print(text)  # noqa: T201


@contextmanager
def loading() -> Iterator[None]:
    """Import packages without the garbage collector, which would look through them again and again until the end.

    That takes a third of the time of a command with little to do. Where torch is there already, nothing is to be won.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def make_model(name: str, params: dict[str, Any] | None) -> "GenerativeModel":
    """Return an unfitted model."""
    with loading():
        from jsonargparse import ArgumentError, ArgumentParser

        from scgarage.models import model_class

    kind = model_class(name)
    given = params or {}
    kind(**{key: value for key, value in given.items() if key not in kind.Config.__dataclass_fields__})  # names first
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind.Config)
    try:
        checked = parser.parse_object(dict(given))
    except ArgumentError as error:
        msg = f"--params of {name}: {error}"
        raise InputError(msg) from error
    return kind(**{key: checked[key] for key in given})


@dataclass(frozen=True)
class ReadOptions:
    """How to read files; the first four are for text files.

    Parameters
    ----------
    genes_as
        Whether the genes of a csv or tsv file are its rows or its columns.
    header
        Whether a csv or tsv file begins with a line of names.
    labels
        File with one cell type per cell.
    delimiter
        Separator of a text file; found from its name by default.
    features
        Whether antibodies, guides, hashtags and spike-ins are left out (genes) or kept (all).
    """

    genes_as: Literal["rows", "columns"] | None = None
    header: bool = True
    labels: str | None = None
    delimiter: str | None = None
    features: Literal["genes", "all"] = "genes"

    def read(self, path: str, *, labels_key: str | None = None) -> "AnnData":
        """Read a file of cells."""
        from scgarage.io import read

        return read(
            path,
            genes_as=self.genes_as,
            header=self.header,
            labels=self.labels,
            labels_key=labels_key or "cell_type",
            delimiter=self.delimiter,
            features=self.features,
        )


@dataclass(frozen=True)
class RealCells:
    """The real cells to judge by: the file the model was fitted to, or its parts."""

    real: str | None = None
    split_column: str | None = None
    train: str | None = None
    test: str | None = None
    validation: str | None = None

    def split(self, synthetic: "AnnData", *, labels_key: str | None, read: ReadOptions) -> "Split":
        """Return train, validation and test cells."""
        from scgarage.pp import split_again, split_by_column
        from scgarage.schema import UNS_KEY

        if self.train is not None or self.test is not None:
            return self._from_parts(labels_key, read)
        if self.real is None:
            msg = "which real cells? pass --real FILE (the file the model was fitted to), or --train FILE --test FILE"
            raise InputError(msg)
        adata = read.read(self.real, labels_key=labels_key)
        if self.split_column is not None:
            return split_by_column(adata, self.split_column, labels_key=labels_key)
        record = synthetic.uns.get(UNS_KEY, {}).get("split", {})
        if not len(record):
            msg = (
                "the synthetic cells do not say which real cells were used for training, and those "
                "cannot judge; pass --train FILE --test FILE, or --split-column NAME with 'train' and 'test' in it"
            )
            raise InputError(msg)
        return split_again(adata, record)

    def _from_parts(self, labels_key: str | None, read: ReadOptions) -> "Split":
        from scgarage.pp import Split

        if self.train is None or self.test is None:
            msg = "--train and --test belong together: the cells the model has seen and cells it has not seen"
            raise InputError(msg)
        train, test = (read.read(path, labels_key=labels_key) for path in (self.train, self.test))
        validation = train[:0].copy() if self.validation is None else read.read(self.validation, labels_key=labels_key)
        n_cells = train.n_obs + validation.n_obs + test.n_obs
        shares = (train.n_obs / n_cells, validation.n_obs / n_cells, test.n_obs / n_cells)
        return Split(train, validation, test, labels_key=labels_key, fractions=shares)


def check_outputs(*paths: str | Path | None, overwrite: bool) -> None:
    """Refuse existing outputs before any work is done."""
    with loading():
        from scgarage.io import check_output

    for path in paths:
        if path is not None:
            check_output(Path(path), overwrite=overwrite)
