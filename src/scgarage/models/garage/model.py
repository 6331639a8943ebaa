"""The default model of scgarage."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from scgarage.losses import sliced_wasserstein
from scgarage.models.base import GenerativeModel
from scgarage.models.covariates import levels_of
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.drawn import Drawn
from scgarage.models.garage.clusters import cluster
from scgarage.models.garage.config import JITTERS, GarageConfig
from scgarage.models.garage.copies import Fingerprints
from scgarage.models.garage.decoder import Cells, Decoder, GibbsSettings
from scgarage.models.garage.depth import Depth
from scgarage.models.garage.distance_floor import DistanceFloor
from scgarage.models.garage.factor_genes import factor_genes
from scgarage.models.garage.hurdle import Hurdle
from scgarage.models.garage.jitter import choose_jitter
from scgarage.models.garage.latent import Latent
from scgarage.models.garage.poisson_mixture import PoissonMixture
from scgarage.models.garage.redraw import redraw
from scgarage.models.garage.refine import REAL, START, TYPE, Refiner, critic, paired, refining_phases
from scgarage.models.garage.request import divide
from scgarage.models.garage.seeding import at_most, choose_seeds
from scgarage.models.garage.strata import Strata
from scgarage.models.options import FitOptions
from scgarage.models.spec import Wanted
from scgarage.preprocess import log1p_cp10k
from scgarage.training import Batches, Phase, TrainResult, one_thread, train

__all__ = ["Garage"]

GAIN = 0.05
"""Share of its start's validation distance that the adversarial stage must take off to be used."""


@dataclass(frozen=True)
class _Posterior:
    """Positions of training and validation cells while the model is fitted."""

    train: NDArray[np.float32]
    codes: NDArray[np.int64]
    validation: NDArray[np.float32] | None
    validation_codes: NDArray[np.int64]


