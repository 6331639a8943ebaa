"""``scgarage analyse attention``."""

from typing import TYPE_CHECKING

from scgarage.cli.analyse_options import check_folder, say_files
from scgarage.cli.options import ReadOptions
from scgarage.cli.output import say

if TYPE_CHECKING:
    from scgarage.biology.marker_tables import MarkerTable

__all__ = ["run_analyse_attention"]

FILES = ("types.csv", "markers.csv", "positive_rates.csv", "explanations.csv", "cells.csv", "attention.json")


def run_analyse_attention(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    markers: str | None = None,
    layer: str | None = None,
    all_cells: bool = False,
    fraction: float = 0.2,
    n_markers: int = 5,
    n_top_genes: int = 1000,
    n_components: int = 50,
    gat_epochs: int = 7501,
    rare_fraction: float = 0.05,
    rare_threshold: int | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Ask whether the cells that attention selects carry rare types and their markers.

    The cells with the highest attention against those with the lowest: types (Fisher's exact test), markers (fold
    change, rank-sum test, positive rate), over all cells and within each type. Beside it what degree, depth and the
    order of the file select, and chance.

    Parameters
    ----------
    data
        File of real cells; half of them, the train part of `scgarage fit`, are scored.
    out
        Folder for the tables.
    labels_key
        Column of obs with the cell types.
    markers
        Marker table: json ({"type": ["gene"]}), csv (columns type and gene) or "cbmc" for the built-in one of cord
        blood. By default markers are found in the cells that are not scored.
    layer
        Layer that holds the values, instead of X.
    all_cells
        Score all cells; markers are then found in the same cells.
    fraction
        Share of the cells in the top and in the bottom group.
    n_markers
        Markers to find for each type.
    n_top_genes
        Highly variable genes of the graph.
    n_components
        Principal components of the graph.
    gat_epochs
        Largest number of epochs of the attention network, which stops early.
    rare_fraction
        A type is rare below this share of the cells.
    rare_threshold
        A type is also rare with at most this number of cells.
    random_state
        Seed of split and network.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    check_folder(out, *FILES, overwrite=overwrite)
    table = _table(markers)
    import anndata as ad

    from scgarage.biology import analyse_attention
    from scgarage.preprocess import split
    from scgarage.seeds import GATSettings

    adata = read.read(data, labels_key=labels_key)
    scored, reference = adata, None
    if not all_cells:
        parts = split(adata, labels_key=labels_key, random_state=random_state)
        scored, reference = parts.train, ad.concat([parts.validation, parts.test])
    result = analyse_attention(
        scored,
        labels_key=labels_key,
        markers=table,
        reference=reference,
        layer=layer,
        fraction=fraction,
        n_markers=n_markers,
        n_top_genes=n_top_genes,
        n_components=n_components,
        gat=GATSettings(n_epochs=gat_epochs, progress=False),
        rare_fraction=rare_fraction,
        rare_threshold=rare_threshold,
        random_state=random_state,
    )
    say(result.text())
    say_files(result.save(out, overwrite=overwrite))


def _table(markers: str | None) -> "MarkerTable | None":
    from scgarage.biology.marker_tables import CBMC_MARKERS, read_markers

    if markers is None:
        return None
    return CBMC_MARKERS if markers == "cbmc" else read_markers(markers)
