from dataclasses import replace

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.evaluation import comparison as matching
from scgarage.judge.evaluation.cells import Cells
from scgarage.judge.evaluation.comparison import (
    MIN_MATCHED,
    Comparison,
    Samples,
    draw,
    fit_space,
    halve,
    match_types,
    measure,
    measure_all,
    predict_labels,
    sample_of,
)
from scgarage.judge.evaluation.inputs import Inputs, comparison_inputs
from scgarage.metrics import METRICS, memorisation_share
from scgarage.pp import Components, Split, select_hvg


@pytest.fixture
def inputs_comparison(parts: Split, fresh: AnnData) -> Inputs:
    return comparison_inputs(fresh, parts, labels_key=None, layer=None, n_top_genes=60)


def drawn(inputs_comparison: Inputs, seed: int = 0, max_cells: int = 1000) -> Comparison:
    return draw(inputs_comparison, n_pcs=12, max_cells=max_cells, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("max_cells", "expected"), [(1000, None), (100, 100)])
def test_samples_have_the_same_size(
    inputs_comparison: Inputs, parts: Split, max_cells: int, expected: int | None
) -> None:
    comparison = drawn(inputs_comparison, max_cells=max_cells)
    expected = expected or len(comparison.holdout_points)
    samples = [comparison.holdout, comparison.synthetic, comparison.floor, *comparison.nulls.values()]
    assert {sample.points.shape for sample in samples} == {(expected, 12)}
    assert {sample.log_expr.shape for sample in samples} == {(expected, 60)}
    assert {len(sample.labels) for sample in samples} == {expected}
    assert comparison.train_points.shape == (parts.train.n_obs, 12)
    assert len(comparison.holdout_points) in {parts.test.n_obs // 2, (parts.test.n_obs + 1) // 2}
    assert comparison.fresh is not None


def test_nulls_are_what_they_are_called(inputs_comparison: Inputs) -> None:
    comparison = drawn(inputs_comparison)
    assert set(comparison.nulls["one type"].labels) == {"B"}
    train = {row.tobytes() for row in inputs_comparison.train.log_expr[:, comparison.genes].toarray()}
    assert all(row.tobytes() in train for row in comparison.nulls["copy"].log_expr)
    assert not any(row.tobytes() in train for row in comparison.nulls["poisson"].log_expr)


def test_holdout_and_floor_come_from_their_own_parts_without_repeats(inputs_comparison: Inputs) -> None:
    comparison = drawn(inputs_comparison)
    for sample, part in ((comparison.holdout, inputs_comparison.test), (comparison.floor, inputs_comparison.train)):
        rows = {row.tobytes() for row in sample.log_expr}
        assert rows <= {row.tobytes() for row in part.log_expr[:, comparison.genes].toarray()}
        assert len(rows) == len(sample.log_expr)


def test_genes_are_those_that_vary_most_in_the_half_that_is_not_compared(inputs_comparison: Inputs) -> None:
    comparison = drawn(inputs_comparison)
    # The same generator divides the cells again.
    rng = np.random.default_rng(0)
    rng.spawn(1)
    reference, _ = halve(inputs_comparison.test.labels, rng)
    expected = np.flatnonzero(select_hvg(inputs_comparison.test.log_expr[reference], 60))
    assert (comparison.genes == expected).all()
    assert (comparison.genes != np.flatnonzero(select_hvg(inputs_comparison.train.log_expr, 60))).any()


def test_same_seed_same_comparison(inputs_comparison: Inputs) -> None:
    first, second, other = drawn(inputs_comparison, 1), drawn(inputs_comparison, 1), drawn(inputs_comparison, 2)
    assert (first.synthetic.points == second.synthetic.points).all()
    assert (first.nulls["poisson"].points == second.nulls["poisson"].points).all()
    assert first.seed == second.seed != other.seed


def test_predicted_labels_agree_with_the_true_ones_for_floor_and_synthetic(inputs_comparison: Inputs) -> None:
    truth = drawn(inputs_comparison)
    without = replace(inputs_comparison.synthetic, labels=np.full(len(inputs_comparison.synthetic), "unsure"))
    predicted = drawn(replace(inputs_comparison, synthetic=without, labelled=False))
    for name in ("synthetic", "floor"):
        agreement = getattr(truth, name).labels == getattr(predicted, name).labels
        assert agreement.mean() > 0.9


def test_measure_passes_the_mask_and_the_right_null(inputs_comparison: Inputs) -> None:
    comparison = drawn(inputs_comparison)
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


def test_memorisation_floor_is_theory_when_validation_is_small(inputs_comparison: Inputs) -> None:
    small = replace(inputs_comparison, validation=inputs_comparison.validation.take(np.arange(29)))
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
def test_too_few_cells_are_refused(inputs_comparison: Inputs, part: str, n_cells: int, message: str) -> None:
    few = replace(inputs_comparison, **{part: getattr(inputs_comparison, part).take(np.arange(n_cells))})
    with pytest.raises(InputError, match=message):
        drawn(few)
    with pytest.raises(InputError, match="limit max_cells has 5 cells"):
        drawn(inputs_comparison, max_cells=5)


@pytest.fixture(scope="module")
def inputs_matching(parts: Split, fresh: AnnData) -> Inputs:
    return comparison_inputs(fresh, parts, labels_key=None, layer=None, n_top_genes=30)


def matched(inputs_matching: Inputs, synthetic: Cells, seed: int = 0) -> Samples:
    space = fit_space(inputs_matching.validation, 5, np.random.default_rng(0))
    return match_types(
        inputs_matching.test, synthetic, inputs_matching.train, inputs_matching.null, space, np.random.default_rng(seed)
    )


def counts(labels: np.ndarray) -> dict[str, int]:
    return dict(zip(*np.unique(labels, return_counts=True), strict=True))


def test_every_side_has_the_smallest_number_of_each_type(inputs_matching: Inputs) -> None:
    samples = matched(inputs_matching, inputs_matching.synthetic)
    sides = [counts(cells.labels) for cells in (inputs_matching.test, inputs_matching.synthetic, inputs_matching.train)]
    expected = {name: min(side[name] for side in sides) for name in sides[0]}
    for sample in (samples.holdout, samples.synthetic, samples.floor, *samples.nulls.values()):
        assert counts(sample.labels) == expected
        assert len(sample.points) == len(sample.log_expr) == len(sample.totals) == sum(expected.values())


def test_cells_are_those_of_their_side_without_repeats(inputs_matching: Inputs) -> None:
    samples = matched(inputs_matching, inputs_matching.synthetic)
    for sample, cells in ((samples.holdout, inputs_matching.test), (samples.floor, inputs_matching.train)):
        known = {(row.tobytes(), name) for row, name in zip(cells.log_expr.toarray(), cells.labels, strict=True)}
        found = {(row.tobytes(), name) for row, name in zip(sample.log_expr, sample.labels, strict=True)}
        assert found <= known
        assert len(found) == len(sample.labels)
    shuffled = samples.nulls["shuffled"]
    assert (shuffled.log_expr == samples.floor.log_expr).all()
    assert (shuffled.labels != samples.floor.labels).any()


def test_types_of_few_cells_and_unknown_ones_are_left_out(inputs_matching: Inputs) -> None:
    rare = np.flatnonzero(inputs_matching.synthetic.labels == "pDC")
    few = np.setdiff1d(np.arange(len(inputs_matching.synthetic)), rare[MIN_MATCHED - 1 :])
    assert "pDC" not in counts(matched(inputs_matching, inputs_matching.synthetic.take(few)).holdout.labels)
    unsure = Cells(
        inputs_matching.synthetic.log_expr,
        np.full(len(inputs_matching.synthetic), "unsure"),
        inputs_matching.synthetic.totals,
    )
    assert len(matched(inputs_matching, unsure).holdout.labels) == 0


def test_common_types_are_capped_and_the_seed_decides(inputs_matching: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "TYPE_LIMIT", 12)
    first, second, other = (matched(inputs_matching, inputs_matching.synthetic, seed) for seed in (0, 0, 1))
    assert max(counts(first.holdout.labels).values()) == 12
    assert (first.synthetic.points == second.synthetic.points).all()
    assert (first.synthetic.points != other.synthetic.points).any()


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


def test_spread_counts_types_by_their_cells_and_leaves_small_ones_out(comparison: Comparison) -> None:
    held = comparison.matched.holdout
    sizes = {name: (held.labels == name).sum() for name in ("B", "T", "Mono", "NK", "pDC")}
    assert MIN_MATCHED <= sizes["pDC"] < METRICS["type_spread"].min_cells <= sizes["NK"]
    log_expr = held.log_expr.copy()
    for name in sizes:
        mean = log_expr[held.labels == name].mean(axis=0)
        share = 0.1 if name == "pDC" else 1.5 if name == "B" else 0.7
        log_expr[held.labels == name] = mean + np.sqrt(share) * (log_expr[held.labels == name] - mean)
    matched = replace(comparison.matched, synthetic=replace(held, log_expr=log_expr))
    found = records(replace(comparison, matched=matched), "type_spread", ("pDC", "NK"))
    assert np.isnan(found["pDC"].numbers["value"])
    assert found["rare"].numbers == found["NK"].numbers
    assert found["NK"].numbers["value"] == pytest.approx(0.7, rel=1e-5)
    judged = sum(sizes.values()) - sizes["pDC"]
    assert found["all"].n_cells == judged
    assert found["all"].numbers["value"] == pytest.approx(0.7 + 0.8 * sizes["B"] / judged, rel=1e-5)
    assert found["all"].numbers["null"] < 0.9
    assert found["all"].numbers["floor"] == pytest.approx(1.0, abs=0.15)


def test_axes_of_types_are_fitted_on_cells_that_are_not_compared(comparison: Comparison) -> None:
    compared = {row.tobytes() for row in comparison.matched.holdout.log_expr}
    assert not any(row.tobytes() in compared for row in comparison.reference.log_expr.toarray())
    assert set(comparison.type_axes) == {"B", "T", "Mono", "NK", "pDC"}
    expected = {name: (min(10, n_cells // 2), 60) for name, n_cells in counts(comparison.reference.labels).items()}
    assert {name: axes.shape for name, axes in comparison.type_axes.items()} == expected


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


def test_forms_are_of_the_same_cells() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=(20, 6)).astype(np.float32)
    cells = Cells(sparse.csr_matrix(values), np.repeat(["B", "T"], 10), np.arange(20.0))
    space = Components.fit(cells.log_expr, 3, random_state=0)
    sample = sample_of(cells, space)
    assert (sample.log_expr == values).all()
    assert np.allclose(sample.points, space.transform(values), atol=1e-5)
    assert sample.labels is cells.labels
    assert sample.totals is cells.totals
    assert sample_of(Cells(cells.log_expr, cells.labels), space).totals is None


@pytest.mark.parametrize("sizes", [(40, 11, 3, 1), (7, 7, 7), (1, 1)])
def test_halves_are_disjoint_complete_and_stratified(sizes: tuple[int, ...]) -> None:
    labels = np.repeat([f"type_{i}" for i in range(len(sizes))], sizes)
    first, second = halve(labels, np.random.default_rng(0))
    assert sorted([*first, *second]) == list(range(len(labels)))
    for name in np.unique(labels):
        assert abs((labels[first] == name).sum() - (labels[second] == name).sum()) <= 1
    assert abs(len(first) - len(second)) <= 1


def test_halves_differ_between_repeats_and_not_between_runs() -> None:
    labels = np.repeat(["B", "T"], 30)
    draws = [halve(labels, np.random.default_rng(seed))[0].tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def gaussian_cells(n_cells: int, seed: int) -> Cells:
    """Nearly round cloud in many dimensions: what components fitted on few cells overfit."""
    values = np.random.default_rng(seed).normal(3, 1, size=(n_cells, 400))
    return Cells(sparse.csr_matrix(values), np.repeat("B", n_cells))


def test_components_of_the_reference_favour_nobody_and_those_of_train_favour_the_holdout() -> None:
    train, holdout, reference, fresh = (gaussian_cells(200, seed) for seed in range(4))
    rng = np.random.default_rng(0)
    shares = {}
    for name, source in (("reference", reference), ("train", train)):
        space = fit_space(source, 50, rng)
        points = [space.transform(cells.log_expr) for cells in (fresh, train, holdout)]
        shares[name] = memorisation_share(*points)
    assert shares["reference"] == pytest.approx(0.5, abs=0.12)
    assert shares["train"] < 0.15


def test_few_reference_cells_give_few_components() -> None:
    space = fit_space(gaussian_cells(12, 0), 50, np.random.default_rng(0))
    assert space.transform(gaussian_cells(5, 1).log_expr).shape == (5, 11)


def test_predicted_labels_are_those_of_the_nearest_cloud() -> None:
    rng = np.random.default_rng(0)
    centres, codes = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), np.repeat([0, 1, 2], [90, 30, 4])
    types = np.array(["B", "T", "pDC"])
    new = rng.integers(3, size=60)
    predicted = predict_labels(
        centres[codes] + rng.normal(size=(124, 2)), types[codes], centres[new] + rng.normal(size=(60, 2))
    )
    assert (predicted == types[new]).all()


def test_one_known_type_labels_everything() -> None:
    assert predict_labels(np.zeros((3, 2)), np.repeat("B", 3), np.ones((2, 2))).tolist() == ["B", "B"]
