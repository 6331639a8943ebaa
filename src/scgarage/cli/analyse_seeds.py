"""``scgarage analyse seeds``."""

from pathlib import Path
from typing import Any, Literal

from scgarage.cli.analyse_options import check_folder, say_files
from scgarage.cli.options import ReadOptions
from scgarage.cli.output import say
from scgarage.cli.settings import make_model
from scgarage.errors import InputError

__all__ = ["run_analyse_seeds"]

FILES = (
    "runs.csv", "mean_sd.csv", "mean_sd.md", "mean_sd.tex", "histories.csv", "seeds.json", "losses.svg",
    "critical_difference.svg",
)  # fmt: skip


def run_analyse_seeds(
    data: str,
    out: str,
    also: list[str] | None = None,
    labels_key: str = "cell_type",
    models: list[str] | None = None,
    seeds: int = 5,
    params: dict[str, Any] | None = None,
    same_split: bool = False,
    profile: Literal["full", "quick"] = "quick",
    layer: str | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Fit, sample and judge with several seeds: mean and sd of every metric as CSV, Markdown and LaTeX.

    Loss curves over the seeds, and for three models or more a critical-difference diagram of their ranks.

    Parameters
    ----------
    data
        File of real cells.
    out
        Folder for the tables and the figures.
    also
        More files of real cells.
    labels_key
        Column of obs with the cell types.
    models
        Names of models, by default garage; see `scgarage models`.
    seeds
        Number of seeds.
    params
        Settings of the model, one by one as --params.NAME VALUE; for one model only.
    same_split
        Divide the real cells once instead of anew for each seed; the sd is then that of the model alone.
    profile
        Metrics of the judge.
    layer
        Layer that holds the values, instead of X.
    random_state
        First seed.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    check_folder(out, *FILES, overwrite=overwrite)
    names = models or ["garage"]
    for name in names:
        make_model(name, params)
    from scgarage.biology import study_seeds

    paths = [data, *(also or [])]
    tables = {Path(path).stem: read.read(path, labels_key=labels_key) for path in paths}
    if len(tables) < len(paths):
        msg = f"two files have the same name without folder and ending: {', '.join(paths)}; rename one"
        raise InputError(msg)
    result = study_seeds(
        tables, labels_key=labels_key, models=names, n_seeds=seeds, params=params, layer=layer, same_split=same_split,
        profile=profile, random_state=random_state,
    )  # fmt: skip
    say("\n".join(result.sentences()))
    say(result.markdown())
    say_files(result.save(out, overwrite=overwrite))
