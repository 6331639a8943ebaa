"""``scgarage prepare``."""

import warnings

from scgarage.cli.options import ReadOptions, check_outputs
from scgarage.cli.output import say

__all__ = ["run_prepare"]


def run_prepare(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    no_labels: bool = False,
    layer: str | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Put right what other commands would refuse in a file of cells, and write it as h5ad.

    Counts are looked for where X holds none (layers, raw, or recovered from logarithms), names that occur twice are
    numbered, cells without a label or without expression are dropped. Everything done is said; the file that was given
    stays as it is.

    Parameters
    ----------
    data
        File of real cells: h5ad, zarr, 10x h5, 10x mtx folder, loom, csv or tsv.
    out
        File to write, h5ad.
    labels_key
        Column of obs with the cell types.
    no_labels
        Look at no cell types.
    layer
        Layer to take the values from, instead of looking for counts.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    from scgarage.io import write_h5ad
    from scgarage.preprocess import prepare
    from scgarage.seeds import rare_types

    check_outputs(out, overwrite=overwrite)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(Variable|Observation) names are not unique|.*, X: ")  # mended below
        adata = read.read(data, labels_key=labels_key)
        cells = prepare(adata, labels_key=None if no_labels else labels_key, layer=layer)
    write_h5ad(cells, out, overwrite=overwrite)
    record = cells.uns["scgarage"]
    for sentence in record["prepared"] or ["nothing had to be done"]:
        say(sentence)
    say(f"{cells.n_obs:,} cells x {cells.n_vars:,} genes, {record['value_kind']}: {out}")
    if not no_labels:
        sizes = cells.obs[labels_key].astype(str).value_counts()
        below = rare_types(cells.obs[labels_key])
        rare = [f"{name} ({sizes[name]:,})" for name in sizes.index[::-1] if name in below]
        say(f"{len(sizes)} types in {labels_key}; rare, below 5 %: {', '.join(rare) or 'none'}")
