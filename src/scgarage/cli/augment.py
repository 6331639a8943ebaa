"""``scgarage augment``."""

from typing import Literal

from scgarage.cli.options import ReadOptions, check_outputs
from scgarage.cli.output import say

__all__ = ["run_augment"]


def run_augment(
    model: str,
    data: str,
    out: str,
    min_cells: int = 100,
    labels_key: str | None = None,
    layer: str | None = None,
    types: list[str] | None = None,
    rare_fraction: float = 0.05,
    classifier: Literal["forest", "knn", "logistic", "lda"] | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Write real cells plus synthetic ones, so that each rare type reaches a number of cells.

    For training classifiers only: synthetic cells are no new samples and make statistical tests wrong. The column
    "source" of obs tells real from synthetic cells.

    Parameters
    ----------
    model
        Folder of the model.
    data
        File of real cells to add to.
    out
        File to write, h5ad.
    min_cells
        Number of cells, real and synthetic together, that each type shall have.
    labels_key
        Column of obs with the cell types; the model's by default.
    layer
        Layer that holds the values, instead of X.
    types
        Types to top up, as a list: '["pDC", "Mk"]'; the rare ones by default.
    rare_fraction
        Share of the cells below which a type is rare.
    classifier
        What the cells are for; the evidence that there is for it is printed.
    random_state
        Seed of the synthetic cells.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.augmentation import augment as add_cells
    from scgarage.augmentation_evidence import augmentation_evidence
    from scgarage.io import write_h5ad
    from scgarage.models import load
    from scgarage.schema import UNS_KEY

    fitted = load(model)
    adata = read.read(data, labels_key=labels_key)
    joined = add_cells(
        adata,
        fitted,
        min_cells=min_cells,
        labels_key=labels_key,
        layer=layer,
        types=types,
        rare_fraction=rare_fraction,
        random_state=random_state,
    )
    write_h5ad(joined, out, overwrite=overwrite)
    added = joined.uns[UNS_KEY]["augmented"]["added"]
    text = ", ".join(f"{number} {name}" for name, number in added.items()) or "none, every chosen type has enough"
    say(f"added {text}")
    say(f"{joined.n_obs:,} cells: {out}")
    if added:
        real = adata.obs[labels_key or str(fitted.about["labels_key"])].astype(str).value_counts()
        say(augmentation_evidence(classifier, n_cells=int(real[list(added)].min())))
    say("For training classifiers only; do not test for differential expression with synthetic cells.")
