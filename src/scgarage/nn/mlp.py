"""Multilayer perceptron."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

__all__ = ["mlp"]


def mlp(
    n_in: int, hidden: Sequence[int], n_out: int, *, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Return fully connected layers ``n_in -> hidden... -> n_out`` with an activation after each but the last.

    Examples
    --------
    >>> [layer.out_features for layer in mlp(3, [5, 4], 2)[::2]]
    [5, 4, 2]
    """
    widths = [n_in, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], n_out))
