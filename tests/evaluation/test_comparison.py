from dataclasses import replace

import numpy as np
import pytest
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.judge.evaluation.comparison import Comparison, draw, halve, measure
from scgarage.judge.evaluation.inputs import Inputs, comparison_inputs
from scgarage.metrics import METRICS
from scgarage.pp import Split, select_hvg


@pytest.fixture
def inputs(parts: Split, fresh: AnnData) -> Inputs:
    return comparison_inputs(fresh, parts, labels_key=None, layer=None, n_top_genes=60)


def drawn(inputs: Inputs, seed: int = 0, max_cells: int = 1000) -> Comparison:
    return draw(inputs, n_pcs=12, max_cells=max_cells, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("max_cells", "expected"), [(1000, None), (100, 100)])
def test_samples_have_the_same_size(inputs: Inputs, parts: Split, max_cells: int, expected: int | None) -> None:
    comparison = drawn(inputs, max_cells=max_cells)
    expected = expected or len(comparison.holdout_points)
    samples = [comparison.holdout, comparison.synthetic, comparison.floor, *comparison.nulls.values()]
    assert {sample.points.shape for sample in samples} == {(expected, 12)}
    assert {sample.log_expr.shape for sample in samples} == {(expected, 60)}
    assert {len(sample.labels) for sample in samples} == {expected}
    assert comparison.train_points.shape == (parts.train.n_obs, 12)
    assert len(comparison.holdout_points) in {parts.test.n_obs // 2, (parts.test.n_obs + 1) // 2}
    assert comparison.fresh is not None


def test_nulls_are_what_they_are_called(inputs: Inputs) -> None:
    comparison = drawn(inputs)
    assert set(comparison.nulls["one type"].labels) == {"B"}
    train = {row.tobytes() for row in inputs.train.log_expr[:, comparison.genes].toarray()}
    assert all(row.tobytes() in train for row in comparison.nulls["copy"].log_expr)
    assert not any(row.tobytes() in train for row in comparison.nulls["poisson"].log_expr)


def test_holdout_and_floor_come_from_their_own_parts_without_repeats(inputs: Inputs) -> None:
    comparison = drawn(inputs)
    for sample, part in ((comparison.holdout, inputs.test), (comparison.floor, inputs.train)):
        rows = {row.tobytes() for row in sample.log_expr}
        assert rows <= {row.tobytes() for row in part.log_expr[:, comparison.genes].toarray()}
        assert len(rows) == len(sample.log_expr)


def test_genes_are_those_that_vary_most_in_the_half_that_is_not_compared(inputs: Inputs) -> None:
    comparison = drawn(inputs)
    # The same generator divides the cells again.
    rng = np.random.default_rng(0)
    rng.spawn(1)
    reference, _ = halve(inputs.test.labels, rng)
    expected = np.flatnonzero(select_hvg(inputs.test.log_expr[reference], 60))
    assert (comparison.genes == expected).all()
    assert (comparison.genes != np.flatnonzero(select_hvg(inputs.train.log_expr, 60))).any()


def test_same_seed_same_comparison(inputs: Inputs) -> None:
    first, second, other = drawn(inputs, 1), drawn(inputs, 1), drawn(inputs, 2)
    assert (first.synthetic.points == second.synthetic.points).all()
    assert (first.nulls["poisson"].points == second.nulls["poisson"].points).all()
    assert first.seed == second.seed != other.seed


def test_predicted_labels_agree_with_the_true_ones_for_floor_and_synthetic(inputs: Inputs) -> None:
    truth = drawn(inputs)
    without = replace(inputs.synthetic, labels=np.full(len(inputs.synthetic), "unsure"))
    predicted = drawn(replace(inputs, synthetic=without, labelled=False))
    for name in ("synthetic", "floor"):
        agreement = getattr(truth, name).labels == getattr(predicted, name).labels
        assert agreement.mean() > 0.9


def test_measure_passes_the_mask_and_the_right_null(inputs: Inputs) -> None:
    comparison = drawn(inputs)
    mask = comparison.holdout.labels == "pDC"
    metric = METRICS["coverage"]
    numbers = measure(metric, comparison, mask=mask)
    expected = {
        role: metric.function(comparison.holdout.points, sample.points, mask=mask)
        for role, sample in (
            ("value", comparison.synthetic),
            ("floor", comparison.floor),
            ("null", comparison.nulls["poisson"]),
        )
    }
    assert numbers == expected
    assert measure(METRICS["types_present"], comparison)["null"] == pytest.approx(1 / 5)


def test_memorisation_floor_is_theory_when_validation_is_small(inputs: Inputs) -> None:
    small = replace(inputs, validation=inputs.validation.take(np.arange(29)))
    comparison = drawn(small)
    assert comparison.fresh is None
    numbers = measure(METRICS["memorisation_share"], comparison)
    assert numbers["floor"] == 0.5
    assert numbers["null"] == 1.0


@pytest.mark.parametrize(
    ("part", "n_cells", "message"),
    [
        ("test", 18, "half of the test part that fits the space has 9 cells"),
        ("synthetic", 9, "synthetic data has 9 cells; the judge needs at least 10"),
        ("train", 9, "training part has 9 cells"),
    ],
)
def test_too_few_cells_are_refused(inputs: Inputs, part: str, n_cells: int, message: str) -> None:
    few = replace(inputs, **{part: getattr(inputs, part).take(np.arange(n_cells))})
    with pytest.raises(InputError, match=message):
        drawn(few)
    with pytest.raises(InputError, match="limit max_cells has 5 cells"):
        drawn(inputs, max_cells=5)
