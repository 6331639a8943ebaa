"""What every head promises."""

import numpy as np
import pytest
import torch

from scgarage.errors import InputError
from scgarage.io.cells import counts_from_log_expr as numpy_counts_from_log_expr
from scgarage.nn import HEADS, Head
from scgarage.nn.heads import counts_from_log_expr

N_CELLS, N_GENES = 6, 5
LIBRARY = torch.tensor([100.0, 500.0, 1000.0, 2000.0, 20.0, 1.0])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def logits(head):
    return torch.randn(N_CELLS, head.n_logits, generator=seeded(5))


@pytest.mark.parametrize("name", HEADS)
def test_output_has_the_right_shape_and_every_logit_a_gradient(name):
    head = HEADS[name].for_genes(N_GENES)
    # Many cells, for a gene that is zero in all of them tells its logits nothing.
    raw = torch.randn(100, head.n_logits, generator=seeded(5)).requires_grad_()
    output = head(raw, library=torch.full((100,), 500.0), generator=seeded())
    assert isinstance(head, Head)
    assert output.shape[:2] == (100, N_GENES)
    (output * torch.rand(output.shape)).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad.abs().sum(dim=0) > 0).all()


@pytest.mark.parametrize("name", HEADS)
def test_counts_are_whole_without_gradient_and_on_the_generator_alone(name):
    head = HEADS[name].for_genes(N_GENES)
    raw = logits(head).requires_grad_()
    state = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        generator = seeded(2)
        drawn.append(head.counts(head(raw, library=LIBRARY, generator=generator), LIBRARY, generator=generator))
    torch.testing.assert_close(*drawn)
    assert torch.equal(torch.get_rng_state(), state)
    counts = drawn[0]
    assert counts.dtype == torch.float32
    assert not counts.requires_grad
    assert (counts >= 0).all()
    assert torch.equal(counts, counts.round())


@pytest.mark.parametrize("name", HEADS)
def test_state_dict_round_trip(name):
    one, other = HEADS[name].for_genes(N_GENES), HEADS[name].for_genes(N_GENES)
    with torch.no_grad():
        for value in one.state_dict().values():
            value.fill_(0.7)
    other.load_state_dict(one.state_dict())
    raw = logits(one)
    torch.testing.assert_close(*[head(raw, library=LIBRARY, generator=seeded()) for head in (one, other)])


def test_counts_equal_those_of_the_preprocessing():
    log_expr = 4 * torch.rand(N_CELLS, N_GENES, generator=seeded(), dtype=torch.float64)
    ours = counts_from_log_expr(log_expr, LIBRARY)
    theirs = numpy_counts_from_log_expr(log_expr.numpy(), LIBRARY.numpy())
    assert np.array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("name", ["sigmoid-scaled", "softplus", "softmax", "alr"])
def test_relative_expression_needs_library_sizes(name):
    head = HEADS[name].for_genes(N_GENES)
    output = head(logits(head))
    with pytest.raises(InputError, match="pass library="):
        head.counts(output)
    with pytest.raises(InputError, match=r"one size per cell, 6; found shape \(2,\)"):
        head.counts(output, LIBRARY[:2])
