"""Synthesis with several seeds, so that every number has a spread."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from anndata import AnnData

from scgarage.biology.seed_study_result import SeedStudy
from scgarage.errors import InputError, ScgarageError
from scgarage.evaluation import evaluate
from scgarage.models import FitOptions, GenerativeModel, model_class
from scgarage.preprocess import Split, split

__all__ = ["study_seeds"]


def study_seeds(
    data: AnnData | Mapping[str, AnnData],
    *,
    labels_key: str,
    models: Sequence[str] = ("garage",),
    n_seeds: int = 5,
    params: Mapping[str, Any] | None = None,
    layer: str | None = None,
    same_split: bool = False,
    profile: Literal["quick", "full"] = "quick",
    random_state: int = 0,
) -> SeedStudy:
    """Fit, sample and judge each model on each data set with several seeds.

    Parameters
    ----------
    data
        Real cells, or several data sets by name; counts or log-normalised.
    labels_key
        Column of ``obs`` with the types.
    models
        Names from ``scgarage.models.MODELS``.
    n_seeds
        Number of seeds.
    params
        Settings of the model, for one model only.
    layer
        Layer with the values; ``X`` by default.
    same_split
        By default each seed divides the cells anew, and the sd is that over models *and* real cells; when true all
        seeds share the split of ``random_state``, and the sd is that of the model alone, which is smaller.
    profile
        Profile of the judge, ``"quick"`` or ``"full"``.
    random_state
        First seed.

    Returns
    -------
    SeedStudy
        All runs, their mean and sd, and the loss curves.

    Raises
    ------
    InputError
        If an argument is out of range, or the first run finds the data unusable.

    Warns
    -----
    UserWarning
        For each run that fails; its seed is then missing from mean and sd.
    """
    tables = {"data": data} if isinstance(data, AnnData) else dict(data)
    if n_seeds < 2 or not tables or not models or (params and len(models) > 1):
        msg = (
            f"n_seeds={n_seeds}, {len(tables)} data sets, models={list(models)}; expected at least 2 seeds, a data set "
            "and a model, and params with one model only"
        )
        raise InputError(msg)
    parts: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    for data_set, adata in tables.items():
        for seed in range(random_state, random_state + n_seeds):
            division = split(adata, labels_key=labels_key, random_state=random_state if same_split else seed)
            for name in models:
                about = {"data_set": data_set, "model": name, "seed": seed}
                try:
                    model = model_class(name)(random_state=seed, **dict(params or {}))
                    table, curve = _run(model, division, labels_key=labels_key, layer=layer, profile=profile)
                except ScgarageError as error:
                    if not parts:
                        raise
                    text = f"{data_set}, {name}, seed {seed} failed and is missing from mean and sd: {error}"
                    warnings.warn(text, UserWarning, stacklevel=2)
                    continue
                parts.append(_after(about, table))
                curves.append(_after(about, curve))
    settings = {
        "labels_key": labels_key, "models": list(models), "n_seeds": n_seeds, "params": dict(params or {}),
        "same_split": same_split, "profile": profile, "random_state": random_state,
        "n_cells": {name: adata.n_obs for name, adata in tables.items()},
    }  # fmt: skip
    return SeedStudy(pd.concat(parts, ignore_index=True), pd.concat(curves, ignore_index=True), settings)


def _run(
    model: GenerativeModel, division: Split, *, labels_key: str, layer: str | None, profile: Literal["quick", "full"]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of the judge and the training history of one run."""
    validation = division.validation if division.validation.n_obs else None
    options = FitOptions(progress=False, accelerator="cpu")
    model.fit(division.train, labels_key=labels_key, layer=layer, validation=validation, options=options)
    seed = int(model.config.random_state)
    made = model.sample(division.train.n_obs, random_state=seed)
    judged = evaluate(made, division, labels_key=labels_key, layer=layer, profile=profile, random_state=seed)
    return judged.table, model.history


def _after(about: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(dict(about), index=table.index), table], axis=1)
