"""The one training loop: every network of scgarage, GAT, GAN, VAE or autoencoder, is trained here."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scgarage.errors import InputError, TrainingError
from scgarage.training import checkpoint as ckpt
from scgarage.training.batches import Batch, Batches
from scgarage.training.history import History
from scgarage.training.phase import Losses, Phase
from scgarage.training.progress import progress_bar
from scgarage.training.randomness import seeded

__all__ = ["TrainResult", "TrainSettings", "train"]


@dataclass(frozen=True)
class TrainSettings:
    """How long and on what to train.

    Attributes
    ----------
    n_iterations
        Largest number of iterations.
    validate_every
        Iterations between two validation scores.
    patience
        Stop after this many validations without a better score; ``None`` never stops early.
    ema_decay
        Decay of the moving average of the weights that validation and the final network use; ``None`` turns it off.
    log_every
        Iterations over which the losses of one history row are averaged.
    checkpoint_every
        Iterations between two checkpoints, when a checkpoint folder is given.
    random_state
        Seed of noise, dropout and everything else that is drawn during training.
    accelerator, devices, strategy, precision
        Passed to Lightning Fabric; ``torchrun`` and SLURM start several processes.
    progress
        Show a progress bar; ``None`` shows it on a terminal only.
    description
        Text of the progress bar.
    """

    n_iterations: int
    validate_every: int = 100
    patience: int | None = None
    ema_decay: float | None = None
    log_every: int = 10
    checkpoint_every: int = 1000
    random_state: int = 0
    accelerator: str = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    precision: str = "32-true"
    progress: bool | None = None
    description: str = "training"

    def __post_init__(self) -> None:
        for name in ("n_iterations", "validate_every", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1; found {getattr(self, name)}"
                raise InputError(msg)
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            msg = f"ema_decay must lie between 0 and 1; found {self.ema_decay}"
            raise InputError(msg)


@dataclass(frozen=True)
class TrainResult:
    """What came out of a training; the networks themselves are changed in place.

    Attributes
    ----------
    history
        Table with ``step``, ``<phase>/<loss>`` and ``validation/score``.
    best_step
        Iteration whose weights the networks hold now.
    n_iterations
        Iterations that were run.
    stopped_early
        Whether patience ran out.
    """

    history: pd.DataFrame
    best_step: int
    n_iterations: int
    stopped_early: bool


def train(
    phases: Sequence[Phase],
    batches: Batches,
    settings: TrainSettings,
    *,
    validate: Callable[[], float] | None = None,
    averaged: nn.Module | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train the networks of ``phases`` in place.

    Parameters
    ----------
    phases
        What happens in one iteration, in order.
    batches
        Where the batches come from.
    settings
        Length, seed, device.
    validate
        Returns a score of the networks as they are, lower is better; it must draw nothing from torch's global generator.
        The weights with the best score are kept. Without it the last weights are.
    averaged
        The network whose exponential moving average is taken when ``settings.ema_decay`` is set; validation and the end
        result use the average.
    checkpoint
        Folder for the running state.
    resume
        Go on from ``checkpoint``; the result has the same bytes as that of an unbroken run.

    Raises
    ------
    TrainingError
        When a loss is not finite.
    InputError
        When ``resume`` is set without a usable checkpoint.
    """
    if resume and checkpoint is None:
        msg = "resume=True needs checkpoint=, the folder of the run to go on with"
        raise InputError(msg)
    run = _Run(phases, batches, settings, validate, averaged, None if checkpoint is None else Path(checkpoint))
    with seeded(settings.random_state + run.rank):
        return run.go(resume=resume)


