"""The commands ``evaluate``, ``audit`` and ``report``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import ReadOptions, RealCells, check_outputs, loading, say
from scgarage.errors import InputError, ScgarageError

if TYPE_CHECKING:
    from anndata import AnnData
    from pandas import DataFrame

    from scgarage.pp import Split


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
        File to write: json holds everything that a report needs, csv the table alone.
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
    with loading():
        from scgarage.constraints import check_constraints, read_constraints
        from scgarage.io import atomic_output
        from scgarage.io.result import check_format
        from scgarage.judge.evaluation import evaluate as judge
        from scgarage.schema import UNS_KEY

    if out is not None:
        check_format(out)
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
    with loading():
        from scgarage.io.result import check_format
        from scgarage.judge.privacy import audit
        from scgarage.schema import UNS_KEY

    if out is not None:
        check_format(out)
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


def run_report(
    synthetic: str,
    table: str,
    out: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    layer: str | None = None,
    audit: str | None = None,
    utility: str | None = None,
    structure: str | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Write the HTML report from what `scgarage evaluate --out` wrote, without judging again.

    Parameters
    ----------
    synthetic
        File of synthetic cells.
    table
        What `scgarage evaluate --out` wrote: json (everything), or csv (without the numbers of every type).
    out
        Report to write, html.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    layer
        Layer that holds the values, instead of X.
    audit
        Audit to show, json of `scgarage audit --out`; by default the one that the synthetic cells carry.
    utility
        Whether the cells help to find rare ones: the json file that RareUtility.save wrote.
    structure
        Table of scgarage.judge.clusters.compare_clusters, csv.
    read
        How to read text files.
    overwrite
        Replace the report if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.io.result import read_json
    from scgarage.judge.evaluation import read_evaluation
    from scgarage.schema import UNS_KEY

    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    split = cells.split(made, labels_key=labels_key, read=read)
    result = read_evaluation(table, made, split, labels_key=labels_key, layer=layer)
    parts: dict[str, Any] = {
        "audit": None if audit is None else read_json(audit),
        "utility": None if utility is None else read_json(utility),
        "structure": None if structure is None else _read_csv(structure),
    }
    say(f"report: {result.report(out, overwrite=overwrite, **parts)}")


def _read_csv(path: str) -> "DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        msg = f"{path} is no table that scgarage wrote: {error}"
        raise InputError(msg) from error
