"""Counts of all genes given a position of each cell among shared factors."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.base import GenerativeModel
from scgarage.models.covariates import levels_of
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.drawn import Drawn
from scgarage.models.garage.clusters import cluster
from scgarage.models.garage.copies import Fingerprints
from scgarage.models.garage.decoder import Cells, Decoder, GibbsSettings
from scgarage.models.garage.depth import Depth
from scgarage.models.garage.distance_floor import DistanceFloor
from scgarage.models.garage.factor_config import FactorConfig
from scgarage.models.garage.factor_genes import factor_genes
from scgarage.models.garage.groups import Groups
from scgarage.models.garage.hurdle import Hurdle
from scgarage.models.garage.poisson_mixture import PoissonMixture
from scgarage.models.garage.redraw import redraw
from scgarage.models.garage.request import divide
from scgarage.models.garage.seeding import at_most
from scgarage.models.garage.strata import NO_PARENT, Strata
from scgarage.models.options import FitOptions
from scgarage.models.spec import Wanted
from scgarage.preprocess import log1p_cp10k

__all__ = ["FactorModel"]


class FactorModel(GenerativeModel):
    """Free marginals and shared factors; a subclass says where among the factors new cells lie.

    1. Every gene has, in every type and batch, a free distribution of rates given the library size
       (:class:`PoissonMixture`), so that means, zeros, variances and outlying cells are those of the data.
    2. Shared factors say how genes go together (:class:`Factors`), fitted by Gibbs sampling on the highly variable
       genes; the loadings of all other genes are regressed on them.
    3. From a position, factors and log library size, fresh counts are drawn for every gene. What equals a training
       cell, or lies too near to one (:class:`DistanceFloor`), is drawn anew and counted.

    A subclass writes :meth:`place`, :meth:`positions`, ``skeleton``, ``phases`` and ``learn``, which calls
    :meth:`_forget` at its end.
    """

    Config: ClassVar[type[Any]] = FactorConfig
    needs_labels = False
    knows_batches = True
    parts_types: ClassVar[Mapping[str, type[Any]]] = {
        "strata": Strata,
        "depth": Depth,
        "decoder": Decoder,
        "fingerprints": Fingerprints,
        "floor": DistanceFloor,
    }

    @abstractmethod
    def place(self, data: TrainingData, rows: NDArray[np.int64]) -> None:
        """Fit what new positions are drawn from.

        ``_draws`` holds draws of the positions of the training cells in ``rows``, (n_draws, n_rows, n_dims) with the
        log library size last, and ``_codes`` their strata, (n_rows,).
        """

    @abstractmethod
    def positions(
        self, codes: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a position for each stratum number (n_cells,): shape (n_cells, n_dims)."""

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts; counts and log values have different marginals."""
        return dict(self.parts_types) | {"marginal": PoissonMixture if value_kind == "counts" else Hurdle}

    # ------------------------------------------------------------------ fitting
    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Fit marginals and factors, then what the subclass draws positions from."""
        c = self.config
        self._rng = rng = np.random.default_rng(c.random_state)
        types, self._labelled = data.labels, data.labels_key is not None
        if not self._labelled:
            types = cluster(data.log_expr, resolution=c.resolution, random_state=c.random_state)
        levels = levels_of(data.batch_names, len(data.batch_keys))
        n_types, parent = int(types.max()) + 1, NO_PARENT
        self._groups = None
        if self._labelled and len(levels) == 1 and c.smallest_group is not None:
            self._groups = Groups.find(
                data.log_expr,
                types,
                n_types,
                smallest=c.smallest_group,
                resolution=c.resolution,
                random_state=c.random_state,
            )
            types, parent, n_types = self._groups.codes, self._groups.parent, len(self._groups.parent)
        strata = Strata.of(types, data.batches, n_types, len(levels), levels, parent)
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
        self._draws, self._codes = positions, used.strata
        self.place(data, rows)
        if data.totals is not None:
            made = self._decode(positions[-1], used.strata, rng)
            self.parts["depth"] = depth.calibrated(used.totals, made.sum(axis=1).A1.astype(np.float64), used.strata)
        self.networks = self.skeleton()

    def encode(self, validation: ValidationData) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return a draw of the positions of the validation cells whose stratum is known, and the strata."""
        known = (validation.labels >= 0) & (validation.batches >= 0)
        rows = np.flatnonzero(known) if self._labelled else np.empty(0, dtype=np.int64)
        if not len(rows):
            return None
        strata = self.parts["strata"]
        types = validation.labels[rows]
        if self._groups is not None:
            types = self._groups.assign(validation.log_expr[rows], types)
        codes = strata.code(types, validation.batches[rows])
        totals = np.ones(len(rows)) if validation.totals is None else validation.totals[rows]
        cells = Cells(validation.values[rows], totals, codes, self.parts["depth"].standardise(totals, codes))
        draws = self.parts["decoder"].encode(cells, self.parts["marginal"], self._selected, n_kept=1, rng=self._rng)
        return np.concatenate([draws[0], np.log(totals).astype(np.float32)[:, None]], axis=1), codes

    def _forget(self) -> None:
        """Drop what only fitting needs."""
        del self._draws, self._codes, self._rng, self._groups

    # ------------------------------------------------------------------ sampling
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells by type and batch."""
        strata = self.parts["strata"]
        codes = divide(wanted, strata, self.types, self.batches, rng)
        unseen = strata.sizes[np.unique(codes)] == 0
        if unseen.any():
            types, batches = strata.split(np.unique(codes)[unseen])
            named = ", ".join(
                f"{self.types[strata.parent[t]]} in {self.batches[b]}" for t, b in zip(types, batches, strict=True)
            )
            msg = f"no training cell shows {named}: made from the type in other batches and the batch's other types"
            warnings.warn(msg, UserWarning, stacklevel=3)
        positions = self.positions(codes, generator, rng)
        values, refused = redraw(
            self._decode(positions, codes, rng),
            lambda rows: self._decode(self.positions(codes[rows], generator, rng), codes[rows], rng),
            (self.parts["fingerprints"], self.parts["floor"]),
            log1p_cp10k if self.about["value_kind"] == "counts" else lambda values: values,
        )
        types, batches = strata.split(codes)
        return Drawn(
            values,
            np.asarray(self.types)[strata.parent[types]] if self.types else None,
            batches=np.asarray(self.batches)[batches] if self.batches else None,
            about=refused,
        )

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
