"""``scgarage audit``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError, ScgarageError

if TYPE_CHECKING:
    from anndata import AnnData

    from scgarage.preprocess import Split

__all__ = ["run_audit"]


def run_audit(
    synthetic: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    donor_key: str | None = None,
    layer: str | None = None,
    seeds: str | None = None,
    out: str | None = None,
    n_pcs: int = 50,
    max_cells: int = 2000,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Audit synthetic cells for what they tell about the cells that the model was trained on.

    Copies, distances to training against held-out cells, and membership inference; every number with its interval
    and a stated threshold. The exit code is 0 for a pass and for a weak audit (too little to look at; the text says
    why), 1 when the cells fail, 2 when the input is wrong. With --train alone, without held-out cells, only copies are
    looked for. A pass is no formal guarantee: the text says what it does not prove.

    Parameters
    ----------
    synthetic
        File of synthetic cells, made by scgarage or by anything else.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    donor_key
        Column of obs with the donors of the real cells; by default the one the split was made by.
    layer
        Layer that holds the values, instead of X.
    seeds
        Text file with the names of the training cells that the generator was fed, one a line; by default those that
        the synthetic cells name.
    out
        File to write: the table as csv, or everything as json.
    n_pcs
        Principal components to compare in.
    max_cells
        Training cells, and held-out cells, that are attacked at most.
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.privacy import audit
    from scgarage.privacy.result import FORMATS
    from scgarage.schema import UNS_KEY

    if out is not None and Path(out).suffix not in FORMATS:
        msg = f"{out} ends in neither of {', '.join(FORMATS)}; choose another name"
        raise InputError(msg)
    names = None if seeds is None else _names(Path(seeds))
    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    result = audit(
        made,
        _real(cells, made, labels_key=labels_key, read=read),
        labels_key=labels_key,
        donor_key=donor_key,
        seed_names=names,
        layer=layer,
        n_pcs=n_pcs,
        max_cells=max_cells,
        random_state=random_state,
    )
    say(result.text())
    if out is not None:
        say(f"audit: {result.save(out, overwrite=overwrite)}")
    if result.verdict == "fail":
        msg = "the cells fail the privacy audit"
        raise ScgarageError(msg)


def _real(cells: RealCells, made: "AnnData", *, labels_key: str | None, read: ReadOptions) -> "Split | AnnData":
    """Return train, validation and test cells, or training cells when the user has no others."""
    if cells.train is not None and cells.test is None and cells.real is None:
        return read.read(cells.train, labels_key=labels_key)
    return cells.split(made, labels_key=labels_key, read=read)


def _names(path: Path) -> Sequence[str]:
    if not path.is_file():
        msg = f"{path} is no file; --seeds expects a text file with one cell name a line"
        raise InputError(msg)
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
