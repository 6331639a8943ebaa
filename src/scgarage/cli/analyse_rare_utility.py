"""``scgarage analyse rare-utility``."""

from pathlib import Path
from typing import Any, Literal

from scgarage.cli.options import ReadOptions, check_outputs
from scgarage.cli.output import say
from scgarage.cli.settings import make_model
from scgarage.errors import InputError

__all__ = ["run_analyse_rare_utility"]


def run_analyse_rare_utility(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    models: list[str] | None = None,
    params: dict[str, Any] | None = None,
    splits: int = 20,
    n_added: int = 100,
    designs: list[Literal["down-sampling", "as it is"]] | None = None,
    pipelines: list[str] | None = None,
    quick: bool = False,
    layer: str | None = None,
    jobs: int = 1,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Measure whether synthetic cells help to find rare cells among new real ones.

    Classifiers are trained on real cells, weighted or resampled real cells, and real plus synthetic ones, in many
    splits; each model is fitted anew to the training cells of each split and setting (20 splits: 100 fits a model).

    Parameters
    ----------
    data
        File of real cells.
    out
        Table to write, csv; settings, summaries and sentences go into a json file beside it.
    labels_key
        Column of obs with the cell types.
    models
        Names of models, by default garage; see `scgarage models`.
    params
        Settings of the model, one by one as --params.NAME VALUE; for one model only.
    splits
        Divisions into training and test cells; fewer than 20 say little.
    n_added
        Cells that resampling and the models add to each rare type.
    designs
        Designs; both by default.
    pipelines
        Classifiers; all by default.
    quick
        A trial in two small splits; its numbers mean nothing.
    layer
        Layer that holds the values, instead of X.
    jobs
        Processes; the numbers do not depend on it.
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    if not out.endswith(".csv"):
        msg = f"--out {out} does not end in .csv; choose another name"
        raise InputError(msg)
    check_outputs(out, Path(out).with_suffix(".json"), overwrite=overwrite)
    given = dict(params or {})
    if "random_state" in given:
        msg = "each split has its own seed, from --random-state; leave --params.random-state out"
        raise InputError(msg)
    names = list(dict.fromkeys(models or ["garage"]))
    if given and len(names) > 1:
        msg = f"--params are for one model, and --models names {len(names)}; run them one by one"
        raise InputError(msg)
    for name in names:
        make_model(name, given)  # wrong settings are said before the data are read
    from scgarage.biology import ModelAugmenter
    from scgarage.utility import UtilitySettings, rare_utility

    adata = read.read(data, labels_key=labels_key)
    settings: dict[str, Any] = {"designs": designs} if designs else {}
    result = rare_utility(
        {Path(data).stem: adata},
        {name: ModelAugmenter(name, labels_key, given, layer) for name in names},
        labels_key=labels_key,
        layer=layer,
        settings=None if quick else UtilitySettings(n_splits=splits, n_added=n_added),
        quick=quick,
        pipelines=pipelines,
        random_state=random_state,
        n_jobs=jobs,
        **settings,
    )
    say("\n".join(result.sentences()))
    say(f"table: {', '.join(str(path) for path in result.save(out, overwrite=overwrite))}")
