"""The encoder of a variational autoencoder and the two terms that go with it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from scgarage.nn import mlp

__all__ = ["GaussianEncoder", "draw_normal", "kl_to_standard_normal"]


class GaussianEncoder(nn.Module):
    """Cells in, mean and log variance of a normal distribution out.

    Parameters
    ----------
    n_in
        Width of the input.
    hidden
        Widths of the hidden layers.
    n_latent
        Dimensions of the latent space.
    activation
        What follows each hidden layer.
    """

    def __init__(
        self, n_in: int, hidden: Sequence[int], n_latent: int, *, activation: Callable[[], nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.layers = mlp(n_in, hidden, 2 * n_latent, activation=activation)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log variances, ``(n_cells, n_latent)`` each."""
        mean, log_variance = self.layers(cells).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)


def draw_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw positions that carry the gradient of both, from torch's generator."""
    return mean + torch.randn_like(mean) * torch.exp(log_variance / 2)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return :math:`\tfrac12 \sum_k (m_k^2 + s_k^2 - \log s_k^2 - 1)` of each cell, ``(n_cells,)``."""
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1) / 2
