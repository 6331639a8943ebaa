import numpy as np
import pytest
import torch

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models.adversarial import ExpressionHead, check_head
from scgarage.nn import HEADS

EXPRESSION_HEADS = [name for name, kind in HEADS.items() if kind.space != "one-hot"]


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=80, n_genes=30, n_types=3, random_state=3)


def made(name, *, n_cells=400, has_rest=True):
    """A head of five genes, and what it makes of random logits."""
    noise = torch.Generator().manual_seed(0)
    head = ExpressionHead(name, 5, has_rest=has_rest)
    head.maximum.copy_(torch.arange(1.0, 6))
    logits = torch.randn(n_cells, head.n_logits, generator=noise)
    return head, head(logits, library=torch.full((n_cells,), 1000.0), generator=noise), logits


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_shows_the_critic_scaled_values(name):
    head, seen, _ = made(name)
    assert seen.shape == (400, 5)
    assert (seen >= 0).all()
    torch.testing.assert_close(head.log_expr(seen), seen * torch.arange(1.0, 6))
    counts = head.counts(head.log_expr(seen).detach().numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_array_equal(counts, np.rint(counts))


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_every_head_passes_gradients_on(name):
    head = ExpressionHead(name, 5, has_rest=True)
    noise = torch.Generator().manual_seed(1)
    logits = torch.randn(20, head.n_logits, generator=noise, requires_grad=True)
    head(logits, library=torch.full((20,), 1000.0), generator=noise).sum().backward()
    assert (logits.grad[:, :4].abs().sum(dim=0) > 0).all()


@pytest.mark.parametrize("name", ["negative-binomial", "zinb"])
def test_drawn_counts_come_back_as_they_were(name):
    head, seen, logits = made(name)
    noise = torch.Generator().manual_seed(0)
    torch.randn(400, head.n_logits, generator=noise)
    drawn = head.head(logits, library=torch.full((400,), 1000.0), generator=noise)[:, :5]
    back = head.counts(head.log_expr(seen).detach().numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_array_equal(back, drawn.detach().numpy())


@pytest.mark.parametrize("name", EXPRESSION_HEADS)
def test_without_the_noise_the_mean_is_left(name):
    head, _, logits = made(name, n_cells=1)
    if not head.needs_library:
        torch.testing.assert_close(head.smooth(logits), head(logits))
        return
    many = logits.expand(20_000, -1)
    draws = head.head(many, library=torch.full((20_000,), 1000.0), generator=torch.Generator().manual_seed(2))
    expected = np.expm1(head.log_expr(head.smooth(logits)).detach().double().numpy()) / 10
    np.testing.assert_allclose(draws[:, :5].detach().mean(dim=0)[None], expected, rtol=0.1)


@pytest.mark.parametrize("name", ["softmax", "alr"])
def test_shares_and_the_rest_add_up_to_the_library(name, cells):
    head = ExpressionHead(name, 5, has_rest=True)
    logits = torch.randn(400, head.n_logits, generator=torch.Generator().manual_seed(0))
    shares = np.expm1(head(logits).double().numpy()) / 1e4
    assert (shares.sum(axis=1) < 1).all()
    whole = ExpressionHead(name, 5, has_rest=False)
    everything = np.expm1(whole(logits[:, : whole.n_logits]).double().numpy()) / 1e4
    np.testing.assert_allclose(everything.sum(axis=1), 1, rtol=1e-4)
    counts = head.counts(head.log_expr(head(logits)).numpy(), np.full(400, 1000.0), np.random.default_rng(0))
    np.testing.assert_allclose(counts.mean(axis=0), 1000 * shares.mean(axis=0), rtol=0.05)


@pytest.mark.parametrize("name", [name for name in EXPRESSION_HEADS if name != "sigmoid-scaled"])
def test_an_untrained_head_starts_at_the_mean(name, cells):
    log_expr = sg.pp.log1p_cp10k(cells.X)
    mean, share = np.asarray(log_expr.mean(axis=0)).ravel(), np.asarray(log_expr.expm1().mean(axis=0)).ravel() / 1e4
    head = ExpressionHead(name, cells.n_vars, has_rest=False)
    last = torch.nn.Linear(3, head.n_logits)
    torch.nn.init.zeros_(last.weight)
    head.start(last, mean, share)
    seen = head.smooth(last(torch.zeros(1, 3))).detach().double().numpy().ravel()
    wanted = mean if name == "softplus" else np.log1p(1e4 * share)
    np.testing.assert_allclose(seen, wanted, rtol=0.05, atol=0.15)


def test_names_are_checked():
    check_head("softplus")
    with pytest.raises(InputError, match="letters of sequences"):
        check_head("categorical")
    with pytest.raises(InputError, match="found 'poisson'"):
        ExpressionHead("poisson", 3, has_rest=False)
