import pytest
import torch

from scgarage.constraints import ConstraintPenalty, Exclusive, Monotone, NonNegative, Total
from scgarage.errors import InputError

GENES = ["A", "B", "C", "D"]


@pytest.fixture
def cells():
    return torch.rand(20, 4, generator=torch.Generator().manual_seed(0)) * 3


def test_terms_are_weighted_and_added(cells):
    first, second = Exclusive(genes=("D", "B"), weight=3.0), Total(genes=("C",), upper=1)
    expected = 3 * first.penalty(cells[:, [3, 1]]) + second.penalty(cells[:, [2]])
    torch.testing.assert_close(ConstraintPenalty([first, second], GENES)(cells), expected)


def test_order_of_genes_is_irrelevant(cells):
    rules = [Exclusive(genes=("A", "C")), NonNegative()]
    moved = ConstraintPenalty(rules, GENES[::-1])(cells.flip(1))
    torch.testing.assert_close(moved, ConstraintPenalty(rules, GENES)(cells))


def test_steps_along_the_gradient_lower_it(cells):
    penalty = ConstraintPenalty([Exclusive(genes=("A", "B")), Monotone(genes=("C",), along=("D",))], GENES)
    x = cells.clone().requires_grad_()
    before = penalty(x)
    before.backward()
    assert penalty(x.detach() - x.grad) < before


def test_what_can_only_be_checked_is_left_out_with_a_warning(cells):
    with pytest.warns(UserWarning, match="not trained with: library sizes are drawn"):
        penalty = ConstraintPenalty([Total(lower=500, unit="counts")], GENES)
    assert not penalty
    assert penalty(cells) == 0


def test_genes_that_the_generator_does_not_make():
    with pytest.raises(InputError, match=r"names 'E', which the generator does not make.*n_top_genes"):
        ConstraintPenalty([Exclusive(genes=("A", "E"))], GENES)
