"""The commands ``fit``, ``sample``, ``augment`` and ``models``."""

import inspect
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import ReadOptions, RealCells, check_outputs, loading, make_model, say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData


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
    check_outputs(out, overwrite=overwrite)
    with loading():
        from scgarage.models import FitOptions
        from scgarage.pp import split

    generator = make_model(model, params)
    adata = read.read(data, labels_key=labels_key)
    key = None if no_labels else labels_key
    how: dict[str, Any] = {"labels_key": key, "batch_key": batch_key, "layer": layer}
    options = FitOptions(None if checkpoint is None else Path(checkpoint), resume, progress, accelerator, devices)
    if all_cells:
        generator.fit(adata, options=options, **how)
    else:
        parts = split(adata, labels_key=key, donor_key=donor_key, fractions=fractions, random_state=random_state)
        validation = parts.validation if parts.validation.n_obs else None
        generator.fit(parts.train, validation=validation, options=options, **how)
    generator.save(out, overwrite=overwrite)
    about = generator.about
    say(f"{model}: learned from {about['n_train']:,} of {adata.n_obs:,} cells in {about['fit_seconds']:.0f} s")
    if about["value_kind"] == "log-normalised":
        from scgarage.io.cells import expression_matrix, recognise
        from scgarage.io.values import name_of_logarithm

        values = recognise(adata, expression_matrix(adata, layer), layer)
        name = name_of_logarithm(values.base, values.target_sum)
        say(f"the values are log-normalised ({name}), so the cells made will be")
        say("models take log-normalised values for log1p CP10k; scgarage prepare recovers counts where it can")
    for advice in about.get("diagnosis", {}).get("advice", ()):
        say(advice)
    if not all_cells:
        say(f"{parts.test.n_obs:,} cells were kept to judge by; --all-cells uses every cell once you are content")
    say(f"model: {out}")


