"""Batch normalisation whose scale and shift depend on a category."""

from torch import Tensor, nn

__all__ = ["ConditionalBatchNorm"]


class ConditionalBatchNorm(nn.Module):
    r"""Normalise features over the batch, then scale and shift them by category.

    .. math:: y_{ij} = \gamma_{t(i) j}\, \frac{x_{ij} - m_j}{\sqrt{v_j + \epsilon}} + \beta_{t(i) j}

    with mean :math:`m` and variance :math:`v` of the batch in training, running ones afterwards.

    Parameters
    ----------
    n_features
        Width of the input.
    n_categories
        Number of categories.

    References
    ----------
    Dumoulin, Shlens & Kudlur, ICLR 2017, arXiv:1610.07629; de Vries et al., NeurIPS 2017, arXiv:1707.00683.
    """

    def __init__(self, n_features: int, n_categories: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(n_features, affine=False)
        self.scale = nn.Embedding(n_categories, n_features)
        self.shift = nn.Embedding(n_categories, n_features)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, features: Tensor, categories: Tensor) -> Tensor:
        """Return features ``(n_cells, n_features)`` for category numbers ``(n_cells,)``."""
        scaled: Tensor = self.scale(categories) * self.normalise(features) + self.shift(categories)
        return scaled
