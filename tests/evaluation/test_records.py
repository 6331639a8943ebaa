from dataclasses import replace

import numpy as np
import pytest
from anndata import AnnData

from scgarage.judge.evaluation.comparison import Comparison, draw, measure_all
from scgarage.judge.evaluation.inputs import comparison_inputs
from scgarage.metrics import METRICS
from scgarage.pp import Split


@pytest.fixture(scope="module")
def comparison(parts: Split, fresh: AnnData) -> Comparison:
    inputs = comparison_inputs(fresh, parts, labels_key=None, layer=None, n_top_genes=60)
    return draw(inputs, n_pcs=8, max_cells=1000, rng=np.random.default_rng(0))


def records(comparison: Comparison, name: str, rare: tuple[str, ...] = ("pDC",)) -> dict:
    return {record.group: record for record in measure_all({name: METRICS[name]}, comparison, rare)}


def test_rows_of_types_are_means_of_what_the_function_gives(comparison: Comparison) -> None:
    found = records(comparison, "lfc_slope", ("pDC", "NK"))
    held, made = comparison.matched.holdout, comparison.matched.synthetic
    values = METRICS["lfc_slope"].function(held.log_expr, held.labels, made.log_expr, made.labels)
    assert list(found) == ["all", "rare", "pDC", "NK"]
    assert found["all"].numbers["value"] == pytest.approx(np.mean(list(values.values())))
    assert found["rare"].numbers["value"] == pytest.approx((values["pDC"] + values["NK"]) / 2)
    assert found["pDC"].numbers["value"] == values["pDC"]
    assert found["all"].n_cells == len(held.labels)
    assert found["pDC"].n_cells == (held.labels == "pDC").sum()
    assert abs(found["all"].numbers["null"]) < 0.3 < found["all"].numbers["floor"]


def test_a_type_that_one_side_lacks_counts_on_none(comparison: Comparison) -> None:
    kept = comparison.matched.synthetic.labels != "NK"
    sample = comparison.matched.synthetic
    lacking = replace(
        sample, points=sample.points[kept], log_expr=sample.log_expr[kept], labels=sample.labels[kept], totals=None
    )
    without = replace(comparison, matched=replace(comparison.matched, synthetic=lacking))
    found = records(without, "type_sliced_wasserstein", ("NK", "pDC"))
    assert np.isnan(found["NK"].numbers["value"])
    assert found["rare"].numbers == found["pDC"].numbers
    everything = records(comparison, "type_sliced_wasserstein", tuple(np.unique(sample.labels)))
    others = [everything[name].numbers["floor"] for name in np.unique(lacking.labels)]
    assert found["all"].numbers["floor"] == pytest.approx(np.mean(others))


def test_lost_types_keep_nothing_and_no_cells_are_no_number(comparison: Comparison) -> None:
    lost = np.where(comparison.synthetic.labels == "pDC", "B", comparison.synthetic.labels)
    found = records(replace(comparison, synthetic=replace(comparison.synthetic, labels=lost)), "rare_retention")
    assert found["pDC"].numbers["value"] == 0.0 < found["pDC"].numbers["floor"]
    empty = replace(comparison.matched, holdout=replace(comparison.matched.holdout, labels=np.array([], dtype=str)))
    nothing = records(replace(comparison, matched=empty), "marker_overlap")
    assert {record.n_cells for record in nothing.values()} == {0}
    assert all(np.isnan(record.numbers["value"]) for record in nothing.values())


def test_unknown_library_sizes_are_no_number(comparison: Comparison) -> None:
    unknown = replace(comparison, synthetic=replace(comparison.synthetic, totals=None))
    found = records(unknown, "library_size_error")["all"].numbers
    assert np.isnan(found["value"])
    assert found["floor"] < 0.2
