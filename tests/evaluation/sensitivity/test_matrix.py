from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.judge.evaluation.sensitivity import DEFECTS, FLAGGED, _deviations, blind_metrics, sensitivity_matrix
from scgarage.pp import Split, split

DATA = Path(__file__).parents[4] / "shared" / "data"
SLOW = {"c2st_forest", "c2st_forest_genes"}


def seen(matrix: pd.DataFrame, name: str, metrics: tuple[str, ...]) -> bool:
    """Whether a column of one of the metrics is above the limit."""
    columns = [column for column in matrix if column.split(" ")[0] in metrics]
    return bool((matrix.loc[name, columns] > FLAGGED).any())


def test_every_defect_is_seen_by_a_metric_meant_for_it() -> None:
    parts = split(sg.datasets.pbmc68k(), labels_key="cell_type", random_state=0)
    metrics = sorted({name for defect in DEFECTS.values() for name in defect.seen_by} - SLOW)
    # Forests, which take too long here, see the one; four to fifteen cells of a rare type are too few for the other.
    unseen_here = {"cells averaged", "rare types merged"}
    matrix = sensitivity_matrix(parts, metrics=metrics)
    assert list(matrix.index) == list(DEFECTS)
    unseen = [name for name, defect in DEFECTS.items() if not seen(matrix, name, defect.seen_by)]
    assert set(unseen) <= unseen_here
    alarms = matrix.loc["copies"].drop("memorisation_share")
    assert not (alarms > FLAGGED).any()


@pytest.mark.slow
def test_every_defect_is_seen_with_forests() -> None:
    matrix = sensitivity_matrix(split(sg.datasets.pbmc68k(), labels_key="cell_type", random_state=0))
    unseen = [name for name, defect in DEFECTS.items() if not seen(matrix, name, defect.seen_by)]
    assert set(unseen) <= {"rare types merged"}  # four to fifteen cells each are too few


@pytest.mark.slow
def test_every_defect_is_seen_on_more_cells() -> None:
    """Eight rare types: their own defects are seen in the rows of rare cells."""
    path = DATA / "cbmc_top2000.h5ad"
    if not path.exists():
        pytest.skip("needs cbmc_top2000.h5ad beside the repository, in ../shared/data")
    cells = sg.read(path)
    cells = cells[~cells.obs["cell_type"].isin(["Mouse", "Multiplets", "T/Mono doublets"])].copy()
    metrics = sorted({name for defect in DEFECTS.values() for name in defect.seen_by} - SLOW)
    matrix = sensitivity_matrix(split(cells, labels_key="cell_type"), metrics=metrics, max_cells=3000)
    unseen = [name for name, defect in DEFECTS.items() if not seen(matrix, name, defect.seen_by)]
    assert set(unseen) <= {"variance shrunk"}  # forests on genes see it, z = 8
    rare = matrix.loc[["rare types merged", "rare types mislabelled"]]
    for name in ("type_wasserstein_2", "lfc_slope", "label_fidelity"):
        assert (rare[f"{name} [rare]"] > FLAGGED).all()


def test_z_by_hand() -> None:
    rows = [
        ("m", "all", 1.0, 0.3, 0.5, 0.4, "lower"),
        ("m", "rare", 1.0, np.nan, 0.5, np.nan, "higher"),
        ("m", "a", 1.5, 0.3, 1.0, 0.4, "target 1"),
        ("m", "b", np.nan, np.nan, np.nan, np.nan, "target 1"),
        ("n", "all", 1.0, 0.0, 1.0, 0.0, "lower"),
    ]
    table = pd.DataFrame(rows, columns=["metric", "group", "value", "value_sd", "floor", "floor_sd", "better"])
    found = _deviations(table)
    assert found == pytest.approx({"m": 1.0, "m [rare]": -np.inf, "m [worst type]": 1.0, "n": 0.0})


def test_blind_metrics_are_those_without_any_alarm() -> None:
    matrix = pd.DataFrame({"a": [0.0, 5.0], "b": [2.0, np.nan], "c": [np.inf, 0.0]})
    assert blind_metrics(matrix) == ["b"]
    assert blind_metrics(matrix, threshold=1.0) == []


def test_one_batch_is_added_where_batches_are_known(simulate) -> None:
    cells = simulate(300, seed=3)
    cells.obs["batch"] = np.random.default_rng(0).choice(["one", "two"], 300)
    parts = split(cells, labels_key="cell_type", random_state=0)
    options = {"metrics": ["gene_mean_error"], "n_repeats": 2, "n_top_genes": 50}
    matrix = sensitivity_matrix(parts, batch_key="batch", defects={"copies": DEFECTS["copies"]}, **options)
    assert list(matrix.index) == ["copies", "one batch"]
    assert list(matrix) == ["gene_mean_error"]


def test_values_that_are_no_counts_are_refused(parts: Split) -> None:
    logged = parts.train.copy()
    logged.X = logged.X.log1p()
    with pytest.raises(InputError, match="X of the real cells is log-normalised; defects are made from counts"):
        sensitivity_matrix(Split(logged, parts.validation, parts.test, labels_key="cell_type"))
