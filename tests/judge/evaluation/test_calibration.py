"""Real cells judged as if they were synthetic: nothing may stand out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import scgarage as sg
from scgarage.judge.evaluation import evaluate
from scgarage.metrics import METRICS
from scgarage.metrics.metric import loss
from scgarage.pp import Split, split

DATA = Path(__file__).parents[4] / "shared" / "data"

CHEAP = [name for name, metric in METRICS.items() if metric.profile != "extra" and not name.startswith("c2st_forest")]


def fresh_half(cells: AnnData, seed: int) -> tuple[AnnData, Split]:
    """Return one half of the training cells as synthetic ones and a split that does not know them."""
    parts = split(cells, labels_key="cell_type", random_state=seed)
    rows = np.random.default_rng(seed).permutation(parts.train.n_obs)
    middle = len(rows) // 2
    known = Split(parts.train[rows[middle:]].copy(), parts.validation, parts.test, labels_key="cell_type")
    made = parts.train[rows[:middle]].copy()
    made.uns = {}
    return made, known


def differences(cells: AnnData, seed: int, metrics: list[str], **options) -> pd.DataFrame:
    """Return by metric how much worse than the floor the value is, and the score."""
    table = evaluate(*fresh_half(cells, seed), metrics=metrics, random_state=seed, **options).table
    whole = table[(table["group"] == "all") & table["value"].notna()].set_index("metric")
    worse = [loss(row["value"], row["better"]) - loss(row["floor"], row["better"]) for _, row in whole.iterrows()]
    return whole[["score"]].assign(worse=worse)


def check(runs: pd.DataFrame) -> None:
    """No metric may be off by more than its spread over splits: repeats of one split share cells."""
    groups = runs.groupby(level=0)
    for column, least in (("worse", 1e-12), ("score", 0.1)):
        mean, noise = groups[column].mean(), groups[column].std() / np.sqrt(groups[column].count())
        # The 0.1 % point of Student's t with four degrees of freedom: some 25 metrics are tested at once.
        assert mean[mean.abs() > 8.6 * noise + least].to_dict() == {}


def test_fresh_real_cells_are_as_good_as_the_floor() -> None:
    options = {"n_top_genes": 200, "n_pcs": 20, "n_repeats": 2}
    runs = pd.concat([differences(sg.datasets.pbmc68k(), seed, CHEAP, **options) for seed in range(5)])
    assert set(runs.index) == set(CHEAP)
    check(runs)


def test_fresh_real_cells_are_neither_told_apart_nor_copies() -> None:
    made, known = fresh_half(sg.datasets.pbmc68k(), 0)
    table = evaluate(made, known, metrics=["c2st_forest", "c2st_logistic", "memorisation_share"], n_repeats=2).table
    assert table["value"].to_numpy() == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_fresh_real_cells_of_another_data_set_are_as_good_as_the_floor() -> None:
    path = DATA / "pbmc3k.h5ad"
    if not path.exists():
        pytest.skip("needs pbmc3k.h5ad beside the repository, in ../shared/data")
    names = [name for name, metric in METRICS.items() if metric.profile != "extra"]
    check(pd.concat([differences(sg.read(path), seed, names, n_repeats=2) for seed in range(5)]))
