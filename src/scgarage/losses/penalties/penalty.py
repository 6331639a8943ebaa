"""What every penalty offers, and the gradient of a critic that several of them need."""

from collections.abc import Callable
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from scgarage.errors import InputError

__all__ = ["Critic", "Penalty", "check_pairs", "input_gradients"]

Critic: TypeAlias = Callable[[Tensor], Tensor]
"""Maps cells, ``(n_cells, n_genes)``, to scores, ``(n_cells, 1)``; a closure over the labels if it is conditional."""


class Penalty:
    """Something that keeps a critic smooth; a penalty overrides the hooks it needs, the others do nothing.

    A model calls :meth:`prepare` once when it makes its networks, adds :meth:`loss` to the critic's loss and calls
    :meth:`after_step` after each step of the critic's optimiser.

    Attributes
    ----------
    lipschitz
        Whether it bounds how fast the critic's output may change, as the Wasserstein objective needs.
    needs_score
        Whether the critic must return one score for a cell.
    """

    lipschitz: ClassVar[bool] = False
    needs_score: ClassVar[bool] = False

    def prepare(self, critic: nn.Module) -> None:
        """Change the critic's layers in place before training."""

    def loss(
        self,
        critic: Critic,  # noqa: ARG002  (for those that override)
        real: Tensor,
        fake: Tensor,  # noqa: ARG002
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return a term of the critic's loss from real and generated cells, ``(n_cells, n_genes)`` each."""
        return real.new_zeros(())

    def after_step(self, critic: nn.Module) -> None:
        """Change the critic's parameters in place after a step."""


def input_gradients(critic: Critic, cells: Tensor) -> Tensor:
    """Return the gradient of each cell's score in the cell itself, ``(n_cells, n_genes)``, differentiable again.

    The critic must score cells one by one: with batch normalisation the gradient would mix cells.
    """
    cells = cells.detach().requires_grad_()
    with torch.enable_grad():
        gradients: Tensor = torch.autograd.grad(critic(cells).sum(), cells, create_graph=True)[0]
    return gradients


def check_pairs(real: Tensor, fake: Tensor) -> None:
    """Raise unless there are as many generated as real cells, of as many genes."""
    if real.shape != fake.shape:
        msg = (
            "the penalty pairs real and generated cells row by row; found shapes "
            f"{tuple(real.shape)} and {tuple(fake.shape)}; use batches of the same size"
        )
        raise InputError(msg)
