"""The variational autoencoder of scvi-tools, behind the interface of the other models."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.errors import InputError, MissingExtraError
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpace
from scgarage.models.spec import Drawn, Wanted
from scgarage.models.vae import SelectedShare
from scgarage.training import Batch, Losses, Phase, seeded

COUNTS, TYPE, LABEL = "X", "batch", "labels"
"""Columns of the batches, by scvi-tools' names; the type takes the place of its batch, which the decoder is told."""


@dataclass(frozen=True)
class ScviConfig:
    """Settings of :class:`Scvi`; defaults are those of scvi-tools 1.4 where it has them.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type (ours).
    n_latent, n_hidden, n_layers, dropout_rate
        The network.
    gene_likelihood
        ``"zinb"``, ``"nb"`` or ``"poisson"``.
    source
        Where latent positions come from: ``"prior"``, N(0, I), or ``"posterior"``, that of a random training cell of
        the type. The second follows the training cells more closely and repeats them more (ours: ``"prior"``).
    n_iterations, batch_size, learning_rate
        Cap (ours), cells per batch and Adam's learning rate.
    validate_every, patience, ema_decay
        Iterations between two validation scores (the loss); scores without improvement before training stops; decay of
        the moving average of the weights (ours).
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_latent: int = 10
    n_hidden: int = 128
    n_layers: int = 1
    dropout_rate: float = 0.1
    gene_likelihood: Literal["zinb", "nb", "poisson"] = "zinb"
    source: Literal["prior", "posterior"] = "prior"
    n_iterations: int = 10_000
    batch_size: int | None = 128
    learning_rate: float = 1e-3
    validate_every: int = 100
    patience: int | None = 10
    ema_decay: float | None = None
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if self.gene_likelihood not in ("zinb", "nb", "poisson"):
            msg = f"gene_likelihood must be 'zinb', 'nb' or 'poisson'; found {self.gene_likelihood!r}"
            raise InputError(msg)
        if self.source not in ("prior", "posterior"):
            msg = f"source must be 'prior' or 'posterior'; found {self.source!r}"
            raise InputError(msg)


@dataclass(frozen=True)
class Posterior:
    """Latent positions of the training cells, sorted by type."""

    mean: NDArray[np.float32]  # of the normal posterior, (n_cells, n_latent)
    spread: NDArray[np.float32]
    sizes: NDArray[np.int64]  # cells of each type, (n_types,)

    @classmethod
    def of(cls, mean: Tensor, spread: Tensor, labels: NDArray[np.int64], n_types: int) -> Self:
        """Sort the posteriors of cells of given types."""
        order = np.argsort(labels, kind="stable")
        means, spreads = (np.ascontiguousarray(x.cpu().numpy()[order], dtype=np.float32) for x in (mean, spread))
        return cls(means, spreads, np.bincount(labels, minlength=n_types).astype(np.int64))

    def draw(self, labels: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """Draw a position near a random cell of each type number, (n_cells, n_latent)."""
        rows = (np.cumsum(self.sizes) - self.sizes)[labels] + rng.integers(self.sizes[labels])
        noise = rng.standard_normal((len(labels), self.mean.shape[1]), dtype=np.float32)
        return torch.from_numpy(self.mean[rows] + self.spread[rows] * noise)


class Scvi(GenerativeModel):
    """scVI, conditional on the type: network, likelihood and loss are scvi-tools', the training loop is ours.

    The type is given to the decoder as scVI's batch. Needs counts, and the package scvi-tools: ``pip install
    scvi-tools``. scvi-tools' own training differs: 400 epochs for data sets below 20,000 cells, a weight of the KL term
    that rises, no early stopping by default.

    A saved model with ``source="posterior"`` holds the latent positions of the training cells, not their expression.

    References
    ----------
    Lopez et al., Nature Methods 2018, doi:10.1038/s41592-018-0229-2. Gayoso et al., scvi-tools, Nature Biotechnology
    2022, doi:10.1038/s41587-021-01206-w.
    """

    name = "scvi"
    Config: ClassVar[type[Any]] = ScviConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"selected": SelectedShare, "posterior": Posterior}
    needs_counts = True
    extra = "scvi"

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Train until the loss of the validation cells stops improving, then encode the training cells if asked to."""
        self.parts = GeneSpace.fit(data)
        n_types = len(data.types)
        counts = data.values[:, np.flatnonzero(data.modelled)].astype(np.float32)
        modelled = np.asarray(counts.sum(axis=1)).ravel()
        sums = [np.bincount(data.labels, weights=x, minlength=n_types) for x in (modelled, data.totals)]
        self.parts["selected"] = SelectedShare((sums[0] / sums[1]).astype(np.float32))
        columns = {COUNTS: counts} | _conditions(data.labels)
        self.sizes = {"n_genes": counts.shape[1], "n_types": n_types}
        self.networks = self.skeleton()
        module = self.networks["module"]
        validate = None if validation is None else self._validator(validation, data.modelled)
        result = train_networks(self.config, self.phases(), columns, module, options, validate=validate, name=self.name)
        if self.config.source == "posterior":
            with torch.no_grad():
                types = torch.from_numpy(columns[TYPE])
                encoded = module.inference(torch.from_numpy(counts.toarray()), types)["qz"]  # type: ignore[operator]
            self.parts["posterior"] = Posterior.of(encoded.loc, encoded.scale, data.labels, n_types)
        return Learned(result)

    def skeleton(self) -> nn.ModuleDict:
        """Return scvi-tools' network.

        Raises
        ------
        MissingExtraError
            When scvi-tools is not installed.
        """
        c = self.config
        module = scvi_module().VAE(
            n_input=self.sizes["n_genes"],
            n_batch=self.sizes["n_types"],
            n_hidden=c.n_hidden,
            n_latent=c.n_latent,
            n_layers=c.n_layers,
            dropout_rate=c.dropout_rate,
            gene_likelihood=c.gene_likelihood,
        )
        return nn.ModuleDict({"module": module})

    def phases(self) -> list[Phase]:
        """One step of the network, with scvi-tools' optimiser."""
        module = self.networks["module"]
        optimizer = Adam(module.parameters(), lr=self.config.learning_rate, eps=0.01, weight_decay=1e-6)
        return [Phase("module", module, optimizer, self._losses)]

    def _losses(self, module: nn.Module, batch: Batch) -> Losses:
        _, _, losses = module(dict(batch))
        return {"loss": losses.loss, "fit": losses.reconstruction_loss_sum / len(batch[COUNTS])}

    def _validator(self, validation: ValidationData, modelled: NDArray[np.bool_]) -> Callable[[], float]:
        known = np.flatnonzero(validation.labels >= 0)
        counts = validation.values[known][:, np.flatnonzero(modelled)].astype(np.float32).toarray()
        arrays = {COUNTS: counts} | _conditions(validation.labels[known])
        columns = {name: torch.from_numpy(array) for name, array in arrays.items()}

        def score() -> float:
            module = self.networks["module"]
            device = next(module.parameters()).device
            return float(self._losses(module, {name: x.to(device) for name, x in columns.items()})["loss"])

        return score

    @torch.no_grad()
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw positions from the prior or the posterior, and counts given them."""
        space = GeneSpace(self.parts, self.modelled)

        def make(labels: NDArray[np.int64]) -> sparse.csr_matrix:
            totals = self.parts["library_sizes"].draw(labels, rng)
            library = np.log(totals * self.parts["selected"].share[labels]).astype(np.float32)[:, None]
            if self.config.source == "prior":
                positions = torch.randn(len(labels), self.config.n_latent, generator=generator)
            else:
                positions = self.parts["posterior"].draw(labels, rng)
            types = torch.from_numpy(labels)[:, None]
            with seeded(int(torch.randint(2**31, (1,), generator=generator))):  # its draws are torch's
                given = self.networks["module"].generative(positions, torch.from_numpy(library), types)  # type: ignore[operator]
                counts = given["px"].sample().numpy()
            return space.with_background(sparse.csr_matrix(counts), labels, totals, rng)

        return draw_by_type(self, wanted, rng, make)

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)


def _conditions(labels: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return the two columns of numbers that the network wants, ``(n_cells, 1)`` each."""
    return {TYPE: labels[:, None], LABEL: np.zeros((len(labels), 1), dtype=np.int64)}


def scvi_module(what: str = "model") -> Any:
    """Return the networks of scvi-tools, or say that the package is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own imports warn of what users cannot change
            return import_module("scvi.module")
    except ImportError as error:
        msg = f"the {what} 'scvi' needs the package scvi-tools; run: pip install scvi-tools"
        raise MissingExtraError(msg) from error
