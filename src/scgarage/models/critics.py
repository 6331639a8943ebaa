"""Critics of the adversarial models, by what the objective wants to be told about a cell."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from scgarage.losses import Game, reconstruction_error
from scgarage.nn import mlp

__all__ = ["AutoencoderCritic", "make_critic"]

N_FEATURES = 16
"""Outputs of a critic whose objective compares features."""


class AutoencoderCritic(nn.Module):
    r"""How badly an autoencoder reconstructs a cell, :math:`L(v) = \mathrm{mean}_j |v_j - D(v)_j|`.

    Parameters
    ----------
    layers
        The autoencoder, ``(n_cells, n_genes)`` to the same shape.

    References
    ----------
    Berthelot, Schumm & Metz 2017, arXiv:1703.10717.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, cells: Tensor) -> Tensor:
        """Return the error of each cell, shape ``(n_cells, 1)``."""
        return reconstruction_error(cells, self.layers(cells))


def make_critic(
    game: Game, n_genes: int, hidden: Sequence[int], *, activation: Callable[[], nn.Module], bias: bool | None = None
) -> nn.Module:
    """Return an untrained critic as the objective and the penalties want it.

    Parameters
    ----------
    game
        Objective and penalties; the objective has a critic.
    n_genes
        Number of genes.
    hidden
        Widths of the hidden layers; the decoder of an autoencoder mirrors them.
    activation
        What follows each of them.
    bias
        Whether the last layer has a bias; by default whether it changes the objective.
    """
    objective = game.objective
    if objective.critic_output == "reconstruction error":
        critic: nn.Module = AutoencoderCritic(mlp(n_genes, [*hidden, *hidden[-2::-1]], n_genes, activation=activation))
    else:
        n_outputs = 1 if objective.critic_output == "score" else N_FEATURES
        layers = mlp(n_genes, hidden, n_outputs, activation=activation)
        if not (not objective.shift_invariant if bias is None else bias):
            layers[-1] = nn.Linear([n_genes, *hidden][-1], n_outputs, bias=False)
        critic = layers
    game.prepare(critic)
    return critic
