"""GARAGE as its documents describe it: attention picks seed cells, the seeds guide a GAN in gene space."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import anndata as ad
import numpy as np
import pandas as pd
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import BinaryCrossEntropy, Objective
from scgarage.models.adversarial import AdversarialModel, ChosenSeeds, TechniquesConfig
from scgarage.models.base import FitOptions
from scgarage.models.data import TrainingData
from scgarage.nn import HybridInput
from scgarage.pp import Components
from scgarage.seeds import SELECTORS, GATSettings, Seeds, SeedSelector

TYPE = "type"
"""Column of the cell types in the table that the selectors see."""


@dataclass(frozen=True)
class GarageFaithfulConfig(TechniquesConfig):
    """Settings of :class:`GarageFaithful`.

    Sources: *documents* are the method's description and documentation, *code* the published repository, *ours* a
    choice where both are silent or a full-batch run of 11 hours would be the alternative.

    The others are those of :class:`TechniquesConfig`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes the GAN generates; the others are drawn independently (ours; the published data sets held
        preselected genes).
    leakage
        Share of seed rows in the generator's input, and of training cells that become seeds (documents: 0.2).
    selector
        How seeds are picked, a name in ``scgarage.seeds.SELECTORS`` (documents: attention with quotas per type).
    n_neighbors
        Neighbours of a cell in the graph (documents: 5).
    n_components
        Principal components the graph is built on (ours; the code uses all genes).
    gat_hidden, gat_heads
        Width of a head and number of heads of the first attention layer (code: 32 and 8).
    gat_learning_rate
        Adam's learning rate for the GAT (code: 5e-3).
    gat_epochs
        Largest number of full-batch epochs of the GAT (code: 7501).
    gat_patience
        Validations of the GAT without improvement before it stops; ``None`` trains all epochs (ours).
    priority_weight
        Extra weight of rare types, in the GAT's hidden features and in the quotas (code: 2).
    rare_fraction, rare_threshold
        A type is rare below this share of the cells, or with at most this number of them when given (ours: 0.05;
        code: 10 for Yan, 25 for Pollen, 200 for CBMC and Muraro).
    noise
        Distribution of the noise rows (documents: normal; code: uniform on (-1, 1)).
    generator_hidden, critic_hidden
        Widths of the hidden layers (documents: 1024, 1024 and 512, 256).
    n_iterations
        Largest number of GAN iterations (documents: 20,001).
    n_critic_steps, n_generator_steps
        Steps per iteration (documents: 5 and 2).
    generator_learning_rate, critic_learning_rate
        Learning rates (code: 2e-4 and 4e-4).
    optimizer
        ``"adam"`` (documents) or ``"rmsprop"`` (code).
    adam_betas
        Adam's betas (ours, after DCGAN; the documents do not give them).
    real_label, fake_label, generator_label
        Smoothed targets (documents: 0.9 and 0.1; code: 1.0 for the generator).
    clip_norm
        Largest gradient norm (code: 1.0).
    batch_size
        Cells per batch; ``None`` uses all cells in every step, as the code does (ours: 64).
    validate_every, patience
        Iterations between two validation scores, and the number of scores without improvement before training stops; a
        ``patience`` of ``None`` trains to the end (ours).
    ema_decay
        Moving average of the generator's weights (documents: none).
    label_threshold
        A cell whose best type is less probable than this is called unsure (ours).
    max_draws_per_cell
        Draws per cell asked for before sampling a type gives up (ours).
    random_state
        Seed (code: 42).
    """

    n_top_genes: int | None = 1000
    leakage: float = 0.2
    selector: str = "attention"
    n_neighbors: int = 5
    n_components: int = 50
    gat_hidden: int = 32
    gat_heads: int = 8
    gat_learning_rate: float = 5e-3
    gat_epochs: int = 7501
    gat_patience: int | None = 10
    priority_weight: float = 2.0
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    noise: Literal["normal", "uniform"] = "normal"
    generator_hidden: tuple[int, ...] = (1024, 1024)
    critic_hidden: tuple[int, ...] = (512, 256)
    n_iterations: int = 20_001
    n_critic_steps: int = 5
    n_generator_steps: int = 2
    generator_learning_rate: float = 2e-4
    critic_learning_rate: float = 4e-4
    optimizer: Literal["adam", "rmsprop"] = "adam"
    adam_betas: tuple[float, float] = (0.5, 0.999)
    real_label: float = 0.9
    fake_label: float = 0.1
    generator_label: float = 1.0
    clip_norm: float | None = 1.0
    batch_size: int | None = 64
    validate_every: int = 100
    patience: int | None = 15
    ema_decay: float | None = None
    label_threshold: float = 0.5
    max_draws_per_cell: int = 200
    random_state: int = 42

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.leakage <= 1:
            msg = f"leakage is a share of cells and must lie in [0, 1]; found {self.leakage}"
            raise InputError(msg)
        if self.optimizer not in ("adam", "rmsprop"):
            msg = f"optimizer must be 'adam' or 'rmsprop'; found {self.optimizer!r}"
            raise InputError(msg)
        if self.selector not in SELECTORS:
            msg = f"selector must be one of {', '.join(map(repr, SELECTORS))}; found {self.selector!r}"
            raise InputError(msg)


class GarageFaithful(AdversarialModel):
    """GARAGE as documented, with the faults of the published code put right.

    Stage 1: a two-layer graph attention network on the cell-cell kNN graph learns the cell types; a cell's
    importance is the attention it sends; quotas per type, with extra weight for rare types, pick the seeds. Stage 2:
    the generator of a GAN gets batches of noise rows and seed rows; the critic sees expression scaled to [0, 1] by
    each gene's maximum.

    This is the reference for the paper, not a generator to use: measured on held-out cells its output is told from
    real cells without error (docs/research/log.md).

    A saved model holds its seed cells, which are real cells: share the folder as you would share the data.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.

    Examples
    --------
    >>> import scgarage as sg
    >>> adata = sg.datasets.pbmc68k()
    >>> model = sg.models.GarageFaithful(n_iterations=2, gat_epochs=2, n_top_genes=100)
    >>> model = model.fit(adata, labels_key="cell_type", validation=None)
    >>> model.sample(5).shape
    (5, 765)
    """

    name = "garage-faithful"
    Config: ClassVar[type[Any]] = GarageFaithfulConfig

    def objective(self) -> Objective:
        """Binary cross-entropy with smoothed labels."""
        c = self.config
        return BinaryCrossEntropy(c.real_label, c.fake_label, c.generator_label)

    @property
    def critic_bias(self) -> bool | None:
        """Whether the critic's output has a constant: as the game says."""
        return None

    def activation(self) -> Callable[[], nn.Module]:
        """Rectify after each hidden layer."""
        return nn.ReLU

    def source(self) -> HybridInput:
        """Return noise and seed rows, as wide as cells."""
        seeds = torch.zeros(self.sizes["n_seeds"], self.sizes["n_genes"])
        return HybridInput(seeds, leakage=self.config.leakage, noise=self.config.noise)

    def seed_cells(self, data: TrainingData, options: FitOptions) -> ChosenSeeds:
        """Pick ``ceil(leakage * n_cells)`` seeds on the graph of the training cells."""
        c = self.config
        n_seeds = math.ceil(c.leakage * data.n_cells)
        if n_seeds == 0:
            self.seeds = Seeds(np.empty(0, dtype=np.int64), np.zeros(data.n_cells))
            return ChosenSeeds(about=self._about_seeds())
        types = data.label_names()
        cells = ad.AnnData(
            data.log_expr, obs=pd.DataFrame({TYPE: pd.Categorical(types)}, index=np.arange(len(types)).astype(str))
        )
        components = Components.fit(data.log_expr, c.n_components, labels=types, random_state=c.random_state)
        cells.obsm["X_pca"] = components.transform(data.log_expr)
        self.seeds = seeds = self._selector(options).select(cells, n_seeds)
        history = seeds.history.rename(columns={"validation/score": "gat/validation"})
        return ChosenSeeds(seeds.indices, self._about_seeds(), history)

    def _selector(self, options: FitOptions) -> SeedSelector:
        """Return the selector of the config; each takes the settings that concern it."""
        c = self.config
        kind = SELECTORS[c.selector]
        gat = GATSettings(
            n_neighbors=c.n_neighbors,
            hidden=c.gat_hidden,
            heads=c.gat_heads,
            priority_weight=c.priority_weight,
            learning_rate=c.gat_learning_rate,
            n_epochs=c.gat_epochs,
            patience=c.gat_patience,
            progress=options.progress,
        )
        settings = {
            "labels_key": TYPE,
            "rare_fraction": c.rare_fraction,
            "rare_threshold": c.rare_threshold,
            "random_state": c.random_state,
            "gat": gat,
            "rare_boost": c.priority_weight,
        }
        wanted = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # selectors are dataclasses
        return kind(**{name: value for name, value in settings.items() if name in wanted})

    def _about_seeds(self) -> dict[str, Any]:
        numbers = {name: value for name, value in self.seeds.diagnostics.items() if math.isfinite(value)}
        return {"n_seeds": len(self.seeds), "seed_diagnostics": numbers}
