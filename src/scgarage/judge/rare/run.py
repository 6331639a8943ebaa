"""Measure whether synthetic cells help to find rare cells among new real ones."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from anndata import AnnData
from rich.progress import track
from sklearn.utils.parallel import Parallel, delayed

from scgarage.errors import InputError, chosen_entries, listed
from scgarage.judge.rare.augmenters import COMPARATORS, Augmenter, RealCells
from scgarage.judge.rare.pipelines import PIPELINES
from scgarage.judge.rare.result import RareUtility
from scgarage.judge.rare.scores import DESIGNS, QUICK, Contest, Design, Fold, UtilitySettings, folds, score_fold

Task: TypeAlias = tuple[str, RealCells, Fold]


def rare_utility(
    data: AnnData | Mapping[str, AnnData],
    augmenters: Mapping[str, Augmenter],
    *,
    labels_key: str = "cell_type",
    layer: str | None = None,
    designs: Sequence[Design] = DESIGNS,
    settings: UtilitySettings | None = None,
    quick: bool = False,
    comparators: Sequence[str] | None = None,
    pipelines: Sequence[str] | None = None,
    synthetic_only: bool = True,
    random_state: int = 0,
    n_jobs: int = 1,
    progress: bool = False,
) -> RareUtility:
    """Measure whether synthetic cells help classifiers to find rare types in held-out real cells.

    In every split the genes are selected on the real training cells; each comparator and each generator gets the
    same training cells and seed; principal components and classifier are fitted on *its own* training set; and the
    targets are looked for among real test cells that no step has seen.

    Parameters
    ----------
    data
        Real cells, counts or log-normalised, or several data sets by name.
    augmenters
        Generators by name, see :data:`scgarage.judge.rare.Augmenter`. May be empty: then the table is about the
        comparators only.
    labels_key
        Column of ``obs`` with the types.
    layer
        Layer with the values; ``X`` by default.
    designs
        ``"down-sampling"``: abundant types cut to few training cells and weighted to 1 % of the test cells.
        ``"as it is"``: types below 5 % of the cells.
    settings
        Sizes; those of the protocol by default.
    quick
        Use :data:`scgarage.judge.rare.QUICK` instead: seconds, two splits, numbers without meaning.
    comparators, pipelines
        Names from ``COMPARATORS`` and ``PIPELINES``; all by default.
    synthetic_only
        Whether to train on the synthetic cells alone as well ("train on synthetic, test on real").
    random_state
        Seed; the result does not depend on ``n_jobs``.
    n_jobs
        Processes, as in joblib. With more than one, generators are pickled (functions and lambdas are fine).
    progress
        Whether to show a progress bar.

    Returns
    -------
    RareUtility
        The tidy table, with summaries of paired differences.

    Raises
    ------
    InputError
        If the data, a generator's cells or an argument cannot be used, or no type can be a target.

    Warns
    -----
    UserWarning
        If types of fewer than four cells are left out, or a data set has no target for one of the designs.

    References
    ----------
    Esteban et al., Real-valued (medical) time series generation with recurrent conditional GANs, 2017,
    https://arxiv.org/abs/1706.02633 (train on synthetic, test on real).

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.rare import poisson_by_type, rare_utility
    >>> result = rare_utility(
    ...     sg.datasets.pbmc68k(),
    ...     {"poisson": poisson_by_type("cell_type")},
    ...     quick=True,
    ...     designs=["down-sampling"],
    ...     pipelines=["shrunk-lda"],
    ... )
    >>> result.table.shape
    (160, 10)
    """
    sizes = _sizes(settings, quick=quick)
    contest = Contest(
        comparators=chosen_entries(COMPARATORS, comparators, "comparators"),
        augmenters=_check_names(augmenters),
        pipelines=chosen_entries(PIPELINES, pipelines, "pipelines"),
        synthetic_only=synthetic_only,
        settings=sizes,
    )
    tables = {"data": data} if isinstance(data, AnnData) else dict(data)
    if not tables:
        msg = "data holds no data set; expected at least one"
        raise InputError(msg)
    reading: dict[str, Any] = {"labels_key": labels_key, "layer": layer, "max_cells": sizes.max_cells}
    real = {}
    for name, adata in tables.items():
        real[name] = RealCells.of(adata, **reading, random_state=random_state)
    wanted = list(chosen_entries({design: design for design in DESIGNS}, designs, "designs"))
    tasks = _tasks(real, wanted, sizes, random_state)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(score_fold)(*task, contest, random_state=_seed(random_state, task[2].split)) for task in tasks
    )
    shown = track(results, description="Classifying", total=len(tasks), disable=not progress, transient=True)
    table = pd.DataFrame([row for rows in shown for row in rows])
    asked = {"labels_key": labels_key, "layer": layer, "designs": wanted, "quick": quick}
    about = {"random_state": random_state, "n_cells": {name: cells.adata.n_obs for name, cells in real.items()}}
    return RareUtility(table=table, settings=asked | asdict(sizes) | about)


def _tasks(
    real: Mapping[str, RealCells], designs: Sequence[str], sizes: UtilitySettings, random_state: int
) -> list[Task]:
    """Return all divisions; a data set without a target for a design is left out of it, unless none has one."""
    tasks: list[Task] = []
    refused: list[InputError] = []
    for name, cells in real.items():
        for design in (known for known in DESIGNS if known in designs):
            try:
                found = list(folds(cells.codes, design, sizes, random_state=random_state))
            except InputError as error:
                refused.append(InputError(f"'{name}': {error}"))
            else:
                tasks += [(name, cells, fold) for fold in found]
    if not tasks:
        raise refused[0]
    for refusal in refused:
        warnings.warn(str(refusal), UserWarning, stacklevel=3)
    return tasks


def _sizes(settings: UtilitySettings | None, *, quick: bool) -> UtilitySettings:
    if quick and settings is not None:
        msg = "quick=True brings its own settings; pass settings= or quick=True, not both"
        raise InputError(msg)
    return QUICK if quick else settings or UtilitySettings()


def _check_names(augmenters: Mapping[str, Augmenter]) -> dict[str, Augmenter]:
    if taken := [name for name in augmenters if name in COMPARATORS or name.endswith(" alone")]:
        msg = f"augmenters has the names {listed(taken)}, which comparators have; choose others"
        raise InputError(msg)
    return dict(augmenters)


def _seed(random_state: int, split: int) -> int:
    """Return the seed of a split, the same for every setting so that only the training cells differ."""
    return int(np.random.SeedSequence([random_state, split, 1]).generate_state(1)[0])
