"""``scgarage fit``."""

from pathlib import Path
from typing import Any

from scgarage.cli.options import ReadOptions, check_outputs
from scgarage.cli.output import say
from scgarage.cli.settings import make_model

__all__ = ["run_fit"]


def run_fit(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    no_labels: bool = False,
    batch_key: list[str] | str | None = None,
    model: str = "garage",
    params: dict[str, Any] | None = None,
    layer: str | None = None,
    donor_key: str | None = None,
    fractions: tuple[float, float, float] = (0.5, 0.1, 0.4),
    all_cells: bool = False,
    random_state: int = 0,
    checkpoint: str | None = None,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    progress: bool | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Fit a model to real cells and save it.

    The cells are split first: the model learns from the train part, the validation part decides when to stop, and
    the test part is kept for `scgarage evaluate`, which finds it again by itself.

    Parameters
    ----------
    data
        File of real cells: h5ad, zarr, 10x h5, 10x mtx folder, loom, csv or tsv.
    out
        Folder to write the model to.
    labels_key
        Column of obs with the cell types.
    no_labels
        Fit without cell types; the cells made have none either.
    batch_key
        Column of obs with the batch, the technology or a treatment that the model shall know; of several,
        [donor,condition], every combination is a batch.
    model
        Name of the model; see `scgarage models`.
    params
        Settings of the model, one by one as --params.NAME VALUE; see `scgarage models NAME`.
    layer
        Layer that holds the values, instead of X.
    donor_key
        Column of obs with the donor; no donor is then in two parts.
    fractions
        Shares of train, validation and test cells.
    all_cells
        Learn from all cells, with a tenth for validation. Nothing is left to judge the result by.
    random_state
        Seed of the split; the model has its own in --params.random_state.
    checkpoint
        Folder for the running state of a long fit.
    resume
        Go on from the checkpoint.
    accelerator
        Device: auto, cpu, cuda.
    devices
        Number of devices.
    progress
        Progress bar on or off; by default on a terminal only.
    read
        How to read text files.
    overwrite
        Replace the model folder if it exists.
    """
    from scgarage.models import FitOptions
    from scgarage.preprocess import split

    check_outputs(out, overwrite=overwrite)
    generator = make_model(model, params)
    adata = read.read(data, labels_key=labels_key)
    key = None if no_labels else labels_key
    known = key if key is not None or labels_key not in adata.obs else labels_key
    how: dict[str, Any] = {"labels_key": key, "batch_key": batch_key, "layer": layer}
    options = FitOptions(None if checkpoint is None else Path(checkpoint), resume, progress, accelerator, devices)
    if all_cells:
        generator.fit(adata, options=options, **how)
    else:
        parts = split(adata, labels_key=known, donor_key=donor_key, fractions=fractions, random_state=random_state)
        validation = parts.validation if parts.validation.n_obs else None
        generator.fit(parts.train, validation=validation, options=options, **how)
    generator.save(out, overwrite=overwrite)
    about = generator.about
    say(f"{model}: learned from {about['n_train']:,} of {adata.n_obs:,} cells in {about['fit_seconds']:.0f} s")
    if about["value_kind"] == "log-normalised":
        say("the values are log-normalised, so the cells made will be; scgarage prepare recovers counts where it can")
    for advice in about.get("diagnosis", {}).get("advice", ()):
        say(advice)
    if not all_cells:
        say(f"{parts.test.n_obs:,} cells were kept to judge by; --all-cells uses every cell once you are content")
    say(f"model: {out}")
