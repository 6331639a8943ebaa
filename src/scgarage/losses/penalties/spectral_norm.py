"""Spectral normalisation of a critic's layers."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from scgarage.errors import InputError
from scgarage.losses.penalties.penalty import Penalty

__all__ = ["SpectralNorm"]

LAYERS = (nn.Linear, nn.Embedding, nn.Conv1d)
"""Layers with a weight matrix that is normalised."""


@dataclass(frozen=True)
class SpectralNorm(Penalty):
    r"""Divide each weight matrix by its largest singular value, :math:`\tilde W = W / \sigma(W)`.

    A multilayer perceptron with 1-Lipschitz activations (ReLU, leaky ReLU, tanh) is then 1-Lipschitz. The singular
    value is estimated by power iteration, one per forward pass in training mode; the estimate lies below the true
    value, so the constant can exceed 1 slightly while weights move fast.

    Two notes. A sum of a network and an embedding, as in a projection critic, is as Lipschitz as its parts together,
    not 1. For a convolution torch normalises the reshaped kernel, whose norm is not that of the convolution.

    Attributes
    ----------
    n_power_iterations
        Power iterations per forward pass.

    References
    ----------
    Miyato et al., ICLR 2018, arXiv:1802.05957.
    """

    n_power_iterations: int = 1
    lipschitz: ClassVar[bool] = True

    def prepare(self, critic: nn.Module) -> None:
        """Normalise all linear, embedding and convolution layers in place, once.

        Raises
        ------
        InputError
            When the critic has no such layer.
        """
        layers = [module for module in critic.modules() if isinstance(module, LAYERS)]
        if not layers:
            names = ", ".join(kind.__name__ for kind in LAYERS)
            msg = f"spectral normalisation needs a critic with layers of type {names}; found none"
            raise InputError(msg)
        for layer in layers:
            if not is_parametrized(layer, "weight"):
                spectral_norm(layer, n_power_iterations=self.n_power_iterations)
