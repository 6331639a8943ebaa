"""The generator of a model that is told types: layers with conditional batch normalisation."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from scgarage.models.conditional_batch_norm import ConditionalBatchNorm
from scgarage.models.expression_head import ExpressionHead

__all__ = ["ConditionalGenerator"]


class ConditionalGenerator(nn.Module):
    """Noise and types in, scaled expression out: layers with conditional batch normalisation and a rectified output.

    Parameters
    ----------
    n_latent
        Dimensions of the noise.
    hidden
        Widths of the hidden layers.
    n_genes, n_types
        Numbers of genes and types.
    head
        Output head in place of the rectification.
    """

    maximum: Tensor

    def __init__(
        self, n_latent: int, hidden: Sequence[int], *, n_genes: int, n_types: int, head: ExpressionHead | None = None
    ) -> None:
        super().__init__()
        widths = [n_latent, *hidden]
        # The normalisation takes the mean away, and with it any bias.
        self.layers = nn.ModuleList(nn.Linear(before, after, bias=False) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(ConditionalBatchNorm(width, n_types) for width in hidden)
        self.last = nn.Linear(widths[-1], n_genes if head is None else head.n_logits)
        self.head = head
        self.n_latent = n_latent
        self.register_buffer("maximum", torch.ones(n_genes))

    def forward(
        self, types: Tensor, *, generator: torch.Generator | None = None, library: Tensor | None = None
    ) -> Tensor:
        """Return cells, ``(n_cells, n_genes)``, zeros among them, for type numbers ``(n_cells,)``."""
        device = types.device if generator is None else "cpu"
        x = torch.randn(len(types), self.n_latent, generator=generator, device=device).to(types.device)
        logits = self._logits(x, types)
        cells: Tensor = (
            torch.relu(logits) if self.head is None else self.head(logits, library=library, generator=generator)
        )
        return cells

    def smooth(self, noise: Tensor, types: Tensor) -> Tensor:
        """Return cells of one type for noise, ``(n_cells, n_latent)``, without the noise of a head that draws."""
        logits = self._logits(noise, types.expand(len(noise)))
        return torch.relu(logits) if self.head is None else self.head.smooth(logits)

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Return log1p CP10k, ``(n_cells, n_genes)``, from what the critic sees."""
        return scaled * self.maximum

    def _logits(self, x: Tensor, types: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.relu(norm(layer(x), types))
        logits: Tensor = self.last(x)
        return logits
