"""``scgarage analyse markers``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scgarage.cli.options import ReadOptions, RealCells, check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["run_analyse_markers"]

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
    from scgarage.biology.clustering_grid import N_GENES, legacy_grid, marker_grid
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
