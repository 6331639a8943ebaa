"""``scgarage demo``."""

from pathlib import Path
from typing import Any

from scgarage.cli.options import ReadOptions, check_outputs, loading, make_model, say

BUDGET = {"garage-faithful": {"n_iterations": 1500, "gat_epochs": 500}}
"""Settings that keep the demonstration of slow models within minutes; the report names them."""


def run_demo(
    data: str | None = None,
    out: str = "demo",
    labels_key: str = "cell_type",
    batch_key: str | None = None,
    model: str = "garage",
    params: dict[str, Any] | None = None,
    layer: str | None = None,
    random_state: int = 0,
    progress: bool | None = None,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Do the whole job once: split, fit, sample, evaluate, report.

    Without a file it uses 700 blood cells that come with scanpy, so it needs no network.

    Parameters
    ----------
    data
        File of real cells; the bundled cells by default.
    out
        Folder for report.html, evaluation.csv, synthetic.h5ad and model/.
    labels_key
        Column of obs with the cell types.
    batch_key
        Column of obs with the batch, the technology or a treatment that the model shall know.
    model
        Name of the model; see `scgarage models`.
    params
        Settings of the model, in place of the short budget of the demonstration.
    layer
        Layer that holds the values, instead of X.
    random_state
        Seed.
    progress
        Progress bar on or off; by default on a terminal only.
    read
        How to read text files.
    overwrite
        Replace the files of an earlier demonstration; other files in the folder are left alone.
    """
    folder = Path(out)
    paths = {name: folder / name for name in ("report.html", "evaluation.csv", "synthetic.h5ad", "model")}
    check_outputs(*paths.values(), overwrite=overwrite)
    generator = make_model(model, BUDGET.get(model, {}) | (params or {}))
    with loading():
        from scgarage.datasets import pbmc68k
        from scgarage.io import write_h5ad
        from scgarage.judge.evaluation import evaluate
        from scgarage.judge.privacy import audit
        from scgarage.models import FitOptions
        from scgarage.pp import split

    adata = pbmc68k() if data is None else read.read(data, labels_key=labels_key)
    name = "PBMC, 700 cells bundled with scanpy" if data is None else Path(data).name
    parts = split(adata, labels_key=labels_key, random_state=random_state)
    say(
        f"{name}: {adata.n_obs:,} cells x {adata.n_vars:,} genes; "
        f"{parts.train.n_obs:,} to learn from, {parts.test.n_obs:,} to judge by"
    )
    validation = parts.validation if parts.validation.n_obs else None
    say(f"fitting {model} ...")
    generator.fit(
        parts.train,
        labels_key=labels_key,
        batch_key=batch_key,
        layer=layer,
        validation=validation,
        options=FitOptions(progress=progress),
    )
    cells = generator.sample(parts.train.n_obs, random_state=random_state)
    say("evaluating against held-out real cells ...")
    result = evaluate(cells, parts, layer=layer, random_state=random_state)
    folder.mkdir(parents=True, exist_ok=True)
    generator.save(paths["model"], overwrite=overwrite)
    write_h5ad(cells, paths["synthetic.h5ad"], overwrite=overwrite)
    result.save(paths["evaluation.csv"], overwrite=overwrite)
    result.report(paths["report.html"], audit=audit(cells, parts, layer=layer), overwrite=overwrite)
    say()
    say(result.text())
    say()
    say(f"Open {paths['report.html']}")
