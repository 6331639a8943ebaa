"""Sizes of the experiment."""

from dataclasses import dataclass

from scgarage.errors import InputError

__all__ = ["QUICK", "UtilitySettings"]


@dataclass(frozen=True, kw_only=True)
class UtilitySettings:
    """Sizes of the rare-cell utility experiment; the defaults are those of the protocol.

    Attributes
    ----------
    n_splits
        Divisions into training and test cells; fewer than 20 give intervals that say little.
    n_training_cells
        Training cells that an abundant type is cut down to.
    n_added
        Cells that resampling and generators add to each target type. 50 to 100 are enough, 300 cost precision
        (measured before this package).
    n_top_genes
        Highly variable genes, selected on the real training cells of each split.
    train_share
        Share of the cells of each type that train, apart from types that are cut down.
    prevalence
        Share that the test cells of a type that was cut down are weighted to.
    n_targets
        Types that are cut down at the same time; they take turns from split to split.
    rare_fraction
        Share of all cells below which a type is rare.
    n_trees
        Trees of a forest.
    max_cells
        Cells of a data set at most, drawn at random once.
    """

    n_splits: int = 20
    n_training_cells: tuple[int, ...] = (5, 10, 20, 50)
    n_added: int = 100
    n_top_genes: int = 500
    train_share: float = 0.5
    prevalence: float = 0.01
    n_targets: int = 2
    rare_fraction: float = 0.05
    n_trees: int = 80
    max_cells: int = 4000

    def __post_init__(self) -> None:
        for name in ("n_splits", "n_added", "n_top_genes", "n_targets", "n_trees", "max_cells"):
            if getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)}; expected at least 1"
                raise InputError(msg)
        if not self.n_training_cells or min(self.n_training_cells) < 3:
            msg = f"n_training_cells is {self.n_training_cells}; expected numbers of at least 3 cells"
            raise InputError(msg)
        for name in ("train_share", "prevalence", "rare_fraction"):
            if not 0 < getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)}; expected a share between 0 and 1"
                raise InputError(msg)
        if self.prevalence * self.n_targets >= 1:
            msg = f"{self.n_targets} targets of prevalence {self.prevalence} leave nothing for other types; lower one"
            raise InputError(msg)


QUICK = UtilitySettings(n_splits=2, n_training_cells=(10,), n_added=30, n_top_genes=200, n_trees=20)
"""A trial run in seconds; its numbers mean nothing."""
