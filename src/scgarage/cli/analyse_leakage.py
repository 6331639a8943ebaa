"""``scgarage analyse leakage``."""

from typing import Any

from scgarage.cli.analyse_options import check_folder, say_files
from scgarage.cli.options import ReadOptions
from scgarage.cli.output import say
from scgarage.cli.settings import make_model

__all__ = ["run_analyse_leakage"]

FILES = ("leakage.csv", "trends.csv", "leakage.json", "leakage.svg")


def run_analyse_leakage(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    leakages: list[float] | None = None,
    selectors: list[str] | None = None,
    seeds: int = 1,
    params: dict[str, Any] | None = None,
    layer: str | None = None,
    n_repeats: int = 3,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Show what seed cells in the generator's input give and cost: fidelity, rare cells and privacy by leakage.

    Fits garage-faithful once for each leakage, selector of seed cells and seed: by default 25 fits of 500 iterations,
    an hour or more on one core. Runs differ in nothing else.

    Parameters
    ----------
    data
        File of real cells.
    out
        Folder for the tables and the figure.
    labels_key
        Column of obs with the cell types.
    leakages
        Shares of seed cells; by default 0, 0.05, 0.1, 0.2, 0.3, 0.4 and 0.5.
    selectors
        How seeds are picked: attention, stratified, random, global_top; all by default.
    seeds
        Seeds of the model; three or more give a spread.
    params
        Settings of the model, one by one as --params.NAME VALUE; by default 500 iterations, 200 epochs of attention.
    layer
        Layer that holds the values, instead of X.
    n_repeats
        Repeats of the judge.
    random_state
        First seed.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    check_folder(out, *FILES, overwrite=overwrite)
    make_model("garage-faithful", params)
    from scgarage.biology.leakage import LEAKAGES, PUBLISHED, analyse_leakage
    from scgarage.preprocess import split

    adata = read.read(data, labels_key=labels_key)
    result = analyse_leakage(
        split(adata, labels_key=labels_key, random_state=random_state),
        labels_key=labels_key,
        leakages=leakages or LEAKAGES,
        selectors=selectors or PUBLISHED,
        n_seeds=seeds,
        params=params,
        layer=layer,
        n_repeats=n_repeats,
        random_state=random_state,
    )
    say("\n".join(result.sentences()))
    say_files(result.save(out, overwrite=overwrite))
