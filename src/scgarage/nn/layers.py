"""Layers and the generator input: perceptrons, hybrid batches of noise and seeds, critics that know the type."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from scgarage.errors import InputError


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


class HybridInput(nn.Module):
    r"""Draw batches :math:`Z = (1 - \lambda)\, z_{noise} \oplus \lambda\, x_{seed}`.

    The sum is a concatenation of rows: a share :math:`\lambda` of the rows are seed cells drawn anew for each batch,
    the others are noise.

    Parameters
    ----------
    seeds
        Seed cells as the critic sees them, shape ``(n_seeds, n_genes)``.
    leakage
        Share :math:`\lambda` of seed rows, in [0, 1].
    noise
        ``"normal"``: :math:`N(0, I)`, as the documents say; ``"uniform"``: :math:`U(-1, 1)`, as the published code
        does.
    """

    seeds: Tensor

    def __init__(self, seeds: Tensor, *, leakage: float = 0.2, noise: str = "normal") -> None:
        super().__init__()
        if not 0 <= leakage <= 1:
            msg = f"leakage is the share of seed rows and must lie in [0, 1]; found {leakage}"
            raise InputError(msg)
        if noise not in ("normal", "uniform"):
            msg = f"noise must be 'normal' or 'uniform'; found {noise!r}"
            raise InputError(msg)
        self.register_buffer("seeds", seeds)
        self.leakage = leakage
        self.noise = noise

    def forward(self, n_rows: int, *, generator: torch.Generator | None = None, among: Tensor | None = None) -> Tensor:
        """Return one input batch, shape ``(n_rows, n_genes)``: noise rows first, then seed rows.

        Parameters
        ----------
        n_rows
            Rows to draw.
        generator
            CPU generator to draw from; torch's global generator by default.
        among
            Numbers of the seeds that may be drawn, such as those of one cell type; all by default.
        """
        choices = len(self.seeds) if among is None else len(among)
        n_seeded = round(self.leakage * n_rows) if choices else 0
        shape = (n_rows - n_seeded, self.seeds.shape[1])
        device = self.seeds.device if generator is None else "cpu"
        if self.noise == "normal":
            noise = torch.randn(shape, generator=generator, device=device)
        else:
            noise = torch.rand(shape, generator=generator, device=device) * 2 - 1
        if n_seeded == 0:
            return noise.to(self.seeds.device)
        drawn = torch.randint(choices, (n_seeded,), generator=generator, device=device)
        drawn = drawn if among is None else among.to(device)[drawn]
        return torch.cat([noise.to(self.seeds.device), self.seeds[drawn.to(self.seeds.device)]])


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


class ConditionalBatchNorm(nn.Module):
    r"""Normalise features over the batch, then scale and shift them by category.

    .. math:: y_{ij} = \gamma_{t(i) j}\, \frac{x_{ij} - m_j}{\sqrt{v_j + \epsilon}} + \beta_{t(i) j}

    with mean :math:`m` and variance :math:`v` of the batch in training, running ones afterwards.

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
