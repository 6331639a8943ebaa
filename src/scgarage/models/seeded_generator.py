"""The generator of the models that are not told types: input, layers and head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from scgarage.models.expression_head import ExpressionHead
from scgarage.nn import HybridInput, SigmoidScaledHead

__all__ = ["Generator", "SeedCells"]


@dataclass(frozen=True)
class SeedCells:
    """What is kept about the seed cells besides their expression, which lies in the generator's input.

    Attributes
    ----------
    labels
        Type number of each seed, shape ``(n_seeds,)``.
    """

    labels: NDArray[np.int64]


class Generator(nn.Module):
    """Input, layers and head in one: ``n`` cells out for the number ``n`` in.

    Parameters
    ----------
    source
        Draws the input rows.
    layers
        Map input rows to logits, ``(n_cells, n_logits)``.
    head
        Maps logits to expression as the critic sees it.
    """

    def __init__(self, source: HybridInput, layers: nn.Module, head: SigmoidScaledHead | ExpressionHead) -> None:
        super().__init__()
        self.source, self.layers, self.head = source, layers, head

    def forward(self, n_cells: int, *, library: Tensor | None = None, **how: Any) -> Tensor:
        """Return ``n_cells`` generated cells, ``(n_cells, n_genes)``; ``how`` is passed to the input."""
        logits = self.layers(self.source(n_cells, **how))
        cells: Tensor = self.head(logits, library=library, generator=how.get("generator"))
        return cells

    def smooth(self, rows: Tensor) -> Tensor:
        """Return cells for input rows, without the noise of a head that draws."""
        logits = self.layers(rows)
        cells: Tensor = self.head.smooth(logits) if isinstance(self.head, ExpressionHead) else self.head(logits)
        return cells
