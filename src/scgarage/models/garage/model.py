"""How far seed cells must be moved before nothing tells them from cells that were never seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.losses import (
    R1,
    R2,
    Balanced,
    Game,
    Relativistic,
    SpectralNorm,
    as_texts,
    objective_named,
    penalties_named,
    sliced_wasserstein,
)
from scgarage.models.base import FitOptions, Learned, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.garage.compiled import one_thread_each
from scgarage.models.garage.factor_model import FactorConfig, FactorFit, FactorModel
from scgarage.models.garage.positions import Latent, choose_seeds
from scgarage.nn import ProjectionCritic, mlp
from scgarage.seeds import SELECTORS
from scgarage.training import Batch, Losses, Phase, TrainResult, one_thread

MIN_VALIDATION = 200
"""With fewer validation cells too little can be said, and the seeds are moved as far as can be (measured: 0.85, chosen
by 74 cells, failed an audit that 1 passed)."""

ALLOWED = 0.52
"""Share of positions nearer to training than to validation cells that passes."""


def choose_jitter(
    latent: Latent, validation: NDArray[np.float32] | None, candidates: Sequence[float], rng: np.random.Generator
) -> float:
    """Return the smallest jitter at which positions are no nearer to training than to validation cells."""
    from sklearn.neighbors import NearestNeighbors

    if validation is None or len(validation) < MIN_VALIDATION or not len(latent.seeds):
        return float(candidates[-1])
    scale, train = latent.scale(), latent.positions
    n_cells = min(len(train), len(validation))
    shares: dict[float, list[float]] = {jitter: [] for jitter in candidates[:-1]}
    for _ in range(5):
        known = rng.permutation(len(train))[:n_cells]
        unseen = validation[rng.permutation(len(validation))[:n_cells]]
        held = NearestNeighbors(n_neighbors=1).fit(unseen / scale)
        near = NearestNeighbors(n_neighbors=1).fit(train[known] / scale)
        for jitter, found in shares.items():
            # Of these cells themselves: others' positions are near to neither set.
            drawn = latent.around(known, jitter, rng) / scale
            to_train, to_held = near.kneighbors(drawn)[0], held.kneighbors(drawn)[0]
            found.append(float(np.mean(to_train < to_held)))
    for jitter, found in shares.items():
        if np.mean(found) <= ALLOWED:
            return float(jitter)
    return float(candidates[-1])


START, REAL, TYPE = "start", "real", "type"
"""Columns of the batches: positions that the latent distribution gives, positions of real cells, type numbers."""


class Refiner(nn.Module):
    r"""Hybrid batch in, latent positions out.

    .. math:: G(x, \epsilon, t) = x + R(x, \epsilon, t)

    with a jittered seed :math:`x`, noise :math:`\epsilon` and type :math:`t`. The last layer of :math:`R` starts at
    zero, so training starts from the latent distribution itself.
    """

    def __init__(self, n_dims: int, n_types: int, hidden: Sequence[int], n_noise: int) -> None:
        super().__init__()
        self.n_noise = n_noise
        self.embedding = nn.Embedding(n_types, n_noise)
        self.layers = mlp(n_dims + 2 * n_noise, hidden, n_dims)
        last = [module for module in self.layers.modules() if isinstance(module, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, start: Tensor, types: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return positions, ``(n_cells, n_dims)``, for starts of that shape and type numbers, ``(n_cells,)``."""
        noise = torch.randn(
            len(start), self.n_noise, generator=generator, device=generator.device if generator else start.device
        )
        bent: Tensor = start + self.layers(torch.cat([start, noise.to(start.device), self.embedding(types)], dim=1))
        return bent


def critic(n_dims: int, n_types: int, hidden: Sequence[int]) -> ProjectionCritic:
    """Return an untrained projection critic of latent positions."""
    features = nn.Sequential(mlp(n_dims, hidden[:-1], hidden[-1]), nn.LeakyReLU(0.2))
    return ProjectionCritic(features, hidden[-1], n_categories=(n_types,))


