"""How every model with networks trains them: mini-batches, until the validation score stops improving."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import nn

from scgarage.models.options import FitOptions
from scgarage.training import Batches, Phase, TrainResult, TrainSettings, train

__all__ = ["NetworkTraining"]


class NetworkTraining(ABC):
    """Adds :meth:`train_networks` to what has ``config``, ``name`` and :meth:`phases`."""

    name: ClassVar[str]
    config: Any

    @abstractmethod
    def phases(self) -> list[Phase]:
        """Return what happens in one training iteration; empty for a model without networks."""

    def train_networks(
        self,
        columns: Mapping[str, Any],
        averaged: nn.Module,
        options: FitOptions,
        *,
        validate: Callable[[], float] | None,
    ) -> TrainResult:
        """Train on mini-batches until the validation score stops improving.

        Parameters
        ----------
        columns
            What a batch holds, for every training cell.
        averaged
            The network whose moving average validation and the end result use.
        options
            Device, checkpoints, progress bar.
        validate
            Score of the networks, lower is better; ``None`` trains to the end.
        """
        c = self.config
        settings = TrainSettings(
            n_iterations=c.n_iterations,
            validate_every=c.validate_every,
            patience=c.patience,
            ema_decay=c.ema_decay,
            progress=options.progress,
            accelerator=options.accelerator,
            devices=options.devices,
            random_state=c.random_state,
            description=self.name,
        )
        return train(
            self.phases(),
            Batches(columns, batch_size=c.batch_size, random_state=c.random_state),
            settings,
            validate=validate,
            averaged=averaged,
            checkpoint=options.checkpoint,
            resume=options.resume,
        )
