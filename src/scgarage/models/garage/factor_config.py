"""Settings of models of counts with shared factors."""

from dataclasses import dataclass

from scgarage.errors import InputError

__all__ = ["FactorConfig"]

SMALLEST_GROUP = 10
"""Cells of a group at least: fewer say too little about thousands of genes."""


@dataclass(frozen=True)
class FactorConfig:
    """Settings of :class:`~scgarage.models.garage.factor_model.FactorModel`; *measured* means docs/research/log.md.

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
    max_cells
        Cells that the factors are fitted on at most, rare types kept whole.
    resolution
        Leiden resolution of the clusters that stand in for types when there are no labels; islands within them have
        clusters of their own (measured: :mod:`scgarage.models.garage.clusters`).
    smallest_group
        Training cells that a separate group of cells within a type must have to get marginals of its own; ``None``
        leaves types whole, as does ``batch_key`` (measured: 100 takes 3 % off the distance of several thousand cells
        with coarse types; 30 makes small data leak).
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_factor_genes: int | None = 2000
    n_factors: int = 20
    n_sweeps: int = 25
    n_kept: int = 6
    ridge: float = 10.0
    mean_prior: float = 0.1
    batch_prior: float = 3.0
    rate_prior: float = 5.0
    min_cells: int = 10
    max_cells: int = 10_000
    resolution: float = 2.0
    smallest_group: int | None = None
    random_state: int = 0

    def __post_init__(self) -> None:
        self._check_counts("n_factors", "n_kept", "max_cells", "min_cells")
        if self.smallest_group is not None and self.smallest_group < SMALLEST_GROUP:
            msg = f"smallest_group must be None or at least {SMALLEST_GROUP}; found {self.smallest_group}"
            raise InputError(msg)

    def _check_counts(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1; found {getattr(self, name)}"
                raise InputError(msg)
