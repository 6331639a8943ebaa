"""A small regression and a small adversarial pair, built from a seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from scgarage.training import Batch, Batches, Losses, Phase, TrainSettings, seeded


@dataclass
class Task:
    """Networks with their phases and batches."""

    networks: nn.ModuleDict
    phases: list[Phase]
    batches: Batches

    def state(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.networks.state_dict().items()}

    def bytes(self) -> bytes:
        return b"".join(tensor.numpy().tobytes() for tensor in self.networks.state_dict().values())


@pytest.fixture
def settings() -> Callable[..., TrainSettings]:
    """Settings for the CPU without a progress bar."""

    def make(n_iterations: int, **changes: object) -> TrainSettings:
        return TrainSettings(n_iterations, **{"accelerator": "cpu", "progress": False, **changes})

    return make


@pytest.fixture
def regression() -> Callable[..., Task]:
    """Linear regression of 3 columns with mean squared error."""

    def make(make_optimizer: Callable[..., Optimizer] | None = None, **changes: object) -> Task:
        rng = np.random.default_rng(0)
        x = rng.normal(size=(40, 3)).astype(np.float32)
        y = (x @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.normal(size=40)).astype(np.float32)
        with seeded(0):
            network = nn.Linear(3, 1)

        def loss(module: nn.Module, batch: Batch) -> Losses:
            return {"loss": ((module(batch["x"])[:, 0] - batch["y"]) ** 2).mean()}

        optimizer = (make_optimizer or (lambda p: Adam(p, lr=0.05)))(network.parameters())
        phase = Phase("fit", network, optimizer, changes.pop("loss", loss), **changes)
        batch_size = 8
        return Task(nn.ModuleDict({"fit": network}), [phase], Batches({"x": x, "y": y}, batch_size=batch_size))

    return make


@pytest.fixture
def adversarial() -> Callable[..., Task]:
    """Generator with dropout and batch norm against a critic with dropout, on two columns."""

    def make(
        make_optimizer: Callable[..., Optimizer] = lambda p: Adam(p, lr=1e-2, betas=(0.5, 0.9)),
        *,
        init: int = 0,
        **critic_changes: object,
    ) -> Task:
        real = np.random.default_rng(0).normal(2.0, 1.0, size=(50, 2)).astype(np.float32)
        with seeded(init):
            generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
            critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
        softplus = nn.functional.softplus

        def critic_loss(module: nn.Module, batch: Batch) -> Losses:
            with torch.no_grad():
                fake = generator(torch.randn(len(batch["x"]), 4))
            on_real, on_fake = module(torch.cat([batch["x"], fake])).split(len(fake))
            return {"loss": softplus(-on_real).mean() + softplus(on_fake).mean(), "real": on_real.mean()}

        def generator_loss(module: nn.Module, batch: Batch) -> Losses:
            return {"loss": softplus(-critic(module(torch.randn(len(batch["x"]), 4)))).mean()}

        phases = [
            Phase(
                "critic",
                critic,
                make_optimizer(critic.parameters()),
                critic_loss,
                **{"n_steps": 2, "clip_norm": 1.0} | critic_changes,
            ),
            Phase("generator", generator, make_optimizer(generator.parameters()), generator_loss),
        ]
        networks = nn.ModuleDict({"critic": critic, "generator": generator})
        return Task(networks, phases, Batches({"x": real}, batch_size=10))

    return make
