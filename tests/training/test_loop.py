"""The moving average of weights and buffers."""

import math
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from scgarage.errors import InputError, TrainingError
from scgarage.training import Batches, Phase, seeded, train
from scgarage.training.loop import BestWeights, Freezer, MovingAverage, evaluating


class WithTables(nn.Module):
    """A float parameter and buffers of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("genes", torch.arange(1000))
        self.register_buffer("mask", torch.tensor([True, False]))


def test_floats_are_averaged_and_whole_numbers_copied():
    network = WithTables()
    average = MovingAverage(network, 0.9)
    for value in (1.0, 2.0, 4.0):
        with torch.no_grad():
            network.weight.fill_(value)
            network.mean.fill_(-value)
        average.update()
    expected = 0.9 * (0.9 * 1.0 + 0.1 * 2.0) + 0.1 * 4.0
    held = average.model.module
    assert held.weight.tolist() == pytest.approx([expected] * 2)
    assert held.mean.tolist() == pytest.approx([-expected] * 2)
    assert torch.equal(held.genes, torch.arange(1000))
    assert torch.equal(held.mask, network.mask)


def test_average_of_constant_weights_is_exact():
    network = nn.Linear(50, 50)
    average = MovingAverage(network, 0.999)
    for _ in range(50):
        average.update()
    assert torch.equal(average.model.module.weight, network.weight)


def test_weights_come_back_after_the_block_even_after_an_error():
    network = nn.Linear(2, 1)
    average = MovingAverage(network, 0.5)
    average.update()
    held = network.weight.clone()
    with torch.no_grad():
        network.weight.add_(1)
    now = network.weight.clone()
    with suppress(RuntimeError), average.in_place():
        assert torch.equal(network.weight, held)
        raise RuntimeError
    assert torch.equal(network.weight, now)


def test_best_score_is_strict_and_counts_stale_scores():
    best = BestWeights()
    answers = [best.is_beaten_by(score, step) for step, score in enumerate([2.0, 2.0, math.inf, 1.0, 3.0])]
    assert answers == [True, False, False, True, False]
    assert (best.score, best.step, best.stale) == (1.0, 3, 1)


def test_linear_regression_reaches_the_closed_form(regression, settings):
    task = regression(lambda p: SGD(p, lr=0.1))
    task.batches = Batches(task.batches.columns, batch_size=None)
    train(task.phases, task.batches, settings(600))
    x, y = (task.batches.columns[name] for name in "xy")
    design = np.column_stack([x, np.ones(len(x))])
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    network = task.phases[0].module
    found = np.append(network.weight.detach().numpy(), network.bias.detach().numpy())
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_loop_equals_a_hand_written_one(regression, settings):
    by_hand, by_loop = regression(), regression()
    phase = by_hand.phases[0]
    for i in range(12):
        phase.optimizer.zero_grad()
        phase.loss(phase.module, by_hand.batches.at(i))["loss"].backward()
        phase.optimizer.step()
    train(by_loop.phases, by_loop.batches, settings(12))
    assert by_loop.bytes() == by_hand.bytes()


def test_each_phase_trains_its_own_network_only(adversarial, settings):
    task = adversarial()
    critic, generator = task.networks["critic"], task.networks["generator"]
    frozen: list[tuple[str, bool, bool]] = []

    def watch(name: str):
        before = task.phases[["critic", "generator"].index(name)].loss

        def loss(module, batch):
            trainable = [all(p.requires_grad for p in net.parameters()) for net in (critic, generator)]
            frozen.append((name, *trainable))
            return before(module, batch)

        return loss

    for phase, name in zip(task.phases, ["critic", "generator"], strict=True):
        phase.loss = watch(name)
    train(task.phases, task.batches, settings(3))
    once = [("critic", True, False)] * 2 + [("generator", False, True)]
    assert frozen == once * 3
    assert all(p.requires_grad and p.grad is None for p in task.networks.parameters())


def test_optimizer_of_one_phase_leaves_the_other_network_alone(adversarial, settings):
    task = adversarial()
    task.phases[0].optimizer = SGD(task.networks["critic"].parameters(), lr=0.0)
    before = task.state()
    train(task.phases, task.batches, settings(5))
    after = task.state()
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("critic"))
    assert not torch.equal(before["generator.0.weight"], after["generator.0.weight"])


def test_parameters_frozen_by_the_caller_stay_frozen(regression, settings):
    task = regression()
    task.phases[0].module.bias.requires_grad = False
    before = task.phases[0].module.bias.clone()
    train(task.phases, task.batches, settings(5))
    assert torch.equal(task.phases[0].module.bias, before)
    assert not task.phases[0].module.bias.requires_grad


def test_shared_layer_learns_in_both_phases(settings):
    with seeded(0):
        shared = nn.Linear(1, 1)
    seen = []

    def loss(module, batch):
        seen.append(shared.weight.requires_grad)
        return {"loss": module(batch["x"]).mean()}

    phases = [Phase(name, shared, SGD(shared.parameters(), lr=0.1), loss) for name in ("a", "b")]
    before = shared.weight.item()
    train(phases, Batches({"x": torch.ones(2, 1)}, batch_size=None), settings(1))
    assert seen == [True, True]
    assert shared.weight.item() == pytest.approx(before - 0.2)


def test_steps_draw_their_own_batches_in_order(adversarial, settings):
    task = adversarial()
    seen: dict[str, list[torch.Tensor]] = {"critic": [], "generator": []}
    for phase in task.phases:

        def loss(module, batch, phase=phase, inner=phase.loss):
            seen[phase.name].append(batch["x"].clone())
            return inner(module, batch)

        phase.loss = loss
    train(task.phases, task.batches, settings(4))
    for i, batch in enumerate(seen["critic"]):
        assert torch.equal(batch, task.batches.at(3 * (i // 2) + i % 2)["x"])
    for i, batch in enumerate(seen["generator"]):
        assert torch.equal(batch, task.batches.at(3 * i + 2)["x"])
    assert [len(seen[name]) for name in ("critic", "generator")] == [8, 4]


def test_after_step_gets_the_losses_of_every_step_without_gradients(regression, settings):
    seen = []

    def after(losses):
        assert not torch.is_grad_enabled()
        seen.append(losses["loss"].item())
        task.phases[0].module.weight.clamp_(-0.05, 0.05)

    task = regression(n_steps=3, after_step=after)
    result = train(task.phases, task.batches, settings(4, log_every=1))
    assert len(seen) == 12
    assert task.phases[0].module.weight.abs().max() <= 0.05
    np.testing.assert_allclose(result.history["fit/loss"], np.reshape(seen, (4, 3)).mean(axis=1))


def test_all_losses_reach_the_history(adversarial, settings):
    task = adversarial()
    result = train(task.phases, task.batches, settings(7, log_every=3))
    assert list(result.history.columns) == ["step", "critic/loss", "critic/real", "generator/loss"]
    assert result.history["step"].tolist() == [3, 6, 7]
    assert np.isfinite(result.history.to_numpy()).all()
    assert (result.best_step, result.n_iterations, result.stopped_early) == (7, 7, False)


def test_same_seed_same_bytes_and_another_seed_others(adversarial, settings):
    results = []
    for random_state in (0, 0, 1):
        task = adversarial()
        train(task.phases, task.batches, settings(6, random_state=random_state))
        results.append(task.bytes())
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_noise_differs_between_iterations_and_between_steps(regression, settings):
    seen = []

    def loss(module, batch):
        seen.append(torch.rand(1).item())
        return {"loss": module(batch["x"]).mean()}

    task = regression(loss=loss, n_steps=2)
    train(task.phases, task.batches, settings(5))
    assert len(set(seen)) == 10


def test_callers_generators_and_global_state_are_left_alone(adversarial, settings):
    task = adversarial()
    before, grad = torch.get_rng_state(), torch.is_grad_enabled()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002  (the global state is what is tested)
    train(task.phases, task.batches, settings(3), validate=lambda: float(torch.rand(1)))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert torch.is_grad_enabled() == grad


def test_result_does_not_depend_on_the_callers_generator(adversarial, settings):
    results = []
    for seed in (1, 2):
        task = adversarial()
        with seeded(seed):
            train(task.phases, task.batches, settings(3))
        results.append(task.bytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("clip_norm", [0.01, 1e6])
def test_gradient_norm_is_bounded(regression, settings, clip_norm: float):
    task = regression(lambda p: SGD(p, lr=1.0), clip_norm=clip_norm)
    before = task.state()
    gradient = torch.autograd.grad(
        task.phases[0].loss(task.phases[0].module, task.batches.at(0))["loss"], task.networks.parameters()
    )
    norm = torch.cat([g.flatten() for g in gradient]).norm()
    train(task.phases, task.batches, settings(1))
    moved = torch.cat([(task.state()[n] - before[n]).flatten() for n in before]).norm()
    assert 0.01 < norm < 1e6
    assert moved.item() == pytest.approx(min(norm.item(), clip_norm), rel=1e-4)


def test_loss_that_is_not_finite_names_phase_and_iteration(adversarial, settings):
    task = adversarial()
    calls = []

    def loss(module, batch):
        calls.append(1)
        value = module(torch.randn(10, 4)).mean()
        return {"loss": value * float("nan") if len(calls) == 3 else value}

    task.phases[1].loss = loss
    with pytest.raises(TrainingError, match="generator losses are not finite at iteration 3"):
        train(task.phases, task.batches, settings(10))
    assert all(torch.isfinite(tensor).all() for tensor in task.state().values())
    assert all(p.requires_grad for p in task.networks.parameters())


def test_side_loss_that_is_not_finite_is_an_error_too(regression, settings):
    def loss(module, batch):
        return {"loss": module(batch["x"]).mean(), "kl": torch.tensor(float("inf"))}

    task = regression(loss=loss)
    with pytest.raises(TrainingError, match="fit/kl"):
        train(task.phases, task.batches, settings(2))


def test_gradients_may_be_taken_inside_a_loss(adversarial, settings):
    task = adversarial()
    critic_loss = task.phases[0].loss

    def penalised(module, batch):
        x = batch["x"].clone().requires_grad_()
        slope = torch.autograd.grad(module(x).sum(), x, create_graph=True)[0]
        losses = critic_loss(module, batch)
        return losses | {"loss": losses["loss"] + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()}

    task.phases[0].loss = penalised
    result = train(task.phases, task.batches, settings(3))
    assert np.isfinite(result.history["critic/loss"]).all()


def test_half_precision_trains_and_keeps_full_weights(regression, settings):
    task = regression()
    first = train(task.phases, task.batches, settings(60, precision="bf16-mixed", log_every=20)).history
    assert first["fit/loss"].iloc[-1] < first["fit/loss"].iloc[0]
    assert task.phases[0].module.weight.dtype == torch.float32


def test_full_batch_is_given_every_time(settings):
    x = torch.arange(6.0).reshape(3, 2)
    seen = []

    def loss(module, batch):
        seen.append(batch["x"].clone())
        return {"loss": module(batch.pop("x")).mean()}

    network = nn.Linear(2, 1)
    phases = [Phase("fit", network, Adam(network.parameters()), loss, n_steps=2)]
    train(phases, Batches({"x": x}, batch_size=None), settings(3))
    assert len(seen) == 6
    assert all(torch.equal(batch, x) for batch in seen)


def test_networks_train_in_training_mode_and_end_in_evaluation_mode(adversarial, settings):
    task = adversarial()
    task.networks.eval()
    modes = []

    def loss(module, batch, inner=task.phases[0].loss):
        modes.append(module.training and task.networks["generator"].training)
        return inner(module, batch)

    task.phases[0].loss = loss
    train(task.phases, task.batches, settings(2))
    assert all(modes)
    assert not any(layer.training for net in ("critic", "generator") for layer in task.networks[net].modules())


def test_phases_with_one_name_are_refused(regression, settings):
    task = regression()
    with pytest.raises(InputError, match="different names"):
        train(task.phases * 2, task.batches, settings(1))


def test_nothing_is_written_without_progress(adversarial, settings, capfd):
    task = adversarial()
    train(task.phases, task.batches, settings(3), validate=lambda: 0.0)
    assert capfd.readouterr() == ("", "")


def test_one_network_learns_at_a_time_and_all_do_afterwards():
    networks = [nn.Linear(2, 2), nn.Linear(2, 2)]
    networks[1].bias.requires_grad = False
    freezer = Freezer(networks)
    with suppress(RuntimeError), freezer.restoring():
        freezer.only(1)
        assert not networks[0].weight.requires_grad
        assert networks[1].weight.requires_grad
        assert not networks[1].bias.requires_grad
        raise RuntimeError
    assert networks[0].weight.requires_grad
    assert networks[1].weight.requires_grad
    assert not networks[1].bias.requires_grad


def test_modes_of_single_layers_come_back():
    network = nn.Sequential(nn.Dropout(), nn.Dropout())
    network[0].eval()
    with suppress(RuntimeError), evaluating([network]):
        assert not network.training
        assert not network[1].training
        raise RuntimeError
    assert [network.training, network[0].training, network[1].training] == [True, False, True]
