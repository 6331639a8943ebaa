"""The ``analyse`` commands that look at synthetic cells beside real ones: ``markers`` and ``legacy``."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import ReadOptions, RealCells, check_outputs, make_model, say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from pandas import DataFrame

SHOWN = ["resolution", "selection", "n_genes", "metric", "value", "floor", "null", "score"]


def run_analyse_markers(
    synthetic: str,
    out: str,
    cells: RealCells = RealCells(),  # noqa: B008  (frozen)
    labels_key: str | None = None,
    selection: Literal["cv2", "fano", "pca_loading", "all"] = "all",
    n_genes: list[int] | None = None,
    resolutions: list[float] | None = None,
    legacy: bool = False,
    layer: str | None = None,
    n_repeats: int = 3,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Cluster real and synthetic cells on selected genes: each selection by each number of genes and resolution.

    ARI, NMI and F1 of the clusters against the types, in synthetic cells (value), held-out real cells (floor) and
    independent genes (null). The labels never choose the resolution, except with --legacy.

    Parameters
    ----------
    synthetic
        File of synthetic cells.
    out
        Table to write, csv.
    cells
        The real cells.
    labels_key
        Column of obs with the cell types; by default the one the model was fitted with.
    selection
        Selection of genes.
    n_genes
        Numbers of genes; by default 50, 100, 200 and 500, with --legacy 100.
    resolutions
        Leiden resolutions, each scored by itself; by default one is chosen by silhouette. Not with --legacy.
    legacy
        The published protocol instead: real cells are clustered on genes of the synthetic ones, and the labels choose
        the resolution. Optimistic; for comparison with the paper. Give --real FILE, or --test FILE.
    layer
        Layer that holds the values, instead of X.
    n_repeats
        Repeats with other cells.
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    if legacy and resolutions:
        msg = "--legacy sweeps the published resolutions; leave --resolutions out"
        raise InputError(msg)
    from scgarage.analyses.marker_clustering import N_GENES, legacy_grid, marker_grid
    from scgarage.io import atomic_output
    from scgarage.schema import UNS_KEY

    made = read.read(synthetic, labels_key=labels_key)
    labels_key = labels_key or made.uns.get(UNS_KEY, {}).get("labels_key")
    if legacy:
        real, key = _real(cells, labels_key, read)
        table = legacy_grid(
            made, real, labels_key=key, selection=selection, n_genes=tuple(n_genes or (100,)), layer=layer
        )
        say("published protocol: the labels chose the resolution that they then score; compare with genes_from = real")
        say(table.to_string(index=False, float_format="{:.3f}".format))
    else:
        parts = cells.split(made, labels_key=labels_key, read=read)
        table = marker_grid(
            made, parts, labels_key=labels_key, selection=selection, n_genes=tuple(n_genes or N_GENES),
            resolutions=resolutions, layer=layer, n_repeats=n_repeats, random_state=random_state,
        )  # fmt: skip
        columns = [name for name in SHOWN if name in table]
        shown = table.loc[table["metric"].isin(["ari", "nmi", "macro_f1"]), columns]
        say(shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    with atomic_output(out, overwrite=overwrite) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    say(f"table: {Path(out)}")


def _real(cells: RealCells, labels_key: str | None, read: ReadOptions) -> "tuple[AnnData, str]":
    """Return the real cells of the published protocol, which were all of them."""
    path = cells.real or cells.test
    if path is None:
        msg = "which real cells? pass --real FILE, or --test FILE"
        raise InputError(msg)
    if labels_key is None:
        msg = "the synthetic cells do not say which column holds the types; pass --labels-key"
        raise InputError(msg)
    return read.read(path, labels_key=labels_key), labels_key


ABOUT = {
    "clustering": "real cells clustered on genes of the synthetic ones; compare with genes_from = real",
    "wasserstein": "wasserstein_by_rows is the published number and depends on how many cells there are; compare with "
    "real against real",
    "rare cells": "models fitted anew to half of the cells; compare with the controls and with the 100 trees",
}


def run_analyse_legacy(
    synthetic: str,
    real: str,
    out: str,
    also: list[str] | None = None,
    labels_key: str | None = None,
    selection: Literal["cv2", "fano", "pca_loading", "all"] = "all",
    n_genes: list[int] | None = None,
    sweep: bool = True,
    max_cells: int = 2000,
    models: list[str] | None = None,
    params: dict[str, Any] | None = None,
    rare_type: str | None = None,
    repeats: int = 5,
    randomised_labels: float = 0.0,
    layer: str | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Compute the published numbers, for comparison with the paper only: clustering, Wasserstein, rare cells.

    They are optimistic or depend on the number of cells; `scgarage evaluate` judges. All files and models are treated
    alike, and each number has a control that the paper lacks. The rare-cell experiment needs --models: cells of a file
    were made by a model that has seen the cells to be found.

    Parameters
    ----------
    synthetic
        File of synthetic cells; tables call it by its name without folder and ending.
    real
        File of all real cells.
    out
        Table to write, csv; columns that an experiment does not have are empty in its rows.
    also
        More files of synthetic cells.
    labels_key
        Column of obs with the cell types; by default the one that a synthetic file says its model was fitted with.
    selection
        Selection of genes.
    n_genes
        Numbers of genes; 100 by default, as published.
    sweep
        Whether the labels choose the resolution, as published for GARAGE; false: resolution 1, as published for others.
    max_cells
        Cells of a file in the Wasserstein distance at most, drawn at random.
    models
        Names of models for the rare-cell experiment, which fits them anew; none by default, see `scgarage models`.
    params
        Settings of the model, one by one as --params.NAME VALUE; for one model only.
    rare_type
        Type to find in the rare-cell experiment; the one of fewest cells by default.
    repeats
        Repeats of the rare-cell experiment.
    randomised_labels
        Share of the added cells with a wrong label, for every method; published: 0.5, for some competitors only.
    layer
        Layer that holds the values, instead of X.
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    if not out.endswith(".csv"):
        msg = f"--out {out} does not end in .csv; choose another name"
        raise InputError(msg)
    check_outputs(out, overwrite=overwrite)
    sizes = tuple(n_genes or (100,))
    names = list(dict.fromkeys(models or []))
    _check(names, params or {}, sizes)
    paths = _by_name([synthetic, *(also or [])])
    made = {name: read.read(path, labels_key=labels_key) for name, path in paths.items()}
    key = labels_key or _recorded(list(made.values()))
    cells = read.read(real, labels_key=key)
    from scgarage.analyses import legacy_grid
    from scgarage.augmentation import ModelAugmenter
    from scgarage.io.cells import validate_labels
    from scgarage.judge.legacy import PROTOCOL, legacy_rare_cells, legacy_wasserstein

    validate_labels(cells, key, min_cells_per_type=1)
    shared: dict[str, Any] = {"layer": layer, "random_state": random_state}
    # From what takes seconds to what takes minutes, since each also checks what it is given.
    distances = {name: legacy_wasserstein(each, cells, max_cells=max_cells, **shared) for name, each in made.items()}
    rare = {}
    if names:
        augmenters = {name: ModelAugmenter(name, key, params or {}, layer) for name in names}
        chosen: dict[str, Any] = {"rare_type": rare_type, "randomised_labels": randomised_labels}
        rare["rare cells"] = legacy_rare_cells(cells, augmenters, labels_key=key, n_repeats=repeats, **chosen, **shared)
    options: dict[str, Any] = {"selection": selection, "n_genes": sizes, "sweep": sweep, "layer": layer}
    clusters = {
        name: legacy_grid(each, cells, labels_key=key, **options).assign(protocol=PROTOCOL)
        for name, each in made.items()
    }
    _write({"clustering": _stack(clusters), "wasserstein": _stack(distances)} | rare, out, overwrite=overwrite)


def _stack(tables: "dict[str, DataFrame]") -> "DataFrame":
    import pandas as pd

    return pd.concat(tables, names=["method"]).reset_index("method").reset_index(drop=True)


def _check(names: Sequence[str], params: dict[str, Any], n_genes: Sequence[int]) -> None:
    """Say what is wrong with arguments before any data are read."""
    if min(n_genes) < 2:
        msg = f"--n-genes has {min(n_genes)}; expected numbers of at least 2 genes"
        raise InputError(msg)
    if "random_state" in params:
        msg = "each repeat has its own seed, from --random-state; leave --params.random-state out"
        raise InputError(msg)
    if params and len(names) != 1:
        msg = f"--params are for one model, and --models names {len(names)}; name one, or leave --params out"
        raise InputError(msg)
    for name in names:
        make_model(name, params)


def _by_name(paths: Sequence[str]) -> dict[str, str]:
    """Return the files by what tables call them."""
    stems = [Path(path).stem for path in paths]
    twice = [stem for stem, n_files in Counter(stems).items() if n_files > 1]
    if twice:
        msg = f"two synthetic files are called '{twice[0]}', without folder and ending; rename one"
        raise InputError(msg)
    return dict(zip(stems, paths, strict=True))


def _recorded(made: "Sequence[AnnData]") -> str:
    """Return the column of types that a synthetic file names."""
    from scgarage.schema import UNS_KEY

    keys = [cells.uns.get(UNS_KEY, {}).get("labels_key") for cells in made]
    key = next((key for key in keys if key), None)
    if key is None:
        msg = "the synthetic cells do not say which column holds the types; pass --labels-key"
        raise InputError(msg)
    return str(key)


def _write(tables: "dict[str, DataFrame]", out: str, *, overwrite: bool) -> None:
    """Print the tables and write them as one."""
    import pandas as pd

    from scgarage.io import atomic_output

    say("The published evaluation, for comparison with the paper only:")
    for experiment, table in tables.items():
        shown = table.drop(columns=["protocol", "chosen_by", "kind"], errors="ignore")
        say(f"\n{experiment}: {ABOUT[experiment]}")
        say(shown.to_string(index=False, float_format="{:.4g}".format, na_rep="-"))
    joined = pd.concat(tables, names=["experiment"]).reset_index("experiment")
    first = ["protocol", "experiment", "method"]
    with atomic_output(out, overwrite=overwrite) as temporary:
        joined[[*first, *joined.columns.difference(first, sort=False)]].to_csv(
            temporary, index=False, lineterminator="\n"
        )
    say(f"\ntable: {Path(out)}")
