"""Which parameters learn and which layers drop out at a moment of the training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

__all__ = ["Freezer", "evaluating"]


class Freezer:
    """Switch gradients on for one network at a time.

    Parameters that were frozen from the start stay frozen. A parameter that two networks share learns with
    both.

    Parameters
    ----------
    modules
        The networks that take turns.
    """

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
