"""``scgarage sample``."""

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

__all__ = ["run_sample"]


def run_sample(
    model: str,
    out: str,
    n_cells: int | None = None,
    types: dict[str, int] | None = None,
    csv: str | None = None,
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
    csv
        Also write the values as a csv file (cells are rows), with the labels beside it.
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
    cells = load(model).sample(wanted, random_state=random_state)  # type: ignore[arg-type]
    write_h5ad(cells, out, overwrite=overwrite)
    if csv is not None:
        write_csv(cells, csv, overwrite=overwrite)
    say(f"{cells.n_obs:,} synthetic cells x {cells.n_vars:,} genes: {out}")
