"""Validation scores, early stopping and the moving average."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD

from scgarage.training import Batches, Phase, train


def scripted(scores: Sequence[float]) -> Callable[[], float]:
    left = iter(scores)
    return lambda: next(left)


def steps_of(task, n_iterations: int, settings) -> list[dict[str, torch.Tensor]]:
    """Weights after 0, 1, 2, ... iterations of the same run without validation."""
    return [task().state()] + [_after(task(), i, settings) for i in range(1, n_iterations + 1)]


def _after(task, n_iterations: int, settings) -> dict[str, torch.Tensor]:
    train(task.phases, task.batches, settings(n_iterations))
    return task.state()


def test_best_weights_are_kept_and_training_stops_when_patience_runs_out(regression, settings):
    weights = steps_of(regression, 6, settings)
    task = regression()
    result = train(
        task.phases,
        task.batches,
        settings(100, validate_every=2, patience=2, log_every=100),
        validate=scripted([3.0, 1.0, 2.0, 1.0, 0.0]),
    )
    assert (result.best_step, result.n_iterations, result.stopped_early) == (4, 8, True)
    assert result.history["step"].tolist() == [2, 4, 6, 8]
    assert result.history["validation/score"].tolist() == [3.0, 1.0, 2.0, 1.0]
    assert all(torch.equal(task.state()[name], weights[4][name]) for name in weights[4])


def test_a_better_score_renews_patience(regression, settings):
    task = regression()
    scores = [5.0, 6.0, 4.0, 6.0, 3.0, 7.0, 7.0, 0.0]
    result = train(task.phases, task.batches, settings(50, validate_every=1, patience=2), validate=scripted(scores))
    assert (result.best_step, result.n_iterations, result.stopped_early) == (5, 7, True)


def test_last_iteration_is_validated_and_without_patience_nothing_stops(regression, settings):
    task = regression()
    result = train(task.phases, task.batches, settings(7, validate_every=3), validate=scripted([1.0, 2.0, 3.0]))
    assert result.history["step"].tolist() == [3, 6, 7]
    assert (result.best_step, result.n_iterations, result.stopped_early) == (3, 7, False)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_score_that_is_not_finite_never_wins_and_costs_patience(regression, settings, bad: float):
    task = regression()
    result = train(
        task.phases,
        task.batches,
        settings(20, validate_every=1, patience=3),
        validate=scripted([2.0, bad, 1.0, bad, bad, bad]),
    )
    assert (result.best_step, result.n_iterations) == (3, 6)
    assert np.isposinf(result.history["validation/score"].iloc[1])


def test_without_any_finite_score_the_last_weights_are_kept_with_a_warning(regression, settings):
    weights = steps_of(regression, 4, settings)
    task = regression()
    with pytest.warns(UserWarning, match="no validation score was finite"):
        result = train(task.phases, task.batches, settings(4, validate_every=2), validate=lambda: float("nan"))
    assert result.best_step == 4
    assert all(torch.equal(task.state()[name], weights[4][name]) for name in weights[4])


def test_validation_sees_evaluation_mode_and_changes_nothing(adversarial, settings):
    plain, watched = adversarial(), adversarial()
    train(plain.phases, plain.batches, settings(6))
    draws = []

    def validate() -> float:
        assert not torch.is_grad_enabled()
        assert not any(layer.training for net in watched.networks.values() for layer in net.modules())
        watched.networks["generator"](torch.randn(3, 4))
        draws.append(torch.rand(1).item())
        return -float(len(draws))

    train(watched.phases, watched.batches, settings(6, validate_every=1), validate=validate)
    assert plain.bytes() == watched.bytes()
    assert len(draws) == 6
    assert len(set(draws)) == 1  # the same noise for every score


def test_layers_the_caller_keeps_in_evaluation_mode_stay_so(settings):
    class HalfFrozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.linear = nn.BatchNorm1d(2), nn.Linear(2, 1)

        def train(self, mode: bool = True):
            super().train(mode)
            self.norm.eval()
            return self

        def forward(self, x):
            modes.append((self.training, self.norm.training))
            return self.linear(self.norm(x))

    modes: list[tuple[bool, bool]] = []
    network = HalfFrozen()
    phase = Phase(
        "fit", network, SGD(network.parameters(), lr=0.1), lambda module, batch: {"loss": module(batch["x"]).mean()}
    )
    batches = Batches({"x": torch.randn(6, 2)}, batch_size=3)
    train([phase], batches, settings(3, validate_every=1), validate=lambda: 1.0)
    assert modes == [(True, False)] * 3


def test_average_equals_the_one_by_hand_and_is_what_validation_and_caller_get(regression, settings):
    decay = 0.8
    weights = steps_of(regression, 5, settings)
    expected = dict(weights[1])
    for later in weights[2:]:
        expected = {name: decay * expected[name] + (1 - decay) * later[name] for name in expected}
    task = regression()
    network = task.phases[0].module
    seen = []

    def validate() -> float:
        seen.append(network.weight.clone())
        return -float(len(seen))

    train(
        task.phases, task.batches, settings(5, ema_decay=decay, validate_every=5), validate=validate, averaged=network
    )
    for name, tensor in task.state().items():
        torch.testing.assert_close(tensor, expected[name])
    torch.testing.assert_close(seen[0], expected["fit.weight"])


def test_averaging_does_not_change_the_course_of_training(adversarial, settings):
    results = []
    for ema_decay in (None, 0.9):
        task = adversarial()
        history = train(
            task.phases,
            task.batches,
            settings(6, ema_decay=ema_decay, validate_every=2, log_every=1),
            validate=lambda: 1.0,
            averaged=task.networks["generator"],
        ).history
        results.append((history["generator/loss"].tolist(), history["critic/loss"].tolist()))
    assert results[0] == results[1]


def test_only_the_averaged_network_is_averaged(adversarial, settings):
    plain, averaged = adversarial(), adversarial()
    train(plain.phases, plain.batches, settings(6))
    train(averaged.phases, averaged.batches, settings(6, ema_decay=0.9), averaged=averaged.networks["generator"])
    for name, tensor in plain.state().items():
        assert torch.equal(tensor, averaged.state()[name]) == (
            name.startswith("critic") or name.endswith("num_batches_tracked")
        )
