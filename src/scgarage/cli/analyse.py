"""The commands ``analyse ...``."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.analyse_synthetic import run_analyse_legacy, run_analyse_markers
from scgarage.cli.options import ReadOptions, check_outputs, make_model, say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.analyses.markers import MarkerTable


def check_folder(out: str, *names: str, overwrite: bool) -> None:
    """Refuse a folder that is a file, or files that exist, before any work is done."""
    if Path(out).is_file():
        msg = f"--out {out} is a file; expected a folder, made when it does not exist"
        raise InputError(msg)
    check_outputs(*(Path(out) / name for name in names), overwrite=overwrite)


def say_files(paths: list[Path]) -> None:
    """Name the files that were written."""
    say(f"files: {', '.join(path.name for path in paths)} in {paths[0].parent}")


ATTENTION_FILES = ("types.csv", "markers.csv", "positive_rates.csv", "explanations.csv", "cells.csv", "attention.json")


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
    check_folder(out, *ATTENTION_FILES, overwrite=overwrite)
    table = _table(markers)
    import anndata as ad

    from scgarage.analyses import analyse_attention
    from scgarage.pp import split
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
    from scgarage.analyses.markers import CBMC_MARKERS, read_markers

    if markers is None:
        return None
    return CBMC_MARKERS if markers == "cbmc" else read_markers(markers)


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
    from scgarage.augmentation import ModelAugmenter
    from scgarage.judge.rare import UtilitySettings, rare_utility

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
    say(result.words())
    say(f"table: {', '.join(str(path) for path in result.save(out, overwrite=overwrite))}")


LEAKAGE_FILES = ("leakage.csv", "trends.csv", "leakage.json", "leakage.svg")


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
        How seeds are picked; by default attention, stratified, random and global_top. An unknown name lists all.
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
    check_folder(out, *LEAKAGE_FILES, overwrite=overwrite)
    make_model("garage-faithful", params)
    from scgarage.analyses.leakage import LEAKAGES, PUBLISHED, analyse_leakage
    from scgarage.pp import split

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
    say(result.words())
    say_files(result.save(out, overwrite=overwrite))


SEEDS_FILES = (
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
    check_folder(out, *SEEDS_FILES, overwrite=overwrite)
    names = models or ["garage"]
    for name in names:
        make_model(name, params)
    from scgarage.analyses import study_seeds

    paths = [data, *(also or [])]
    tables = {Path(path).stem: read.read(path, labels_key=labels_key) for path in paths}
    if len(tables) < len(paths):
        msg = f"two files have the same name without folder and ending: {', '.join(paths)}; rename one"
        raise InputError(msg)
    result = study_seeds(
        tables, labels_key=labels_key, models=names, n_seeds=seeds, params=params, layer=layer, same_split=same_split,
        profile=profile, random_state=random_state,
    )  # fmt: skip
    say(result.words())
    say(result.markdown())
    say_files(result.save(out, overwrite=overwrite))


ANALYSES: dict[str, tuple[Callable[..., None], tuple[str, ...], str]] = {
    "analyse-attention": (
        run_analyse_attention,
        ("data",),
        "  scgarage analyse attention cells.h5ad --labels-key cell_type --out attention\n"
        "  scgarage analyse attention cbmc.h5ad --markers cbmc --out attention",
    ),
    "analyse-rare-utility": (
        run_analyse_rare_utility,
        ("data",),
        "  scgarage analyse rare-utility cells.h5ad --out utility.csv\n"
        "  scgarage analyse rare-utility cells.h5ad --models [copula,smote] --quick --out trial.csv",
    ),
    "analyse-markers": (
        run_analyse_markers,
        ("synthetic",),
        "  scgarage analyse markers synthetic.h5ad --real cells.h5ad --out markers.csv\n"
        "  scgarage analyse markers synthetic.h5ad --real cells.h5ad --legacy --out published.csv",
    ),
    "analyse-leakage": (
        run_analyse_leakage,
        ("data",),
        "  scgarage analyse leakage cells.h5ad --out leakage\n"
        "  scgarage analyse leakage cells.h5ad --leakages [0,0.2] --selectors [attention] --seeds 3 --out leakage",
    ),
    "analyse-seeds": (
        run_analyse_seeds,
        ("data",),
        "  scgarage analyse seeds cells.h5ad --out seeds\n"
        "  scgarage analyse seeds cells.h5ad --also [other.h5ad] --models [garage,copula] --seeds 5 --out seeds",
    ),
    "analyse-legacy": (
        run_analyse_legacy,
        ("synthetic",),
        "  scgarage analyse legacy synthetic.h5ad --real cells.h5ad --out legacy.csv\n"
        "  scgarage analyse legacy garage.h5ad --also [theirs.h5ad] --real cells.h5ad --labels-key cell_type "
        "--out legacy.csv\n"
        "  scgarage analyse legacy synthetic.h5ad --real cells.h5ad --models [garage,copula] --out legacy.csv",
    ),
}
"""Commands by name, as in :data:`scgarage.cli.COMMANDS`."""
