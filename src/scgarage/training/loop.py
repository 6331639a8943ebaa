"""The only training loop: phases, early stopping, moving average."""

import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from scgarage.errors import InputError, OutputExistsError, TrainingError
from scgarage.io.atomic import HeldSignals
from scgarage.training import checkpoint as ckpt
from scgarage.training.batches import Batch, Batches, reseed, seeded
from scgarage.training.monitor import History, progress_bar
from scgarage.training.settings import TrainSettings, launch

Losses: TypeAlias = dict[str, Tensor]
"""Scalars by name; ``"loss"`` is differentiated, all are written to the history."""


@dataclass
class Phase:
    """What the loop does for one network in every iteration.

    A VAE has one phase; a GAN has two, critic and generator, with their own optimisers and numbers of steps.

    Attributes
    ----------
    name
        Prefix of the history columns, such as ``"critic"``; differs between phases.
    module
        The network that ``optimizer`` updates. The other phases' networks are frozen meanwhile.
    optimizer
        Optimiser of ``module``'s parameters.
    loss
        Function of the network and a batch, both on the device, that returns the losses. It must call the
        network that it is given, and by its ``forward`` only: with several processes that is what adds up
        their gradients. Other networks are reached through the closure.
    n_steps
        Steps per iteration, each on its own batch.
    clip_norm
        Largest gradient norm, or ``None``.
    after_step
        Called without gradients after each step with the losses (means over the processes, on the device):
        weight clipping, balance terms. What it changes must be parameters or buffers of ``module``, or a
        resumed run cannot know it.
    """

    name: str
    module: nn.Module
    optimizer: Optimizer
    loss: Callable[[nn.Module, Batch], Losses]
    n_steps: int = 1
    clip_norm: float | None = None
    after_step: Callable[[Losses], None] | None = None


class Freezer:
    """Switch gradients on for one network at a time."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.parameters = [[p for p in module.parameters() if p.requires_grad] for module in modules]

    def only(self, number: int) -> None:
        """Let network ``number`` learn and freeze the others."""
        self._switch(on=False)
        for parameter in self.parameters[number]:
            parameter.requires_grad_(True)  # noqa: FBT003  (torch's signature)

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Let every network learn again when the block ends, however it ends."""
        try:
            yield
        finally:
            self._switch(on=True)

    def _switch(self, *, on: bool) -> None:
        for parameters in self.parameters:
            for parameter in parameters:
                parameter.requires_grad_(on)


