import pytest
import torch

from scgarage.losses import BinaryCrossEntropy


def test_losses_equal_the_textbook_form():
    real, fake = torch.randn(7, 1), torch.randn(7, 1)
    objective = BinaryCrossEntropy()
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    critic = -(d_real.log().mean() + (1 - d_fake).log().mean())
    torch.testing.assert_close(objective.critic_loss(real, fake), critic)
    torch.testing.assert_close(objective.generator_loss(fake), -d_fake.log().mean())


def test_smoothed_optimum_lies_at_the_smoothed_label():
    objective = BinaryCrossEntropy(real_label=0.9, fake_label=0.1)
    logits = torch.linspace(-4, 4, 801)
    on_real = torch.stack([objective.critic_loss(x.view(1, 1), torch.zeros(1, 1)) for x in logits])
    assert torch.sigmoid(logits[on_real.argmin()]) == pytest.approx(0.9, abs=1e-3)
    on_fake = torch.stack([objective.critic_loss(torch.zeros(1, 1), x.view(1, 1)) for x in logits])
    assert torch.sigmoid(logits[on_fake.argmin()]) == pytest.approx(0.1, abs=1e-3)


def test_generator_gradient_does_not_vanish_for_rejected_cells():
    logits = torch.full((1, 1), -20.0, requires_grad=True)
    BinaryCrossEntropy().generator_loss(logits).backward()
    assert logits.grad.item() == pytest.approx(-1.0, abs=1e-6)


def test_smoothed_best_critic_is_the_mixture_of_the_labels():
    # Two points with densities p and q; the best logit is found by descent and compared with the closed form.
    p, q = torch.tensor([0.8, 0.2], dtype=torch.float64), torch.tensor([0.3, 0.7], dtype=torch.float64)
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    objective = BinaryCrossEntropy(real_label=0.9, fake_label=0.1)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimizer.zero_grad()
        real, fake = (torch.repeat_interleave(logits, (10 * shares).round().long()) for shares in (p, q))
        loss = objective.critic_loss(real, fake)
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(torch.sigmoid(logits.detach()), (0.9 * p + 0.1 * q) / (p + q), atol=1e-4, rtol=0)
