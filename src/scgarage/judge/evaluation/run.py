"""Judge synthetic cells against held-out real ones."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from anndata import AnnData
from rich.progress import track

from scgarage.errors import InputError, check_numbers, chosen_entries
from scgarage.judge.evaluation.cells import describe_cells
from scgarage.judge.evaluation.comparison import TYPE_METRICS, Comparison, Record, TypeNumbers, draw, measure_all
from scgarage.judge.evaluation.inputs import Inputs, comparison_inputs
from scgarage.judge.evaluation.result import Evaluation
from scgarage.judge.evaluation.table import summarise
from scgarage.metrics import METRICS, Metric
from scgarage.pp import Split

N_REPEATS = {"quick": 3, "full": 5}
"""Repeats of each profile."""

MAX_CELLS = {"quick": 500, "full": 1000}
"""Cells of a sample at most in each profile."""


def evaluate(
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None = None,
    layer: str | None = None,
    n_repeats: int | None = None,
    n_top_genes: int = 1000,
    n_pcs: int = 50,
    max_cells: int | None = None,
    metrics: Sequence[str] | None = None,
    profile: Literal["quick", "full"] = "full",
    random_state: int = 0,
    progress: bool = False,
) -> Evaluation:
    """Judge synthetic cells against held-out real ones.

    In each repeat the test cells are divided at random, stratified by type. One half, the reference, selects the
    genes and fits the principal components; the other, the holdout, is what samples of the same size are compared with:

    - *value*: synthetic cells;
    - *floor*: real training cells, what a perfect generator would score (for memorisation: validation cells);
    - *null*: independent Poisson genes given the type (for memorisation: training cells drawn again; for
      labels: one type only; for what labels and expression say together: training cells with their labels
      permuted).

    Metrics about single types are given as many cells of a type on every side.

    Every cell goes the same path: counts -> CP10k over all
    genes of the file -> log1p -> selected genes -> principal components. Log-normalised values are used as
    they are.

    Parameters
    ----------
    synthetic
        Synthetic cells of any origin, with the genes of the real ones in any order. Without ``labels_key`` in
        ``obs`` the metrics about types use the labels that a classifier trained on real cells predicts.
    split
        Real cells: train, validation and test.
    labels_key
        Column of ``obs`` with the types; by default the one that the split knows. Without either the metrics about
        types are left out.
    layer
        Layer with counts or log-normalised values; ``X`` by default.
    n_repeats
        Number of repeats; standard deviations are over them. By default 5, and 3 with the quick profile.
    n_top_genes
        Highly variable genes to compare, selected in every repeat on held-out cells that are not compared.
    n_pcs
        Principal components; fewer when the reference is small.
    max_cells
        Cells of a sample at most. By default 1000, and 500 with the quick profile.
    metrics
        Names from ``scgarage.metrics.METRICS``; all of the profile by default.
    profile
        ``"full"``: all metrics but those that need an extra package. ``"quick"``: only the cheap ones, fewer
        times.
    random_state
        Seed: the same seed gives the same table.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Evaluation
        ``table`` has one row for each metric and group: ``"all"`` cells, the ``"rare"`` types together
        (below 5 % of the training cells) and each of them. A score of 0 is as good as real cells, 1 no
        better than the null. ``by_type`` and ``confusion`` say of every type what a report shows; with ``metrics``
        as far as these were asked for.

    Raises
    ------
    InputError
        If the data cannot be compared, there are too few cells, or an argument is out of range.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.evaluation import evaluate
    >>> split = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> result = evaluate(split.train, split, metrics=["memorisation_share"], n_repeats=2)
    >>> bool(result.table.loc[0, "value"] > 0.95)  # copies of training cells
    True
    """
    chosen = _choose(metrics, profile)
    n_repeats = N_REPEATS[profile] if n_repeats is None else n_repeats
    max_cells = MAX_CELLS[profile] if max_cells is None else max_cells
    check_numbers(n_repeats=n_repeats, n_top_genes=n_top_genes, n_pcs=n_pcs, max_cells=max_cells)
    inputs = comparison_inputs(synthetic, split, labels_key=labels_key, layer=layer, n_top_genes=n_top_genes)
    if inputs.labels_key is None:
        chosen = _without_types(chosen, asked_for=metrics is not None, columns=split.train.obs.columns)
    repeats: list[list[Record]] = []
    asked_by_type = () if inputs.labels_key is None else TYPE_METRICS if metrics is None else metrics
    types = TypeNumbers(asked_by_type, np.union1d(inputs.train.labels, inputs.test.labels))
    seeds = np.random.SeedSequence(random_state).spawn(n_repeats)
    for seed in track(seeds, description="Judging", disable=not progress, transient=True):
        comparison = draw(inputs, n_pcs=n_pcs, max_cells=max_cells, rng=np.random.default_rng(seed))
        repeats.append(measure_all(chosen, comparison, inputs.rare_types))
        types.add(comparison)
    table = summarise(repeats, inputs, fresh=comparison.fresh is not None)
    asked = {"layer": layer, "n_repeats": n_repeats, "n_top_genes": n_top_genes, "max_cells": max_cells}
    settings = asked | {"random_state": random_state} | _describe(inputs, comparison)
    return Evaluation(table, settings, synthetic, split, types.table(), types.confusion())


def _choose(names: Sequence[str] | None, profile: str) -> dict[str, Metric]:
    """Return the metrics asked for, or those of the profile, in the order of the registry."""
    if profile not in N_REPEATS:
        msg = f"profile is {profile!r}; expected one of: {', '.join(N_REPEATS)}"
        raise InputError(msg)
    if names is not None:
        return chosen_entries(METRICS, names, "metrics")
    within = ("quick",) if profile == "quick" else ("quick", "full")
    return {name: metric for name, metric in METRICS.items() if metric.profile in within}


def _without_types(metrics: dict[str, Metric], *, asked_for: bool, columns: Iterable[str]) -> dict[str, Metric]:
    """Leave out metrics about types, unless they were asked for by name."""
    about_types = [name for name, metric in metrics.items() if metric.needs_types]
    if about_types and asked_for:
        listed = ", ".join(map(repr, columns)) or "none"
        msg = f"{', '.join(about_types)} need cell types; pass labels_key= one of the columns of obs: {listed}"
        raise InputError(msg)
    return {name: metric for name, metric in metrics.items() if name not in about_types}


def _describe(inputs: Inputs, comparison: Comparison) -> dict[str, Any]:
    """Return what the evaluation used, as plain values."""
    real = {name: getattr(inputs, name).labels for name in ("train", "validation", "test")}
    synthetic = inputs.synthetic.labels if inputs.labelled else comparison.synthetic.labels
    given = "given" if inputs.labelled else "predicted"
    return {
        "labels_key": inputs.labels_key,
        "labels": "none" if inputs.labels_key is None else given,
        "value_kind": inputs.value_kind,
        "n_genes": int(comparison.holdout.log_expr.shape[1]),
        "n_pcs": int(comparison.train_points.shape[1]),
        "n_compared": len(comparison.holdout.labels),
        "notes": list(inputs.notes),
    } | describe_cells(real, None if inputs.labels_key is None else synthetic, n_synthetic=len(inputs.synthetic))