def refining_game(objective: str | None, penalties: Sequence[str] | None, gamma: float) -> Game:
    """Return objective and penalties: by default the relativistic objective with R1 and R2 of weight ``gamma``."""
    game = Game(
        Relativistic() if objective is None else objective_named(objective),
        (R1(gamma), R2(gamma)) if penalties is None else penalties_named(penalties),
    )
    moves = isinstance(game.objective, Balanced) and game.objective.moves
    if game.objective.critic_output != "score" or moves:
        msg = f"garage's critic scores positions given the type; objective={objective!r} wants another one; use gan"
        raise InputError(msg)
    if any(isinstance(penalty, SpectralNorm) for penalty in game.penalties):
        msg = "garage's critic has no spectral normalisation; use 'gradient-penalty', 'r1', 'r2' or 'weight-clipping'"
        raise InputError(msg)
    return game


def refining_phases(
    networks: nn.ModuleDict,
    *,
    learning_rate: float,
    gamma: float,
    objective: str | None = None,
    penalties: Sequence[str] | None = None,
) -> list[Phase]:
    """Return critic and generator steps of an objective, by default the relativistic one with R1 and R2."""
    game = refining_game(objective, penalties, gamma)

    def critic_losses(judge: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        with torch.no_grad():
            fake = networks["generator"](batch[START], types)
        on_real, on_fake = judge(torch.cat([batch[REAL], fake]), torch.cat([types, types])).chunk(2)
        adversarial = game.objective.critic_loss(on_real, on_fake)
        penalty = sum(p.loss(lambda cells: judge(cells, types), batch[REAL], fake) for p in game.penalties)
        return {"loss": adversarial + penalty, "adversarial": adversarial}

    def generator_losses(generator: nn.Module, batch: Batch) -> Losses:
        types = batch[TYPE]
        fake = generator(batch[START], types)
        on_real, on_fake = networks["critic"](torch.cat([batch[REAL], fake]), torch.cat([types, types])).chunk(2)
        return {"loss": game.objective.generator_loss(on_fake, on_real)}

    phases = []
    for name, losses in (("critic", critic_losses), ("generator", generator_losses)):
        optimizer = Adam(networks[name].parameters(), lr=learning_rate, betas=(0.0, 0.99), fused=True)
        after = partial(game.after_critic_step, networks[name]) if name == "critic" else None
        phases.append(Phase(name, networks[name], optimizer, losses, after_step=after))
    return phases


def paired(starts: Tensor, codes: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """Shuffle starts within strata, so that none is paired with the very cell that it came from."""
    shuffled = rng.permutation(len(codes))
    order = np.empty(len(codes), dtype=np.int64)
    order[np.argsort(codes, kind="stable")] = shuffled[np.argsort(codes[shuffled], kind="stable")]
    return starts[torch.from_numpy(order)]


JITTERS = (0.5, 0.7, 0.85, 1.0)
"""Jitters that ``"auto"`` chooses from, the smallest first."""


@dataclass(frozen=True)
class GarageConfig(FactorConfig):
    """Settings of :class:`Garage`; *measured* means docs/research/log.md.

    The others are those of :class:`FactorConfig`.

    Attributes
    ----------
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
    refine
        Whether to train the adversarial stage; it is used only when it beats its start on the validation cells, as it
        did in none of 27 fits of nine data sets (measured): off by default.
    hidden, n_noise
        Widths of generator and critic, and dimensions of the noise.
    n_iterations, batch_size, learning_rate, gamma, ema_decay
        Length and step of the adversarial training, and weight of R1 and R2 (after R3GAN).
    validate_every, patience
        Iterations between two validation scores, and scores without improvement before training stops.
    objective, penalties
        Objective and penalties of the adversarial stage by name, with their strength, such as ``"hinge"`` and
        ``["r1:1"]``; ``None`` for the relativistic objective with R1 and R2 (docs/objectives.md).
    """

    seeds: str = "all"
    seed_share: float = 0.2
    n_neighbors: int = 100
    jitter: float | Literal["auto"] = "auto"
    refine: bool = False
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


GAIN = 0.05
"""Share of its start's validation distance that the adversarial stage must take off to be used."""


class Garage(FactorModel):
    """Counts of all genes, by cell type and batch: free marginals, shared factors, jittered seeds, a critic.

    1. Every gene has, in every type and batch, a free distribution of rates given the library size
       (:class:`PoissonMixture`), so that means, zeros, variances and outlying cells are those of the data.
    2. Shared factors say how genes go together (:class:`Factors`), fitted by Gibbs sampling on the highly variable
       genes; the loadings of all other genes are regressed on them.
    3. New cells start from real seed cells, moved in the space of the factors until nothing tells them from cells that
       were never seen (:class:`Latent`), and draw fresh counts for every gene. What equals a training cell, or lies too
       near to one (:class:`DistanceFloor`), is drawn anew and counted.
    4. An adversarial generator is fed these hybrid starts, jittered seeds and noise, and learns to bend them where a
       normal distribution per type does not fit; it is used only where it beats its own start on validation cells.

    Works without labels (clusters stand in for types, and the cells come without labels) and on log-normalised values
    (zero fraction and quantiles instead of rates; library sizes are then unknown).

    A saved model holds the positions of the training cells among factors and components: never share it.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012 (seed cells that guide a GAN).
    Sun et al., scDesign2, Genome Biology 2021, doi:10.1186/s13059-021-02367-2 (copulas for cell types).

    Examples
    --------
    >>> import scgarage as sg
    >>> adata = sg.datasets.pbmc68k()
    >>> model = sg.models.Garage(n_iterations=50).fit(adata, labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "garage"
    Config: ClassVar[type[Any]] = GarageConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {**FactorModel.parts_types, "latent": Latent}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Choose seeds and jitter, then train the adversarial stage and keep it if it helps."""
        c, fitted = self.config, self.fit_factors(data)
        latent = self._place(data, fitted)
        self.networks = self.skeleton()
        seen = self.encode(validation, fitted)
        held, held_codes = (None, np.empty(0, dtype=np.int64)) if seen is None else seen
        jitter = c.jitter
        if jitter == "auto":
            jitter = choose_jitter(latent, held, JITTERS, fitted.rng)
        about: dict[str, Any] = {"jitter": float(jitter), "refined": False}
        about |= self.calibrate(data, validation, fitted, self._starts(fitted.codes, float(jitter), fitted.rng))
        result = None
        if c.refine and held is not None and len(held) >= 2 * self.config.n_noise:
            with one_thread():
                result, found = self._refine(fitted, held, held_codes, float(jitter), options)
            about |= found
        return Learned(result, about | {"seed_cells": list(self.seed_names)})

    @one_thread_each()
    def _place(self, data: TrainingData, fitted: FactorFit) -> Latent:
        """Choose the seed cells and describe their neighbourhoods."""
        c, strata = self.config, self.parts["strata"]
        log_expr = data.log_expr[fitted.rows]
        seeds = choose_seeds(
            fitted.codes, c.seeds, c.seed_share, fitted.rng, log_expr=log_expr, random_state=c.random_state
        )
        self.seed_names = tuple(data.names[row] for row in fitted.rows[seeds])
        # A cluster that stands in for a type is often part of one: fewer of its cells are alike.
        n_near = c.n_neighbors if fitted.labelled else max(2, c.n_neighbors // 2)
        latent = Latent.fit(fitted.draws, fitted.codes, strata, seeds=seeds, n_neighbours=n_near)
        self.parts["latent"] = latent
        self.sizes = {"n_dims": fitted.draws.shape[2], "n_types": strata.n_types}
        return latent

    def skeleton(self) -> nn.ModuleDict:
        """Return the generator that bends positions, and its critic."""
        c, n_dims, n_types = self.config, self.sizes["n_dims"], self.sizes["n_types"]
        return nn.ModuleDict(
            {"generator": Refiner(n_dims, n_types, c.hidden, c.n_noise), "critic": critic(n_dims, n_types, c.hidden)}
        )

    def phases(self) -> list[Phase]:
        """Critic step, then generator step."""
        c = self.config
        return refining_phases(
            self.networks, learning_rate=c.learning_rate, gamma=c.gamma, objective=c.objective, penalties=c.penalties
        )

    def _refine(
        self,
        fitted: FactorFit,
        held: NDArray[np.float32],
        held_codes: NDArray[np.int64],
        jitter: float,
        options: FitOptions,
    ) -> tuple[TrainResult, dict[str, Any]]:
        """Train the adversarial stage; return what came of it and whether it beats its own start."""
        latent, strata, rng = self.parts["latent"], self.parts["strata"], fitted.rng
        scale, n_copies = torch.from_numpy(latent.scale()), 4
        codes = np.tile(fitted.codes, n_copies)
        starts = np.concatenate([self._starts(fitted.codes, jitter, rng) for _ in range(n_copies)])
        reals = np.concatenate([fitted.draws[number % len(fitted.draws)] for number in range(n_copies)])
        columns = {REAL: torch.from_numpy(reals) / scale, TYPE: torch.from_numpy(strata.split(codes)[0])}
        columns[START] = paired(torch.from_numpy(starts) / scale, codes, rng)
        validate = self._validator(held, held_codes, jitter)
        before = validate()
        averaged = self.networks["generator"]
        result = train_networks(
            self.config, self.phases(), columns, averaged, options, validate=validate, name=self.name
        )
        after = validate()
        refined = bool(after < (1 - GAIN) * before)
        return result, {"refined": refined, "start_score": before, "refined_score": after}

    def _validator(self, held: NDArray[np.float32], codes: NDArray[np.int64], jitter: float) -> Callable[[], float]:
        """Return a function for the distance to validation cells, with the same starts each time."""
        scale = torch.from_numpy(self.parts["latent"].scale())
        rng = np.random.default_rng(self.config.random_state)
        repeated = np.tile(codes, 5)
        starts = torch.from_numpy(self._starts(repeated, jitter, rng)) / scale
        types = torch.from_numpy(self.parts["strata"].split(repeated)[0])
        real = torch.from_numpy(held) / scale

        @torch.no_grad()
        def score() -> float:
            network = self.networks["generator"]
            device = next(network.parameters()).device
            generator = torch.Generator().manual_seed(self.config.random_state)
            bent = network(starts.to(device), types.to(device), generator=generator).cpu()
            chunks = bent.split(len(real))
            return float(np.mean([float(sliced_wasserstein(chunk, real, generator=generator)) for chunk in chunks]))

        return score

    # ------------------------------------------------------------------ sampling
    def _starts(self, codes: NDArray[np.int64], jitter: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw jittered seeds; those of small strata are moved all the way, unless the user chose how far."""
        few = 1.0 if self.config.jitter == "auto" else None
        drawn: NDArray[np.float32] = self.parts["latent"].draw(codes, jitter, rng, jitter_of_few=few)
        return drawn

    @torch.no_grad()
    def positions(
        self, codes: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return jittered seeds, bent by the generator where that helps."""
        latent: Latent = self.parts["latent"]
        positions = self._starts(codes, self.about["jitter"], rng)
        if not self.about["refined"]:
            return positions
        scale = torch.from_numpy(latent.scale())
        types = torch.from_numpy(self.parts["strata"].split(codes)[0])
        bent = self.networks["generator"](torch.from_numpy(positions) / scale, types, generator=generator) * scale
        return latent.within_depth(bent.numpy(), codes)