class Garage(GenerativeModel):
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
    needs_labels = False
    knows_batches = True
    parts_types: ClassVar[Mapping[str, type[Any]]] = {
        "strata": Strata,
        "depth": Depth,
        "decoder": Decoder,
        "latent": Latent,
        "fingerprints": Fingerprints,
        "floor": DistanceFloor,
    }

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts; counts and log values have different marginals."""
        return dict(self.parts_types) | {"marginal": PoissonMixture if value_kind == "counts" else Hurdle}

    # ------------------------------------------------------------------ fitting
    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Fit marginals, factors and the latent distribution."""
        c = self.config
        self._rng = rng = np.random.default_rng(c.random_state)
        types, self._labelled = data.labels, data.labels_key is not None
        if not self._labelled:
            types = cluster(data.log_expr, resolution=c.resolution, random_state=c.random_state)
        levels = levels_of(data.batch_names, len(data.batch_keys))
        strata = Strata.of(types, data.batches, int(types.max()) + 1, len(levels), levels)
        totals = np.ones(data.n_cells) if data.totals is None else data.totals
        codes = strata.code(types, data.batches)
        depth = Depth.fit(totals, codes, strata)
        cells = Cells(data.values, totals, codes, depth.standardise(totals, codes))
        self.parts = {"strata": strata, "depth": depth, "fingerprints": Fingerprints.of(data.values)}
        self.parts["marginal"] = marginal = self.parts_for(data.value_kind)["marginal"].fit(
            data.values.tocsc(),
            totals,
            cells.strata,
            depth=depth,
            prior_share=strata.expected_share(data.values, totals, cells.strata),
            mean_prior=c.mean_prior if strata.n_batches == 1 else c.batch_prior,
            weight_prior=c.rate_prior,
        )
        log_expr = data.values if data.totals is None else log1p_cp10k(data.values)
        self._selected = factor_genes(log_expr, codes, c.n_factor_genes)
        compared = np.flatnonzero(data.modelled)
        self.parts["floor"] = DistanceFloor.fit(log_expr, compared, types, random_state=c.random_state)
        rows = at_most(cells.strata, c.max_cells, rng)
        used = cells.take(rows)
        gibbs = GibbsSettings(c.n_factors, c.n_sweeps, c.n_kept, c.ridge, c.min_cells)
        self.parts["decoder"], draws = Decoder.fit(used, marginal, self._selected, gibbs, rng)
        sizes = np.broadcast_to(np.log(used.totals).astype(np.float32)[None, :, None], (len(draws), len(rows), 1))
        positions = np.concatenate([draws, sizes], axis=2)
        seeds = choose_seeds(
            used.strata, c.seeds, c.seed_share, rng, log_expr=data.log_expr[rows], random_state=c.random_state
        )
        self.seed_names = tuple(data.names[row] for row in rows[seeds])
        # A cluster that stands in for a type is often part of one: fewer of its cells are alike.
        n_near = c.n_neighbors if self._labelled else max(2, c.n_neighbors // 2)
        self.parts["latent"] = Latent.fit(positions, used.strata, strata, seeds=seeds, n_neighbours=n_near)
        if data.totals is not None:
            made = self._decode(positions[-1], used.strata, rng)
            self.parts["depth"] = depth.calibrated(used.totals, made.sum(axis=1).A1.astype(np.float64), used.strata)
        self._draws, self._codes = positions, used.strata
        self.sizes = {"n_dims": positions.shape[2], "n_types": strata.n_types}
        self.networks = self.skeleton()

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
        seen = self._encode(validation) if validation is not None else None
        held, held_codes = (None, np.empty(0, dtype=np.int64)) if seen is None else seen
        jitter = c.jitter
        if jitter == "auto":
            jitter = choose_jitter(latent, held, JITTERS, self._rng)
        self._adversary: dict[str, Any] = {"jitter": float(jitter), "refined": False}
        result = None
        if c.refine and held is not None and len(held) >= 2 * self.config.n_noise:
            with one_thread():
                result = self._refine(held, held_codes, options)
        del self._draws, self._codes, self._rng
        return result

    def _encode(self, validation: ValidationData) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return a draw of the positions of the validation cells whose stratum is known, and the strata."""
        known = (validation.labels >= 0) & (validation.batches >= 0)
        rows = np.flatnonzero(known) if self._labelled else np.empty(0, dtype=np.int64)
        if not len(rows):
            return None
        strata = self.parts["strata"]
        codes = strata.code(validation.labels[rows], validation.batches[rows])
        totals = np.ones(len(rows)) if validation.totals is None else validation.totals[rows]
        cells = Cells(validation.values[rows], totals, codes, self.parts["depth"].standardise(totals, codes))
        draws = self.parts["decoder"].encode(cells, self.parts["marginal"], self._selected, n_kept=1, rng=self._rng)
        return np.concatenate([draws[0], np.log(totals).astype(np.float32)[:, None]], axis=1), codes

    def _refine(self, held: NDArray[np.float32], held_codes: NDArray[np.int64], options: FitOptions) -> TrainResult:
        c, latent, strata = self.config, self.parts["latent"], self.parts["strata"]
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
        result = train(
            self.phases(),
            Batches(columns, batch_size=c.batch_size, random_state=c.random_state),
            self.train_settings(
                options,
                n_iterations=c.n_iterations,
                validate_every=c.validate_every,
                patience=c.patience,
                ema_decay=c.ema_decay,
            ),
            validate=validate,
            averaged=self.networks["generator"],
            checkpoint=options.checkpoint,
            resume=options.resume,
        )
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
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells by type and batch."""
        strata = self.parts["strata"]
        codes = divide(wanted, strata, self.types, self.batches, rng)
        unseen = strata.sizes[np.unique(codes)] == 0
        if unseen.any():
            types, batches = strata.split(np.unique(codes)[unseen])
            named = ", ".join(f"{self.types[t]} in {self.batches[b]}" for t, b in zip(types, batches, strict=True))
            msg = f"no training cell shows {named}: made from the type in other batches and the batch's other types"
            warnings.warn(msg, UserWarning, stacklevel=3)
        positions = self._positions(codes, generator, rng)
        values, refused = redraw(
            self._decode(positions, codes, rng),
            lambda rows: self._decode(self._positions(codes[rows], generator, rng), codes[rows], rng),
            (self.parts["fingerprints"], self.parts["floor"]),
            log1p_cp10k if self.about["value_kind"] == "counts" else lambda values: values,
        )
        types, batches = strata.split(codes)
        return Drawn(
            values,
            np.asarray(self.types)[types] if self.types else None,
            batches=np.asarray(self.batches)[batches] if self.batches else None,
            about=refused,
        )

    def _starts(self, codes: NDArray[np.int64], jitter: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw jittered seeds; those of small strata are moved all the way, unless the user chose how far."""
        few = 1.0 if self.config.jitter == "auto" else None
        drawn: NDArray[np.float32] = self.parts["latent"].draw(codes, jitter, rng, jitter_of_few=few)
        return drawn

    @torch.no_grad()
    def _positions(
        self, codes: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        latent: Latent = self.parts["latent"]
        positions = self._starts(codes, self.about["jitter"], rng)
        if not self.about["refined"]:
            return positions
        scale = torch.from_numpy(latent.scale())
        types = torch.from_numpy(self.parts["strata"].split(codes)[0])
        bent = self.networks["generator"](torch.from_numpy(positions) / scale, types, generator=generator) * scale
        return latent.within_depth(bent.numpy(), codes)

    def _decode(
        self, positions: NDArray[np.float32], codes: NDArray[np.int64], rng: np.random.Generator
    ) -> sparse.csr_matrix:
        totals = np.exp(positions[:, -1].astype(np.float64))
        depth = self.parts["depth"].standardise(totals, codes)
        aimed_at = self.parts["depth"].aimed_at(totals, codes)
        decoded: sparse.csr_matrix = self.parts["decoder"].decode(
            positions[:, :-1], depth, aimed_at, codes, self.parts["marginal"], rng
        )
        return decoded

    def _modelled(self) -> NDArray[np.bool_]:
        return np.ones_like(self._modelled_mask)  # all genes, whichever the clusters were found on

    def _training_summary(self, result: TrainResult | None) -> dict[str, Any]:
        kept = {name: value for name, value in self._adversary.items() if value is not None}
        return super()._training_summary(result) | kept | {"seed_cells": list(self.seed_names)}
