import numpy as np
import pytest
from anndata import AnnData

from scgarage.judge.evaluation import comparison as matching
from scgarage.judge.evaluation.cells import Cells
from scgarage.judge.evaluation.comparison import MIN_MATCHED, Samples, fit_space, match_types
from scgarage.judge.evaluation.inputs import Inputs, comparison_inputs
from scgarage.pp import Split


@pytest.fixture(scope="module")
def inputs(parts: Split, fresh: AnnData) -> Inputs:
    return comparison_inputs(fresh, parts, labels_key=None, layer=None, n_top_genes=30)


def matched(inputs: Inputs, synthetic: Cells, seed: int = 0) -> Samples:
    space = fit_space(inputs.validation, 5, np.random.default_rng(0))
    return match_types(inputs.test, synthetic, inputs.train, inputs.null, space, np.random.default_rng(seed))


def counts(labels: np.ndarray) -> dict[str, int]:
    return dict(zip(*np.unique(labels, return_counts=True), strict=True))


def test_every_side_has_the_smallest_number_of_each_type(inputs: Inputs) -> None:
    samples = matched(inputs, inputs.synthetic)
    sides = [counts(cells.labels) for cells in (inputs.test, inputs.synthetic, inputs.train)]
    expected = {name: min(side[name] for side in sides) for name in sides[0]}
    for sample in (samples.holdout, samples.synthetic, samples.floor, *samples.nulls.values()):
        assert counts(sample.labels) == expected
        assert len(sample.points) == len(sample.log_expr) == len(sample.totals) == sum(expected.values())


def test_cells_are_those_of_their_side_without_repeats(inputs: Inputs) -> None:
    samples = matched(inputs, inputs.synthetic)
    for sample, cells in ((samples.holdout, inputs.test), (samples.floor, inputs.train)):
        known = {(row.tobytes(), name) for row, name in zip(cells.log_expr.toarray(), cells.labels, strict=True)}
        found = {(row.tobytes(), name) for row, name in zip(sample.log_expr, sample.labels, strict=True)}
        assert found <= known
        assert len(found) == len(sample.labels)
    shuffled = samples.nulls["shuffled"]
    assert (shuffled.log_expr == samples.floor.log_expr).all()
    assert (shuffled.labels != samples.floor.labels).any()


def test_types_of_few_cells_and_unknown_ones_are_left_out(inputs: Inputs) -> None:
    rare = np.flatnonzero(inputs.synthetic.labels == "pDC")
    few = np.setdiff1d(np.arange(len(inputs.synthetic)), rare[MIN_MATCHED - 1 :])
    assert "pDC" not in counts(matched(inputs, inputs.synthetic.take(few)).holdout.labels)
    unsure = Cells(inputs.synthetic.log_expr, np.full(len(inputs.synthetic), "unsure"), inputs.synthetic.totals)
    assert len(matched(inputs, unsure).holdout.labels) == 0


def test_common_types_are_capped_and_the_seed_decides(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "TYPE_LIMIT", 12)
    first, second, other = (matched(inputs, inputs.synthetic, seed) for seed in (0, 0, 1))
    assert max(counts(first.holdout.labels).values()) == 12
    assert (first.synthetic.points == second.synthetic.points).all()
    assert (first.synthetic.points != other.synthetic.points).any()
