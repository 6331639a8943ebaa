"""Validation cells and generated ones in the same components: what training is stopped by and watched with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scgarage.losses import sliced_wasserstein
from scgarage.training.collapse import CollapseMonitor, jacobian_rank

__all__ = ["ValidationPoints"]

N_DIRECTIONS = 64
"""Directions of the noise in which the Jacobian is taken at most."""


@dataclass(frozen=True)
class ValidationPoints:
    """Real validation cells, and how to generate as many.

    Attributes
    ----------
    real
        Validation cells, ``(n_cells, n_dims)``.
    labels
        Type number of each, ``(n_cells,)``; -1 where unknown.
    draw
        Generates as many cells in the same components from a CPU generator.
    n_watched
        Leading dimensions that the monitor looks at; all by default.
    """

    real: Tensor
    labels: NDArray[np.int64]
    draw: Callable[[torch.Generator], Tensor]
    n_watched: int | None = None

    def monitor(self, smooth: Callable[[], tuple[nn.Module, Tensor, dict[str, Tensor]]]) -> CollapseMonitor:
        """Return a monitor of mode collapse; ``smooth`` gives a generator, inputs of it and what else it wants."""

        @torch.no_grad()
        def rank() -> float:
            network, points, others = smooth()
            noise = torch.Generator().manual_seed(0)
            shape = (points.shape[1], min(points.shape[1], N_DIRECTIONS))
            directions = torch.linalg.qr(torch.randn(shape, generator=noise))[0].T.to(points.device)

            def cells(rows: Tensor) -> Tensor:
                made: Tensor = network.smooth(rows, **others)  # type: ignore[operator]  # a module forgets its types
                return made

            return jacobian_rank(cells, points, directions)

        return CollapseMonitor(self.real[:, : self.n_watched], self.labels, rank)

    def validator(self, random_state: int, monitor: CollapseMonitor | None) -> Callable[[], float]:
        """Return a function for the sliced Wasserstein distance to the validation cells, same noise each time."""

        def score() -> float:
            generator = torch.Generator().manual_seed(random_state)
            fake = self.draw(generator)
            distance = float(sliced_wasserstein(fake, self.real, generator=generator))
            if monitor is not None and bool(fake.isfinite().all()):
                monitor(fake[:, : self.n_watched])
            return distance

        return score
