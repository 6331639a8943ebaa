"""The generator's input in GARAGE: rows of noise and rows of real seed cells in one batch."""

import torch
from torch import Tensor, nn

from scgarage.errors import InputError

__all__ = ["HybridInput"]


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