@dataclass
class _Run:
    """The mutable state of one training."""

    phases: Sequence[Phase]
    batches: Batches
    settings: TrainSettings
    validate: Callable[[], float] | None
    averaged: nn.Module | None
    checkpoint: Path | None
    step: int = 0
    best_step: int = 0
    best_score: float = math.inf
    stale: int = 0
    history: History = field(default_factory=History)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from lightning_fabric import Fabric

        s = self.settings
        self.fabric = Fabric(accelerator=s.accelerator, devices=s.devices, strategy=s.strategy, precision=s.precision)  # type: ignore[arg-type]
        self.fabric.launch()
        self.rank, self.world = self.fabric.global_rank, self.fabric.world_size
        self.trainable = [[p for p in phase.module.parameters() if p.requires_grad] for phase in self.phases]
        self.wrapped = []
        for phase in self.phases:
            module, optimizer = self.fabric.setup(phase.module, phase.optimizer)
            self.wrapped.append((module, optimizer))
        self.ema = None
        if s.ema_decay is not None and self.averaged is not None:
            self.ema = AveragedModel(self.averaged, multi_avg_fn=get_ema_multi_avg_fn(s.ema_decay), use_buffers=True)

    def go(self, *, resume: bool) -> TrainResult:
        if resume:
            self._load()
        s = self.settings
        stopped = False
        with progress_bar(s.description, s.n_iterations, show=s.progress if self.rank == 0 else False, start=self.step) as report:
            while self.step < s.n_iterations and not stopped:
                self._iterate()
                stopped = self._after_iteration()
                report(self.step, "" if math.isinf(self.best_score) else f"best validation {self.best_score:.4g}")
        self._finish()
        return TrainResult(self.history.frame(), self.best_step, self.step, stopped)

    def _iterate(self) -> None:
        draws = sum(phase.n_steps for phase in self.phases)
        draw = self.step * draws
        for number, phase in enumerate(self.phases):
            for other, parameters in enumerate(self.trainable):
                for parameter in parameters:
                    parameter.requires_grad_(other == number)
            for _ in range(phase.n_steps):
                self._update(phase, *self.wrapped[number], self._batch(draw))
                draw += 1
        self.step += 1
        if self.ema is not None:
            self.ema.update_parameters(self.averaged)

    def _batch(self, draw: int) -> Batch:
        batch = self.batches.at(draw * self.world + self.rank)
        moved: Batch = self.fabric.to_device(batch)
        return moved

    def _update(self, phase: Phase, module: Any, optimizer: Any, batch: Batch) -> None:
        losses: Losses = phase.loss(module, batch)
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(losses["loss"])
        if phase.clip_norm is not None:
            self.fabric.clip_gradients(module, optimizer, max_norm=phase.clip_norm, error_if_nonfinite=False)
        optimizer.step()
        values = {name: value.detach() for name, value in losses.items()}
        if phase.after_step is not None:
            with torch.no_grad():
                phase.after_step(values)
        numbers = {f"{phase.name}/{name}": float(value) for name, value in values.items()}
        if not all(map(math.isfinite, numbers.values())):
            msg = (
                f"{phase.name} losses are not finite at iteration {self.step + 1}: {numbers}; "
                "lower the learning rate or clip gradients"
            )
            raise TrainingError(msg)
        self.history.add(numbers)

    def _after_iteration(self) -> bool:
        """Log, validate, save; return whether to stop."""
        s = self.settings
        last = self.step == s.n_iterations
        due = self.validate is not None and (self.step % s.validate_every == 0 or last)
        stop = False
        if due:
            score = self._score()
            if score < self.best_score:
                self.best_score, self.best_step, self.stale = score, self.step, 0
                self.best = {name: tensor.detach().clone() for name, tensor in self._weights().items()}
            else:
                self.stale += 1
            stop = s.patience is not None and self.stale >= s.patience
        if due or last or self.step % s.log_every == 0:
            self.history.record(self.step, {"validation/score": score} if due else None)
        if self.checkpoint is not None and (self.step % s.checkpoint_every == 0 or last or stop) and self.rank == 0:
            self._save()
        return stop

    def _score(self) -> float:
        assert self.validate is not None  # noqa: S101  (narrowing for the type checker)
        with torch.no_grad(), _Averaged(self.averaged, self.ema):
            score = float(self.fabric.broadcast(self.validate()))
        return score if math.isfinite(score) else math.inf

    def _weights(self) -> dict[str, Tensor]:
        """Name every tensor of every network, the averaged network by its average."""
        with _Averaged(self.averaged, self.ema):
            return {
                f"{phase.name}/{name}": tensor.detach().clone()
                for phase in self.phases
                for name, tensor in phase.module.state_dict().items()
            }

    def _finish(self) -> None:
        if not self.best:
            self.best, self.best_step = self._weights(), self.step
            if self.validate is not None:
                warnings.warn("no validation score was finite; the last weights are kept", UserWarning, stacklevel=4)
        for phase, parameters in zip(self.phases, self.trainable, strict=True):
            prefix = f"{phase.name}/"
            phase.module.load_state_dict({k.removeprefix(prefix): v for k, v in self.best.items() if k.startswith(prefix)})
            phase.module.to("cpu").eval()
            for parameter in parameters:
                parameter.requires_grad_(True)

    def _save(self) -> None:
        tensors = {f"best/{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"rng/{name}": state for name, state in ckpt.rng_state().items()}
        groups: dict[str, Any] = {}
        for phase in self.phases:
            tensors |= {f"module/{phase.name}/{name}": tensor for name, tensor in phase.module.state_dict().items()}
            slots, groups[phase.name] = ckpt.flatten_optimizer(phase.optimizer)
            tensors |= {f"optimizer/{phase.name}/{name}": tensor for name, tensor in slots.items()}
        if self.ema is not None:
            tensors |= {f"ema/{name}": tensor for name, tensor in self.ema.state_dict().items()}
        values = {
            "step": self.step, "best_step": self.best_step, "stale": self.stale, "history": self.history.state(),
            "best_score": None if math.isinf(self.best_score) else self.best_score, "optimizers": groups,
        }  # fmt: skip
        ckpt.save_checkpoint(self.checkpoint, tensors, values)  # type: ignore[arg-type]

    def _load(self) -> None:
        tensors, values = ckpt.load_checkpoint(self.checkpoint)  # type: ignore[arg-type]
        self.step, self.best_step, self.stale = values["step"], values["best_step"], values["stale"]
        self.best_score = math.inf if values["best_score"] is None else values["best_score"]
        self.history = History.from_state(values["history"])
        self.best = {name: tensor.to(self.fabric.device) for name, tensor in _below(tensors, "best").items()}
        for phase in self.phases:
            phase.module.load_state_dict(_below(tensors, f"module/{phase.name}"))
            slots = _below(tensors, f"optimizer/{phase.name}")
            ckpt.restore_optimizer(phase.optimizer, slots, values["optimizers"][phase.name])
        if self.ema is not None:
            self.ema.load_state_dict(_below(tensors, "ema"))
        ckpt.set_rng_state(_below(tensors, "rng"))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")}


class _Averaged:
    """Put the moving average into the network for the length of a block."""

    def __init__(self, module: nn.Module | None, ema: AveragedModel | None) -> None:
        self.module, self.ema = module, ema

    def __enter__(self) -> None:
        if self.module is not None and self.ema is not None:
            self.kept = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
            self.module.load_state_dict(self.ema.module.state_dict())

    def __exit__(self, *_: object) -> None:
        if self.module is not None and self.ema is not None:
            self.module.load_state_dict(self.kept)
