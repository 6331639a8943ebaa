"""Settings of the default model."""

from dataclasses import dataclass
from typing import Literal

from scgarage.errors import InputError
from scgarage.losses import as_texts
from scgarage.models.garage.factor_config import FactorConfig
from scgarage.models.garage.refine import refining_game
from scgarage.seeds import SELECTORS

__all__ = ["GarageConfig"]

JITTERS = (0.5, 0.7, 0.85, 1.0)
"""Jitters that ``"auto"`` chooses from, the smallest first."""


@dataclass(frozen=True)
class GarageConfig(FactorConfig):
    """Settings of :class:`Garage`; *measured* means docs/research/log.md.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that the clusters are found on when there are no labels; all genes are generated.
    n_factor_genes
        Genes that the factors are fitted on, those that vary most within types; the others are regressed on the factors
        (measured: 2000 are better than 1000 highly variable ones).
    n_factors
        Shared factors (measured: 10 are too few on blood, 40 bring nothing more).
    n_sweeps, n_kept
        Gibbs sweeps before the draws of the factors that are kept, and their number (measured: no change after 25).
    ridge
        Precision of the loadings' prior, in cells (measured elsewhere).
    mean_prior
        Cells that the expected mean of a type is worth beside its own (measured: shrinking means harms rare types).
    batch_prior
        The same with batches, where the expected mean is that of the same type in other batches.
    rate_prior
        Cells that a gene's distribution of rates over all types is worth beside a type's own (measured: 5 to 20 alike).
    min_cells
        Genes seen in fewer training cells are drawn independently of the others.
    seeds
        Which training cells are seeds: ``"all"``, ``"none"``, ``"stratified"`` for a share of each type at random, or a
        name in ``scgarage.seeds.SELECTORS`` for the cells of each type, or without labels of each cluster, that it
        scores highest (measured: no choice is better or worse than noise, with labels or without).
    seed_share
        Share of the cells of each type that are seeds, at least three, unless ``seeds`` is ``"all"`` or ``"none"``.
    n_neighbors
        Neighbours in its type among which a seed is moved (measured); half as many without labels.
    jitter
        How far seeds are moved, 0 to 1; at 1 nothing of a single cell is left. ``"auto"`` takes the smallest of 0.5,
        0.7, 0.85 and 1 at which positions are no nearer to training than to validation cells; 1 with fewer than 200
        validation cells, and for types with fewer than 30 training cells.
    max_cells
        Cells that the factors are fitted on at most, rare types kept whole.
    resolution
        Leiden resolution of the clusters that stand in for types when there are no labels; islands within them have
        clusters of their own (measured: :mod:`scgarage.models.garage.clusters`).
    smallest_group
        Training cells that a separate group of cells within a type must have to get marginals of its own; ``None``
        leaves types whole, as does ``batch_key`` (measured: 100 takes 3 % off the distance of several thousand cells
        with coarse types; 30 makes small data leak).
    refine
        Whether to train the adversarial stage; it is used only when it beats its start on the validation cells.
    hidden, n_noise
        Widths of generator and critic, and dimensions of the noise.
    n_iterations, batch_size, learning_rate, gamma, ema_decay
        Length and step of the adversarial training, and weight of R1 and R2 (after R3GAN).
    validate_every, patience
        Iterations between two validation scores, and scores without improvement before training stops.
    objective, penalties
        Objective and penalties of the adversarial stage by name, with their strength, such as ``"hinge"`` and
        ``["r1:1"]``; ``None`` for the relativistic objective with R1 and R2 (docs/objectives.md).
    random_state
        Seed.
    """

    seeds: Literal[
        "all", "stratified", "none", "attention", "random", "global_top", "community", "k_centre", "facility_location",
        "density", "mixed",
    ] = "all"  # fmt: skip
    seed_share: float = 0.2
    n_neighbors: int = 100
    jitter: float | Literal["auto"] = "auto"
    refine: bool = True
    hidden: tuple[int, ...] = (128, 128)
    n_noise: int = 8
    n_iterations: int = 600
    batch_size: int = 256
    learning_rate: float = 2e-4
    gamma: float = 1.0
    ema_decay: float = 0.99
    validate_every: int = 50
    patience: int | None = 5
    objective: str | None = None
    penalties: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_counts("n_iterations", "batch_size")
        if self.penalties is not None:
            object.__setattr__(self, "penalties", as_texts(self.penalties))
        refining_game(self.objective, self.penalties, self.gamma)
        if self.jitter != "auto" and not (isinstance(self.jitter, float | int) and 0 <= self.jitter <= 1):
            msg = f"jitter must be 'auto' or a number from 0 to 1; found {self.jitter!r}"
            raise InputError(msg)
        if self.seeds not in ("all", "none", *SELECTORS):
            msg = f"seeds must be one of {', '.join(map(repr, ('all', 'none', *SELECTORS)))}; found {self.seeds!r}"
            raise InputError(msg)
        if not 0 < self.seed_share <= 1:
            msg = f"seed_share is a share of cells and must lie above 0 and be at most 1; found {self.seed_share}"
            raise InputError(msg)
        if self.n_neighbors < 2 or not self.hidden:
            msg = f"n_neighbors must be at least 2 and hidden not empty; found {self.n_neighbors} and {self.hidden}"
            raise InputError(msg)