@contextmanager
def evaluating(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Put networks into evaluation mode for the length of a block, and every layer back as it was."""
    modes = [(layer, layer.training) for module in modules for layer in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training


class MovingAverage:
    r"""Exponential moving average of a network's parameters and buffers.

    .. math:: \bar w_1 = w_1, \qquad \bar w_t = d\, \bar w_{t-1} + (1 - d)\, w_t

    Buffers of whole numbers (counters, index tables) are copied, because an average of them means nothing.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = module
        self.decay = decay
        self.model = AveragedModel(module, multi_avg_fn=self._move, use_buffers=True)

    @torch.no_grad()
    def _move(self, averages: Sequence[Tensor], weights: Sequence[Tensor], _: Tensor | int) -> None:
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(weight, 1 - self.decay)
            else:
                average.copy_(weight)

    def update(self) -> None:
        """Take the weights as they are now into the average."""
        self.model.update_parameters(self.module)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the network for the length of a block."""
        kept = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
        self.module.load_state_dict(self.model.module.state_dict())
        try:
            yield
        finally:
            self.module.load_state_dict(kept)


@dataclass
class BestWeights:
    """The weights with the lowest score so far."""

    score: float = math.inf  # their score and iteration
    step: int = 0
    stale: int = 0  # scores since then that were not lower
    weights: dict[str, Tensor] = field(default_factory=dict)  # tensors by name; empty before the first finite score

    def is_beaten_by(self, score: float, step: int) -> bool:
        """Take note of a score and say whether it is the lowest so far."""
        if score < self.score:
            self.score, self.step, self.stale = score, step, 0
            return True
        self.stale += 1
        return False


@dataclass(frozen=True)
class TrainResult:
    """What came out of a training; the networks themselves are changed in place.

    Attributes
    ----------
    history
        Table with ``step``, ``<phase>/<loss>`` and ``validation/score`` (``inf`` where a score was not
        finite).
    best_step
        Iteration whose weights the networks hold now.
    n_iterations
        Iterations that were run, those before a resumption included.
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
    """Train the networks of ``phases`` in place; afterwards they are on the CPU, in evaluation mode.

    What is drawn from torch's generators depends on ``settings.random_state``, the iteration and the
    process only, and the caller's generators keep their state.

    Parameters
    ----------
    phases
        What happens in one iteration, in order.
    batches
        Where the batches come from.
    settings
        Length, seed, device.
    validate
        Returns a score of the networks, lower is better. It is called without gradients, with the networks
        on the training device in evaluation mode and torch's generators in the same state every time. The
        weights with the best score are kept; without ``validate`` the last ones are.
    averaged
        The network whose exponential moving average is taken when ``settings.ema_decay`` is set: the
        ``module`` of a phase or a part of one. Validation and the end result use the average.
    checkpoint
        Folder for the running state. With it, SIGTERM takes effect after the iteration has ended and is saved.
    resume
        Go on from ``checkpoint``. With the same settings the result has the same bytes as that of an
        unbroken run.

    Raises
    ------
    TrainingError
        When a loss is not finite; the networks keep the weights from before that step.
    OutputExistsError
        When ``checkpoint`` holds the state of another run and ``resume`` is not set.
    InputError
        When ``resume`` is set without a usable checkpoint of the same training, or two phases have one name.
    """
    names = [phase.name for phase in phases]
    if len(set(names)) != len(names):
        msg = f"phases need different names; found {names}"
        raise InputError(msg)
    if resume and checkpoint is None:
        msg = "resume=True needs checkpoint=, the folder of the run to go on with"
        raise InputError(msg)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and not resume and (path / ckpt.STATE).exists():
        msg = f"{path} holds the state of a run; go on with it by resume=True, or delete the folder to start anew"
        raise OutputExistsError(msg)
    run = _Run(phases, batches, settings, path)
    run.validate = validate
    if averaged is not None and settings.ema_decay is not None:
        run.average = MovingAverage(averaged, settings.ema_decay)
    if resume and run.checkpoint is not None:
        run.load(run.checkpoint)
    with seeded(settings.random_state), run.freezer.restoring():
        return run.go()


class _Run:
    """The mutable state of one training."""

    def __init__(
        self, phases: Sequence[Phase], batches: Batches, settings: TrainSettings, checkpoint: Path | None
    ) -> None:
        self.phases, self.batches, self.settings, self.checkpoint = phases, batches, settings, checkpoint
        self.validate: Callable[[], float] | None = None
        self.average: MovingAverage | None = None
        self.step = 0
        self.history = History()
        self.best = BestWeights()
        self.all_rows: Batch | None = None
        self.modules = [phase.module.train() for phase in phases]
        self.freezer = Freezer(self.modules)
        self.fabric = launch(settings)
        self.rank, self.world = int(self.fabric.global_rank), int(self.fabric.world_size)
        self.prepared = [self.fabric.setup(phase.module, phase.optimizer) for phase in phases]

    @property
    def out_of_patience(self) -> bool:
        return self.settings.patience is not None and self.best.stale >= self.settings.patience

    def go(self) -> TrainResult:
        s = self.settings
        show = s.progress if self.rank == 0 else False
        # A scheduler whose time is up sends SIGTERM: the iteration is finished and saved before it takes effect.
        held = HeldSignals(*([] if self.checkpoint is None else [signal.SIGTERM]))
        with progress_bar(s.description, s.n_iterations, show=show, start=self.step) as report, held:
            while self.step < s.n_iterations and not self.out_of_patience:
                self._iterate()
                self._after_iteration()
                best = self.best.score
                report(self.step, "" if math.isinf(best) else f"best validation {best:.4g}")
                if held.came:
                    self._save()
                    held.deliver()
        self._finish()
        return TrainResult(self.history.frame(), self.best.step, self.step, self.out_of_patience)

    def _iterate(self) -> None:
        # Noise is a function of the iteration, as batches are: a resumed run needs no generator states.
        reseed([self.settings.random_state, self.step, self.rank])
        draw = self.step * sum(phase.n_steps for phase in self.phases)
        for number, phase in enumerate(self.phases):
            self.freezer.only(number)
            for _ in range(phase.n_steps):
                self._update(phase, self.prepared[number], self._batch(draw))
                draw += 1
        self.step += 1
        if self.average is not None:
            self.average.update()

    def _batch(self, draw: int) -> Batch:
        batch = self.all_rows
        if batch is None:
            batch = self.fabric.to_device(self.batches.at(draw * self.world + self.rank))
            # All cells are moved to the device once, not in every iteration.
            self.all_rows = batch if self.batches.batch_size is None else None
        return dict(batch)

    def _update(self, phase: Phase, prepared: tuple[Any, Any], batch: Batch) -> None:
        module, optimizer = prepared
        losses = phase.loss(module, batch)
        values, numbers = self._measure(phase, losses)
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(losses["loss"])
        if phase.clip_norm is not None:
            self.fabric.clip_gradients(module, optimizer, max_norm=phase.clip_norm, error_if_nonfinite=False)
        optimizer.step()
        if phase.after_step is not None:
            with torch.no_grad():
                phase.after_step(values)
        self.history.add(numbers)

    def _measure(self, phase: Phase, losses: Losses) -> tuple[Losses, dict[str, float]]:
        """Return the losses as tensors and numbers, means over the processes, so that all go on or stop."""
        stacked = torch.stack([value.detach().float().reshape(()) for value in losses.values()])
        if self.world > 1:
            stacked = self.fabric.all_reduce(stacked, reduce_op="mean")
        values = dict(zip(losses, stacked.unbind(), strict=True))
        numbers = {f"{phase.name}/{name}": x for name, x in zip(losses, stacked.tolist(), strict=True)}
        if not all(map(math.isfinite, numbers.values())):
            msg = (
                f"{phase.name} losses are not finite at iteration {self.step + 1}: {numbers}; "
                "lower the learning rate or clip gradients"
            )
            raise TrainingError(msg)
        return values, numbers

    def _after_iteration(self) -> None:
        """Validate, log, save."""
        s = self.settings
        last = self.step == s.n_iterations
        measured: dict[str, float] | None = None
        if self.validate is not None and (last or self.step % s.validate_every == 0):
            measured = {"validation/score": self._score(self.validate)}
            if self.best.is_beaten_by(measured["validation/score"], self.step):
                self.best.weights = self._weights()
        last = last or self.out_of_patience
        if last or measured or self.step % s.log_every == 0:
            self.history.record(self.step, measured)
        if last or self.step % s.checkpoint_every == 0:
            self._save()

    def _score(self, validate: Callable[[], float]) -> float:
        reseed(self.settings.random_state)
        with torch.no_grad(), evaluating(self.modules), self._averaged():
            score = float(self.fabric.broadcast(float(validate())))
        return score if math.isfinite(score) else math.inf

    def _averaged(self) -> AbstractContextManager[None]:
        return nullcontext() if self.average is None else self.average.in_place()

    def _weights(self) -> dict[str, Tensor]:
        """Copy every tensor of every network, the averaged network by its average."""
        with self._averaged():
            return {
                f"{phase.name}/{name}": tensor.detach().clone()
                for phase in self.phases
                for name, tensor in phase.module.state_dict().items()
            }

    def _finish(self) -> None:
        weights = self.best.weights
        if not weights:
            weights, self.best.step = self._weights(), self.step
            if self.validate is not None:
                warnings.warn("no validation score was finite; the last weights are kept", UserWarning, stacklevel=4)
        if self.world > 1:  # buffers such as running means differ between processes
            weights = self.fabric.broadcast({name: tensor.cpu() for name, tensor in weights.items()})
        for phase in self.phases:
            phase.module.load_state_dict(ckpt.below(weights, phase.name))
            phase.optimizer.zero_grad(set_to_none=True)
            phase.module.to("cpu").eval()

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same for a resumed run to be the same run."""
        return {
            "phases": [[phase.name, phase.n_steps] for phase in self.phases],
            "optimizers": [type(phase.optimizer).__name__ for phase in self.phases],
            "parameters": [sum(p.numel() for p in phase.module.parameters()) for phase in self.phases],
            "ema_decay": None if self.average is None else self.average.decay,
            "random_state": int(self.settings.random_state),
            "processes": self.world,
            "batches": [self.batches.n_rows, self.batches.batch_size, self.batches.random_state],
        }

    def _save(self) -> None:
        if self.checkpoint is None or self.rank > 0:
            return
        tensors = {f"best/{name}": tensor for name, tensor in self.best.weights.items()}
        groups: dict[str, Any] = {}
        for phase in self.phases:
            slots, groups[phase.name] = ckpt.flatten_optimizer(phase.optimizer)
            tensors |= {f"optimizer/{phase.name}/{name}": tensor for name, tensor in slots.items()}
            tensors |= {f"module/{phase.name}/{name}": tensor for name, tensor in phase.module.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{name}": tensor for name, tensor in self.average.model.state_dict().items()}
        values = {
            "identity": self._identity(),
            "step": self.step,
            "best": {"score": self.best.score, "step": self.best.step, "stale": self.best.stale},
            "history": self.history.state(),
            "optimizers": groups,
        }
        ckpt.save_checkpoint(self.checkpoint, tensors, values)

    def load(self, folder: Path) -> None:
        """Take over the state of a checkpoint."""
        tensors, values = ckpt.load_checkpoint(folder)
        ckpt.check_same_training(values["identity"], self._identity(), folder)
        self.step = values["step"]
        self.history = History.from_state(values["history"])
        weights = {name: tensor.to(self.fabric.device) for name, tensor in ckpt.below(tensors, "best").items()}
        self.best = BestWeights(**values["best"], weights=weights)
        for phase in self.phases:
            phase.module.load_state_dict(ckpt.below(tensors, f"module/{phase.name}"))
            slots = ckpt.below(tensors, f"optimizer/{phase.name}")
            ckpt.restore_optimizer(phase.optimizer, slots, values["optimizers"][phase.name])
        if self.average is not None:
            self.average.model.load_state_dict(ckpt.below(tensors, "average"))
