"""``scgarage evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["run_evaluate"]


def run_evaluate(
    synthetic: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    layer: str | None = None,
    out: str | None = None,
    report: str | None = None,
    constraints: str | None = None,
    profile: Literal["full", "quick"] = "full",
    n_repeats: int | None = None,
    n_top_genes: int = 1000,
    max_cells: int | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Judge synthetic cells against real cells that no model has seen.

    Every metric comes with its floor (real training cells in place of the synthetic ones: what a perfect generator
    scores), its null (independent Poisson counts) and a score: 0 is as good as real, 1 no better than noise.

    Parameters
    ----------
    synthetic
        File of synthetic cells, made by scgarage or by anything else.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    layer
        Layer that holds the values, instead of X.
    out
        Table to write, csv.
    report
        Report to write, html.
    constraints
        YAML or JSON file of biological constraints: how often the cells break them is shown beside how often held-out
        real cells do, and with --out written to a second table whose name ends in .constraints.csv.
    profile
        All metrics on up to 1000 cells, or in seconds the cheap ones on up to 500.
    n_repeats
        Repeats with other held-out cells (full: 5, quick: 3); fewer give no standard deviation that means something.
    n_top_genes
        Highly variable genes to judge by, chosen on held-out cells that are not compared.
    max_cells
        Largest number of cells compared in a repeat (full: 1000, quick: 500).
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    broken = None if out is None or constraints is None else Path(out).with_suffix(".constraints.csv")
    check_outputs(out, report, broken, overwrite=overwrite)
    from scgarage.constraints import check_constraints, read_constraints
    from scgarage.evaluation import evaluate as judge
    from scgarage.io import atomic_output
    from scgarage.schema import UNS_KEY

    rules = None if constraints is None else read_constraints(constraints)
    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    parts = cells.split(made, labels_key=labels_key, read=read)
    table = None if rules is None else check_constraints(made, parts, rules, layer=layer)
    result = judge(
        made,
        parts,
        labels_key=labels_key,
        layer=layer,
        profile=profile,
        n_repeats=n_repeats,
        n_top_genes=n_top_genes,
        max_cells=max_cells,
        random_state=random_state,
    )
    say(result.text())
    if table is not None:
        say(f"\nConstraints, share of broken ones:\n{_shown(table)}")
    if out is not None:
        say(f"table: {result.save(out, overwrite=overwrite)}")
    if table is not None and broken is not None:
        with atomic_output(broken, overwrite=overwrite) as temporary:
            table.to_csv(temporary, index=False)
        say(f"constraints: {broken}")
    if report is not None:
        say(f"report: {result.report(report, overwrite=overwrite)}")


def _shown(table: "DataFrame") -> str:
    columns = ["constraint", "rate", "floor", "excess", "n_synthetic", "counted"]
    return table[columns].to_string(index=False, float_format="{:.3f}".format, na_rep="-")
