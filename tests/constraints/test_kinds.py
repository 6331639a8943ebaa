"""Every kind of constraint: check and penalty by hand, and the two agree on who breaks it."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from scgarage.constraints import CoExpressed, Exclusive, Monotone, NonNegative, Total
from scgarage.constraints.rules import CheckedCells
from scgarage.errors import InputError


def checked(values, genes="ABC", obs=None, *, counts=True):
    values = np.asarray(values, dtype=np.float32)
    names = [f"cell{i}" for i in range(len(values))]
    obs = pd.DataFrame(obs or {}, index=names)
    cells = ad.AnnData(sparse.csr_matrix(values), obs=obs, var=pd.DataFrame(index=list(genes)))
    made = CheckedCells.of(cells, layer=None, what="toy")
    assert made.is_counts is counts
    return made


CELLS = [[3, 0, 1], [2, 1, 0], [0, 0, 5], [1, 4, 2]]


def test_exclusive_counts_cells_with_two_and_costs_all_but_the_strongest():
    both = Exclusive(genes=("A", "B"))
    assert both.violations(checked(CELLS)) == (2, 4)
    x = torch.tensor([[3.0, 1.0], [0.0, 2.0]], requires_grad=True)
    loss = both.penalty(x)
    assert loss.item() == pytest.approx(0.5)
    loss.backward()
    np.testing.assert_allclose(x.grad, [[0, 0.5], [0, 0]])
    assert Exclusive(genes=("A", "B"), above=50.0).violations(checked(CELLS)) == (0, 4)


def test_coexpressed_counts_cells_with_too_few():
    trio = CoExpressed(genes=("A", "B", "C"), at_least=1.0)
    assert trio.violations(checked(CELLS)) == (3, 4)
    assert CoExpressed(genes=("A", "B", "C"), at_least=0.5).violations(checked(CELLS)) == (1, 4)
    full, none, one = torch.full((1, 3), 2.0), torch.zeros(1, 3), torch.tensor([[2.0, 0.0, 0.0]])
    assert trio.penalty(full).item() == pytest.approx(0, abs=1e-6)
    assert trio.penalty(none).item() == 0
    assert trio.penalty(one).item() == pytest.approx(2 / 3 - 2 / 9)


def test_monotone_counts_steps_between_bins():
    place = np.arange(40.0)
    rising = np.column_stack([np.repeat([1, 2, 3, 4], 10), np.repeat([4, 3, 2, 1], 10), np.full(40, 5)])
    up = Monotone(genes=("A", "B"), covariate="time", n_bins=4)
    order = np.random.default_rng(0).permutation(40)
    cells = checked(rising[order], obs={"time": place[order]})
    assert up.violations(cells) == (3, 6)
    down = Monotone(genes=("B",), covariate="time", direction="decreasing", n_bins=4)
    assert down.violations(cells) == (0, 3)
    assert up.not_trained is not None


def test_monotone_along_genes_costs_the_steps_that_fall():
    along = Monotone(genes=("A",), along=("B",), n_bins=2)
    assert along.gene_names == ("A", "B")
    b = torch.arange(10.0)[:, None]
    assert along.penalty(torch.hstack([b, b])).item() == 0
    assert along.penalty(torch.hstack([-b, b])).item() == pytest.approx(5.0)
    flipped = Monotone(genes=("A",), along=("B",), n_bins=2, direction="decreasing")
    assert flipped.penalty(torch.hstack([-b, b])).item() == 0


def test_unknown_places_on_the_covariate_are_left_out():
    place = np.arange(20.0)
    values = np.column_stack([np.repeat([1, 3], 10), np.full(20, 2), np.full(20, 2)])
    place[::5] = np.nan
    up = Monotone(genes=("A",), covariate="time", n_bins=2)
    assert up.violations(checked(values, obs={"time": place})) == (0, 1)


def test_total_of_genes_in_both_units():
    assert Total(genes=("A", "B"), lower=4, unit="counts").violations(checked(CELLS)) == (3, 4)
    assert Total(genes=("A",), upper=7000).violations(checked(CELLS)) == (1, 4)  # 7500 and 6667 and 0 and 1429
    assert Total(lower=4, upper=5, unit="counts").violations(checked(CELLS)) == (2, 4)
    logged = checked(np.log1p([[3.5, 0.25, 1.125], [2, 1, 0.5]]), counts=False)
    assert Total(lower=4, unit="counts").violations(logged) == (0, 0)
    assert Total(genes=("A",), upper=3).violations(logged) == (1, 2)


def test_penalty_of_a_total_is_the_distance_of_logarithms():
    bound = Total(genes=("A", "B"), lower=10, upper=99)
    x = torch.tensor([[9.0, 90.0], [0.0, 0.0], [399.0, 1.0]]).log1p()
    expected = (0 + np.log(11) + np.log(401 / 100)) / 3
    assert bound.penalty(x).item() == pytest.approx(expected, rel=1e-5)


def test_values_below_zero():
    assert NonNegative().violations(checked([[-1.5, 0, 2], [1, 0.5, 0]], counts=False)) == (1, 2)
    assert NonNegative(genes=("C",)).violations(checked([[-1.5, 0, 2], [1, 0.5, 0]], counts=False)) == (0, 2)
    assert NonNegative().penalty(torch.tensor([[-1.0, -3.0], [1.0, 2.0]])).item() == 1.5


@pytest.mark.parametrize(
    "constraint",
    [
        Exclusive(genes=("A", "B")),
        CoExpressed(genes=("A", "B", "C"), at_least=0.7),
        Total(genes=("A", "C"), lower=2000, upper=9000),
        NonNegative(),
    ],
)
def test_penalty_is_zero_exactly_when_no_cell_breaks_it(constraint):
    rng = np.random.default_rng(1)
    for _ in range(30):
        cells = checked(rng.poisson(0.7, size=(1, 3)) + np.array([[0, 0, 1]]))
        broken, _ = constraint.violations(cells)
        penalty = constraint.penalty(torch.from_numpy(cells.log_expr(constraint.gene_names)).double())
        if isinstance(constraint, CoExpressed):  # unequal expression of all genes may cost a little
            assert broken == 0 or penalty > 0
        else:
            assert (penalty > 1e-6) == (broken > 0)


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        (Exclusive, {"genes": ("A",)}, "at least 2 names"),
        (Exclusive, {"genes": "AB"}, "list of at least 2"),
        (Exclusive, {"genes": ("A", "A")}, "named twice"),
        (CoExpressed, {"genes": ("A", "B"), "at_least": 2}, r"\(0, 1\]"),
        (CoExpressed, {"genes": ("A", "B"), "above": -1}, "above must be"),
        (Monotone, {"genes": ("A",)}, "either covariate"),
        (Monotone, {"genes": ("A",), "covariate": "t", "along": ("B",)}, "either covariate"),
        (Monotone, {"genes": ("A",), "covariate": "t", "direction": "up"}, "direction must be"),
        (Monotone, {"genes": ("A",), "covariate": "t", "n_bins": 1}, "n_bins must be"),
        (Total, {}, "lower, upper or both"),
        (Total, {"lower": 5, "upper": 4}, "no cell can"),
        (Total, {"upper": 4, "unit": "umi"}, "unit must be"),
        (Total, {"upper": "many"}, "number of at least 0"),
    ],
)
def test_odd_settings_are_refused(kind, settings, match):
    with pytest.raises(InputError, match=match):
        kind(**settings)