def run_sample(
    model: str,
    out: str,
    n_cells: int | None = None,
    types: dict[str, int] | None = None,
    batch: str | None = None,
    proportions: str = "train",
    csv: str | None = None,
    require_audit: bool = False,
    allow_weak_audit: bool = False,
    real: str | None = None,
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Make synthetic cells with a fitted model.

    Parameters
    ----------
    model
        Folder of the model.
    out
        File to write, h5ad.
    n_cells
        Number of cells, in the model's proportions of types; -n for short.
    types
        Number of cells for each type instead, as JSON: '{"pDC": 500, "Mk": 500}'.
    batch
        Batch to make all cells in, of a model fitted with --batch-key; of several columns "donor1 | stim".
    proportions
        Types of -n cells: train for those of the training cells, balanced for as many of each.
    csv
        Also write the values as a csv file (cells are rows), with the labels beside it.
    require_audit
        Write nothing unless the cells pass the privacy audit, which then goes with the file; needs --real.
    allow_weak_audit
        Let cells through for which the audit can neither find nor rule out a leak.
    real
        The file the model was fitted to, for the audit.
    random_state
        Seed; the same seed gives the same cells.
    overwrite
        Replace the output if it exists.
    """
    if (n_cells is None) == (types is None):
        msg = "ask for a number of cells (-n 5000) or for numbers by type (--types '{\"pDC\": 500}'), one of the two"
        raise InputError(msg)
    labels_csv = None if csv is None else f"{csv.removesuffix('.gz').removesuffix('.csv')}_labels.csv"
    check_outputs(out, csv, labels_csv, overwrite=overwrite)
    with loading():
        from scgarage.io import write_csv, write_h5ad
        from scgarage.models import load

    wanted = types if n_cells is None else n_cells
    cells = load(model).sample(wanted, batch=batch, proportions=proportions, random_state=random_state)  # type: ignore[arg-type]
    if require_audit:
        _audit(cells, real, allow_weak=allow_weak_audit)
    write_h5ad(cells, out, overwrite=overwrite)
    if csv is not None:
        key = cells.uns["scgarage"].get("labels_key")
        written = write_csv(cells, csv, labels_key=key if key in cells.obs else None, overwrite=overwrite)
        say(f"as text: {', '.join(map(str, written))}{'' if len(written) > 1 else ' (the cells have no labels)'}")
    say(f"{cells.n_obs:,} synthetic cells x {cells.n_vars:,} genes: {out}")


def _audit(cells: "AnnData", real: str | None, *, allow_weak: bool) -> None:
    """Refuse cells that fail the privacy audit; keep the record of one that they pass."""
    from scgarage.judge.privacy import require_pass
    from scgarage.schema import UNS_KEY

    key = cells.uns[UNS_KEY].get("labels_key")
    parts = RealCells(real=real).split(cells, labels_key=key, read=ReadOptions())
    audit = require_pass(cells, parts, labels_key=key, allow_weak=allow_weak)
    cells.uns[UNS_KEY]["audit"] = audit.record()
    say(audit.sentences[0])


def run_simulate(
    model: str, plan: str, out: str, truth: str | None = None, random_state: int = 0, overwrite: bool = False
) -> None:
    """Make cells in which a plan is true: planted fold changes, shares of types, donors, ambient RNA, doublets.

    What the plan does not name is as the model makes it. The truth travels in the file (sg.truth), so that methods can
    be tested against it.

    Parameters
    ----------
    model
        Folder of a garage, copula or flow that was fitted on counts.
    plan
        YAML file of what shall be true; an empty section list, {}, plants nothing.
    out
        File to write, h5ad.
    truth
        Folder to write the truth to as well, as csv tables.
    random_state
        Seed; model, plan and seed give the same cells.
    overwrite
        Replace outputs that exist.
    """
    check_outputs(out, overwrite=overwrite)
    with loading():
        from scgarage.io import write_h5ad
        from scgarage.io.result import to_csv
        from scgarage.io.write import write_folder
        from scgarage.models import load
        from scgarage.simulation import Plan, simulate
        from scgarage.simulation import truth as truth_of

    wanted = Plan.of(plan)
    cells = simulate(load(model), wanted, random_state=random_state)
    found = truth_of(cells)
    if truth is not None:
        tables = {
            "genes": found.genes,
            "composition": found.composition,
            "donors": found.donors,
            "batches": found.batches,
            "trends": found.trends,
        }
        files = {f"{name}.csv": to_csv(table) for name, table in tables.items() if len(table)}
        write_folder(truth, files | {"cells.csv": to_csv(found.cells, index=True)}, overwrite=overwrite)
    write_h5ad(cells, out, overwrite=overwrite)
    say(f"{cells.n_obs:,} simulated cells x {cells.n_vars:,} genes: {out}")
    for sentence in found.sentences():
        say(sentence)


def run_test_methods(
    model: str,
    plan: str,
    out: str | None = None,
    methods: list[str] | None = None,
    cell_type: str | None = None,
    n_replicates: int = 5,
    alpha: float = 0.05,
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Let differential tests look for what a plan plants, in several simulations.

    Prints, for each method, how many of the planted genes it finds, how much of what it finds is false, and how many
    genes without a difference have small p-values.

    Parameters
    ----------
    model
        Folder of a garage, copula or flow that was fitted on counts.
    plan
        YAML file with two groups; see `scgarage simulate`.
    out
        File to write, csv or json.
    methods
        Names, as a list: wilcoxon, t-test, pseudobulk-t, or your own as module:function; these three by default.
    cell_type
        Type whose cells are tested; the most frequent one by default.
    n_replicates
        Number of simulations.
    alpha
        Level of the tests, and false discovery rate.
    random_state
        Seed of the first simulation; the others follow.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    with loading():
        from scgarage.simulation import METHODS, Plan, check_methods

    result = check_methods(
        model,
        Plan.of(plan),
        list(METHODS) if methods is None else methods,
        cell_type=cell_type,
        n_replicates=n_replicates,
        alpha=alpha,
        random_state=random_state,
    )
    say(result.text())
    if out is not None:
        say(f"table: {result.save(out, overwrite=overwrite)}")


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
    with loading():
        from scgarage.augmentation import augment as add_cells
        from scgarage.augmentation import augmentation_evidence
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
    none = "none, every chosen type has enough"
    if types is None and not joined.uns[UNS_KEY]["augmented"]["chosen"]:
        none = f"none: no type is below {rare_fraction:.0%} of the cells (--rare-fraction), and --types names none"
    say(f"added {', '.join(f'{number} {name}' for name, number in added.items()) or none}")
    left_out = joined.uns[UNS_KEY]["augmented"]["left_out"]
    if left_out:
        say(f"left out, as synthetic cells have none of it: {', '.join(left_out)}")
    say(f"{joined.n_obs:,} cells: {out}")
    if added:
        real = adata.obs[labels_key or str(fitted.about["labels_key"])].astype(str).value_counts()
        say(augmentation_evidence(classifier, n_cells=int(real[list(added)].min())))
    say("For training classifiers only; do not test for differential expression with synthetic cells.")


def run_models(name: str | None = None) -> None:
    """List the models, or the settings of one.

    Parameters
    ----------
    name
        Model to describe.
    """
    with loading():
        from scgarage.models import MODELS, model_class

    if name is None:
        width = max(map(len, MODELS))
        for key, kind in MODELS.items():
            needs = "" if kind.extra is None else f" Needs: pip install 'scgarage[{kind.extra}]'"
            say(f"{key:<{width}}  {_first_line(kind)}{needs}")
        say("\nSettings of one: scgarage models NAME")
        return
    kind = model_class(name)
    say(inspect.getdoc(kind) or name)
    say("\nSettings (--params.NAME VALUE):")
    described = _descriptions(kind.Config)
    for field in fields(kind.Config):
        say(f"  {field.name} = {field.default!r}")
        say(f"      {described.get(field.name, '')}")


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _descriptions(config: type) -> dict[str, str]:
    """Read the Attributes sections of a class and those above it; one entry may name several settings."""
    from docstring_parser import DocstringStyle, parse

    described = {}
    for kind in reversed(config.__mro__):
        text = inspect.cleandoc(vars(kind).get("__doc__") or "") if kind is not object else ""
        for entry in parse(text, DocstringStyle.NUMPYDOC).params:
            for name in entry.arg_name.split(","):
                described[name.strip()] = " ".join((entry.description or "").split())
    return described
