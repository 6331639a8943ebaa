"""Script of test_distributed: trains on two processes and writes what each of them saw."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.optim import Adam

from scgarage.training import Batches, Phase, TrainSettings, seeded, train


def build() -> tuple[nn.ModuleDict, list[Phase], Batches, list[float]]:
    """Make a generator with batch norm , a critic with a gradient penalty, and both phases."""
    with seeded(0):
        generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
        critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    real = np.random.default_rng(0).normal(2.0, 1.0, size=(64, 2)).astype(np.float32)
    seen: list[float] = []

    def critic_loss(module: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        x = batch["x"]
        seen.append(float(x.sum()))
        with torch.no_grad():
            fake = generator(torch.randn(len(x), 4))
        between = (0.5 * x + 0.5 * fake).requires_grad_()
        slope = torch.autograd.grad(module(between).sum(), between, create_graph=True)[0]
        on_real, on_fake = module(torch.cat([x, fake])).split(len(x))
        penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
        return {"loss": on_fake.mean() - on_real.mean() + 10 * penalty, "real": on_real.mean()}

    def generator_loss(module: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"loss": -critic(module(torch.randn(len(batch["x"]), 4))).mean()}

    phases = [
        Phase("critic", critic, Adam(critic.parameters(), lr=1e-2), critic_loss, n_steps=2, clip_norm=1.0),
        Phase("generator", generator, Adam(generator.parameters(), lr=1e-2), generator_loss),
    ]
    networks = nn.ModuleDict({"critic": critic, "generator": generator})
    return networks, phases, Batches({"x": real}, batch_size=8), seen


def run(*, n_iterations: int, checkpoint: Path | None = None, resume: bool = False) -> dict[str, object]:
    networks, phases, batches, seen = build()
    generator = networks["generator"]
    result = train(
        phases,
        batches,
        TrainSettings(
            n_iterations, validate_every=4, log_every=2, ema_decay=0.9, checkpoint_every=4, accelerator="cpu",
            devices=2, strategy="ddp", progress=False,
        ),
        validate=lambda: float((generator(torch.randn(20, 4)).mean() - 2).abs()),
        averaged=generator,
        checkpoint=checkpoint,
        resume=resume,
    )  # fmt: skip
    return {
        "weights": {name: tensor.tolist() for name, tensor in networks.state_dict().items()},
        "history": result.history.fillna(-1).to_numpy().tolist(),
        "best_step": result.best_step,
        "seen": seen,
    }


def regression() -> list[float]:
    """Return the weights of a regression after 5 steps without noise."""
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=(24, k)).astype(np.float32) for name, k in (("x", 3), ("y", 1))}
    with seeded(0):
        network = nn.Linear(3, 1)

    def loss(module: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"loss": ((module(batch["x"]) - batch["y"]) ** 2).mean()}

    phases = [Phase("fit", network, Adam(network.parameters(), lr=0.1), loss)]
    settings = TrainSettings(5, accelerator="cpu", devices=2, strategy="ddp", progress=False)
    train(phases, Batches(columns, batch_size=4), settings)
    return torch.cat([network.weight.detach().flatten(), network.bias.detach()]).tolist()


def fails_on_one_rank() -> str:
    """Return the message of a loss that is not finite on the second process only."""
    _, phases, batches, _ = build()
    inner = phases[1].loss

    def loss(module: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        scale = float("nan") if torch.distributed.get_rank() == 1 else 1.0
        return {"loss": inner(module, batch)["loss"] * scale}

    phases[1].loss = loss
    try:
        train(phases, batches, TrainSettings(2, accelerator="cpu", devices=2, strategy="ddp", progress=False))
    except RuntimeError as error:
        return str(error)
    return "no error"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    record = {"unbroken": run(n_iterations=12)}
    run(n_iterations=8, checkpoint=target / "checkpoint")
    record["resumed"] = run(n_iterations=12, checkpoint=target / "checkpoint", resume=True)
    record["regression"] = regression()
    record["error"] = fails_on_one_rank()
    (target / f"rank{torch.distributed.get_rank()}.json").write_text(json.dumps(record))
    torch.distributed.destroy_process_group()
