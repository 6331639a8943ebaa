"""The default model of scgarage."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scgarage.losses import sliced_wasserstein
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.garage.config import JITTERS, GarageConfig
from scgarage.models.garage.factor_model import FactorModel
from scgarage.models.garage.jitter import choose_jitter
from scgarage.models.garage.latent import Latent
from scgarage.models.garage.refine import REAL, START, TYPE, Refiner, critic, paired, refining_phases
from scgarage.models.garage.seeding import choose_seeds
from scgarage.models.options import FitOptions
from scgarage.training import Phase, TrainResult, one_thread

__all__ = ["Garage"]

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

    def place(self, data: TrainingData, rows: NDArray[np.int64]) -> None:
        """Choose the seed cells and describe their neighbourhoods."""
        c, strata = self.config, self.parts["strata"]
        seeds = choose_seeds(
            self._codes, c.seeds, c.seed_share, self._rng, log_expr=data.log_expr[rows], random_state=c.random_state
        )
        self.seed_names = tuple(data.names[row] for row in rows[seeds])
        # A cluster that stands in for a type is often part of one: fewer of its cells are alike.
        n_near = c.n_neighbors if self._labelled else max(2, c.n_neighbors // 2)
        self.parts["latent"] = Latent.fit(self._draws, self._codes, strata, seeds=seeds, n_neighbours=n_near)
        self.sizes = {"n_dims": self._draws.shape[2], "n_types": strata.n_types}

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
            self.networks,
            learning_rate=c.learning_rate,
            gamma=c.gamma,
            objective=c.objective,
            penalties=c.penalties,
        )

    def learn(
        self,
        data: TrainingData,  # noqa: ARG002  (build kept what is needed)
        validation: ValidationData | None,
        options: FitOptions,
    ) -> TrainResult | None:
        """Choose the jitter, then train the adversarial stage and keep it if it helps."""
        c, latent = self.config, self.parts["latent"]
        seen = self.encode(validation) if validation is not None else None
        held, held_codes = (None, np.empty(0, dtype=np.int64)) if seen is None else seen
        jitter = c.jitter
        if jitter == "auto":
            jitter = choose_jitter(latent, held, JITTERS, self._rng)
        self._adversary: dict[str, Any] = {"jitter": float(jitter), "refined": False}
        result = None
        if c.refine and held is not None and len(held) >= 2 * self.config.n_noise:
            with one_thread():
                result = self._refine(held, held_codes, options)
        self._forget()
        return result

    def _refine(self, held: NDArray[np.float32], held_codes: NDArray[np.int64], options: FitOptions) -> TrainResult:
        latent, strata = self.parts["latent"], self.parts["strata"]
        scale = torch.from_numpy(latent.scale())
        jitter, n_copies = self._adversary["jitter"], 4
        codes = np.tile(self._codes, n_copies)
        starts = np.concatenate([self._starts(self._codes, jitter, self._rng) for _ in range(n_copies)])
        reals = np.concatenate([self._draws[number % len(self._draws)] for number in range(n_copies)])
        types = torch.from_numpy(strata.split(codes)[0])
        columns = {START: torch.from_numpy(starts) / scale, REAL: torch.from_numpy(reals) / scale, TYPE: types}
        columns = {REAL: columns[REAL], TYPE: columns[TYPE], START: paired(columns[START], codes, self._rng)}
        validate = self._validator(held, held_codes)
        before = validate()
        result = self.train_networks(columns, self.networks["generator"], options, validate=validate)
        after = validate()
        refined = after < (1 - GAIN) * before
        self._adversary |= {"refined": bool(refined), "start_score": before, "refined_score": after}
        return result

    def _validator(self, held: NDArray[np.float32], codes: NDArray[np.int64]) -> Callable[[], float]:
        """Return a function for the distance to validation cells, with the same starts each time."""
        jitter, scale = self._adversary["jitter"], torch.from_numpy(self.parts["latent"].scale())
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

    def _training_summary(self, result: TrainResult | None) -> dict[str, Any]:
        kept = {name: value for name, value in self._adversary.items() if value is not None}
        return super()._training_summary(result) | kept | {"seed_cells": list(self.seed_names)}
