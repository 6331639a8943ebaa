"""A conditional critic that compares a cell's features with its conditions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scgarage.errors import InputError

__all__ = ["ProjectionCritic"]


class ProjectionCritic(nn.Module):
    r"""Score a cell by itself and by how well it fits its conditions.

    .. math:: D(x, y) = \psi(\phi(x)) + \sum_c \langle E_c[y_c], \phi(x) \rangle

    with :math:`\psi` linear. This is the form of :math:`\log p(x) / q(x) + \sum_c \log p(y_c | x) / q(y_c | x)` for
    conditions that are independent given the cell and have softmax classifiers linear in :math:`\phi`.

    Parameters
    ----------
    features
        Network :math:`\phi`, ``(n_cells, n_genes)`` to ``(n_cells, n_features)``.
    n_features
        Width of its output.
    n_categories
        Number of categories of each condition, such as ``(n_types, n_batches)``; empty for no condition.

    References
    ----------
    Miyato & Koyama, cGANs with projection discriminator, ICLR 2018, arXiv:1802.05637.

    Examples
    --------
    >>> critic = ProjectionCritic(nn.Sequential(nn.Linear(5, 8), nn.ReLU()), 8, n_categories=(3, 2))
    >>> critic(torch.zeros(4, 5), torch.tensor([[0, 1], [2, 0], [1, 1], [-1, 0]])).shape
    torch.Size([4, 1])
    """

    def __init__(self, features: nn.Module, n_features: int, *, n_categories: Sequence[int] = ()) -> None:
        super().__init__()
        self.features = features
        self.score = nn.Linear(n_features, 1)
        self.embeddings = nn.ModuleList(nn.Embedding(size, n_features) for size in n_categories)
        for embedding in self.embeddings:
            # Small, so that training starts almost unconditional; spectral normalisation cannot divide zeros.
            nn.init.normal_(embedding.weight, std=0.02)  # type: ignore[arg-type]  # a ModuleList forgets its types

    def forward(self, cells: Tensor, conditions: Tensor | None = None) -> Tensor:
        """Return scores, shape ``(n_cells, 1)``.

        Parameters
        ----------
        cells
            Shape ``(n_cells, n_genes)``.
        conditions
            Category numbers, int64, shape ``(n_cells, n_conditions)``, or ``(n_cells,)`` for one condition; -1 means
            unknown and adds nothing. ``None`` scores the cells without conditions.

        Raises
        ------
        InputError
            When there is not one column per condition, or a row per cell.
        """
        features: Tensor = self.features(cells)
        scores: Tensor = self.score(features)
        if conditions is None:
            return scores
        columns = self._columns(conditions, len(cells))
        for embedding, column in zip(self.embeddings, columns, strict=True):
            known = (column >= 0).to(features.dtype)
            agreement = (embedding(column.clamp(min=0)) * features).sum(dim=1)
            scores = scores + (agreement * known)[:, None]
        return scores

    def _columns(self, conditions: Tensor, n_cells: int) -> tuple[Tensor, ...]:
        table = conditions[:, None] if conditions.dim() == 1 else conditions
        if table.shape != (n_cells, len(self.embeddings)):
            msg = (
                f"conditions must have one row per cell and one column per condition, ({n_cells}, "
                f"{len(self.embeddings)}); found {tuple(conditions.shape)}"
            )
            raise InputError(msg)
        return torch.unbind(table, dim=1)
