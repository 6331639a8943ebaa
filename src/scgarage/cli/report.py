"""``scgarage report``."""

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say

__all__ = ["run_report"]


def run_report(
    synthetic: str,
    table: str,
    out: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    layer: str | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Write the HTML report from a table that `scgarage evaluate --out` made, without computing it again.

    Parameters
    ----------
    synthetic
        File of synthetic cells.
    table
        Table of `scgarage evaluate`, csv.
    out
        Report to write, html.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    layer
        Layer that holds the values, instead of X.
    read
        How to read text files.
    overwrite
        Replace the report if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.evaluation import read_evaluation
    from scgarage.schema import UNS_KEY

    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    parts = cells.split(made, labels_key=labels_key, read=read)
    result = read_evaluation(table, made, parts, labels_key=labels_key, layer=layer)
    say(f"report: {result.report(out, overwrite=overwrite)}")
