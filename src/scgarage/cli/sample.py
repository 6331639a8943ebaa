"""``scgarage sample``."""

from typing import TYPE_CHECKING

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["run_sample"]


def run_sample(
    model: str,
    out: str,
    n_cells: int | None = None,
    types: dict[str, int] | None = None,
    batch: str | None = None,
    proportions: str = "train",
    csv: str | None = None,
    require_audit: bool = False,
    allow_weak_audit: bool = False,
    real: str | None = None,
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Make synthetic cells with a fitted model.

    Parameters
    ----------
    model
        Folder of the model.
    out
        File to write, h5ad.
    n_cells
        Number of cells, in the model's proportions of types; -n for short.
    types
        Number of cells for each type instead, as JSON: '{"pDC": 500, "Mk": 500}'.
    batch
        Batch to make all cells in, of a model fitted with --batch-key; of several columns "donor1 | stim".
    proportions
        Types of -n cells: train for those of the training cells, balanced for as many of each.
    csv
        Also write the values as a csv file (cells are rows), with the labels beside it.
    require_audit
        Write nothing unless the cells pass the privacy audit, which then goes with the file; needs --real.
    allow_weak_audit
        Let cells through for which the audit can neither find nor rule out a leak.
    real
        The file the model was fitted to, for the audit.
    random_state
        Seed; the same seed gives the same cells.
    overwrite
        Replace the output if it exists.
    """
    if (n_cells is None) == (types is None):
        msg = "ask for a number of cells (-n 5000) or for numbers by type (--types '{\"pDC\": 500}'), one of the two"
        raise InputError(msg)
    check_outputs(out, csv, overwrite=overwrite)
    from scgarage.io import write_csv, write_h5ad
    from scgarage.models import load

    wanted = types if n_cells is None else n_cells
    cells = load(model).sample(wanted, batch=batch, proportions=proportions, random_state=random_state)  # type: ignore[arg-type]
    if require_audit:
        _audit(cells, real, allow_weak=allow_weak_audit)
    write_h5ad(cells, out, overwrite=overwrite)
    if csv is not None:
        write_csv(cells, csv, overwrite=overwrite)
    say(f"{cells.n_obs:,} synthetic cells x {cells.n_vars:,} genes: {out}")


def _audit(cells: "AnnData", real: str | None, *, allow_weak: bool) -> None:
    """Refuse cells that fail the privacy audit; keep the record of one that they pass."""
    from scgarage.privacy import require_pass
    from scgarage.schema import UNS_KEY

    key = cells.uns[UNS_KEY].get("labels_key")
    parts = RealCells(real=real).split(cells, labels_key=key, read=ReadOptions())
    audit = require_pass(cells, parts, labels_key=key, allow_weak=allow_weak)
    cells.uns[UNS_KEY]["audit"] = audit.record()
    say(audit.sentences[0])
