"""The moving average of a network's weights, and the weights with the best score."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["BestWeights", "MovingAverage"]


class MovingAverage:
    r"""Exponential moving average of a network's parameters and buffers.

    .. math:: \bar w_1 = w_1, \qquad \bar w_t = d\, \bar w_{t-1} + (1 - d)\, w_t

    Buffers of whole numbers (counters, index tables) are copied, because an average of them means nothing.

    Parameters
    ----------
    module
        The network, on its device.
    decay
        Share :math:`d` of the old average, in (0, 1).
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
    """The weights with the lowest score so far.

    Attributes
    ----------
    score, step
        Their score and iteration.
    stale
        Scores since then that were not lower.
    weights
        Tensors by name; empty before the first finite score.
    """

    score: float = math.inf
    step: int = 0
    stale: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def is_beaten_by(self, score: float, step: int) -> bool:
        """Take note of a score and say whether it is the lowest so far."""
        if score < self.score:
            self.score, self.step, self.stale = score, step, 0
            return True
        self.stale += 1
        return False
