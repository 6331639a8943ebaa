"""A variational autoencoder for counts that is told the type: scVAE."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.models.by_type import ModelByType
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gaussian_encoder import GaussianEncoder, draw_normal, kl_to_standard_normal
from scgarage.models.gene_space import GeneSpaceModel
from scgarage.models.likelihoods import HurdleNormal, NegativeBinomialLikelihood
from scgarage.models.options import FitOptions
from scgarage.nn import mlp
from scgarage.training import Batch, Losses, Phase, TrainResult

__all__ = ["ConditionalAutoencoder", "ScVae", "ScVaeConfig", "SelectedShare"]

LOG_EXPR, VALUES, LIBRARY, TYPE = "log_expr", "values", "library", "type"
"""Columns of the batches."""


@dataclass(frozen=True)
class ScVaeConfig:
    """Settings of :class:`ScVae`.

    ``PRESETS["published"]``: the documents ask for a beta-VAE with a negative binomial likelihood and give no sizes;
    hidden layer and latent space are those of the published VAE, trained to the end.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type.
    n_latent, hidden
        Dimensions of the latent space; widths of the encoder's hidden layers, the decoder's are the reverse
        (on validation cells 5 and 64 beat 10 and 128, docs/models.md).
    beta
        Weight of the KL term (1: the evidence lower bound).
    n_iterations, batch_size, learning_rate
        Cap, cells per batch and Adam's learning rate.
    validate_every, patience, ema_decay
        Iterations between two validation scores (the loss); scores without improvement before training stops; decay of
        the moving average of the weights.
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_latent: int = 5
    hidden: tuple[int, ...] = (64,)
    beta: float = 1.0
    n_iterations: int = 10_000
    batch_size: int | None = 128
    learning_rate: float = 1e-3
    validate_every: int = 100
    patience: int | None = 10
    ema_decay: float | None = 0.99
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "n_latent": 100,
            "hidden": (32,),
            "learning_rate": 1e-4,
            "batch_size": None,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }

    def __post_init__(self) -> None:
        if not self.beta >= 0:
            msg = f"beta must be at least 0; found {self.beta}"
            raise InputError(msg)


@dataclass(frozen=True)
class SelectedShare:
    """Share of a type's counts that fall on the modelled genes.

    Attributes
    ----------
    share
        ``(n_types,)``.
    """

    share: NDArray[np.float32]


class ConditionalAutoencoder(nn.Module):
    """Encoder and decoder that both see the type.

    Parameters
    ----------
    n_genes, n_types
        Numbers of genes and types.
    likelihood
        What the decoder's output means.
    config
        Settings of the model.
    """

    def __init__(
        self, n_genes: int, n_types: int, likelihood: NegativeBinomialLikelihood | HurdleNormal, config: ScVaeConfig
    ) -> None:
        super().__init__()
        self.encoder = GaussianEncoder(n_genes + n_types, config.hidden, config.n_latent)
        self.decoder = mlp(config.n_latent + n_types, config.hidden[::-1], likelihood.n_logits)
        self.likelihood = likelihood
        self.n_latent, self.n_types = config.n_latent, n_types

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log-likelihood and KL term of each cell, ``(n_cells,)`` both."""
        known = one_hot(batch[TYPE], self.n_types).float()
        mean, log_variance = self.encoder(torch.cat([batch[LOG_EXPR], known], dim=1))
        logits = self.decoder(torch.cat([draw_normal(mean, log_variance), known], dim=1))
        fit = self.likelihood.log_prob(logits, batch[VALUES], batch[LIBRARY])
        return fit, kl_to_standard_normal(mean, log_variance)

    def draw(self, types: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:
        """Draw values, ``(n_cells, n_genes)``, from the prior given types and library sizes, ``(n_cells,)`` each."""
        positions = torch.randn(len(types), self.n_latent, generator=generator)
        logits = self.decoder(torch.cat([positions, one_hot(types, self.n_types).float()], dim=1))
        drawn: Tensor = self.likelihood.draw(logits, library, generator)
        return drawn


class ScVae(GeneSpaceModel, ModelByType):
    """Types and normal latent positions in, counts out, trained by the evidence lower bound.

    Counts are negative binomial with means that add up to the library size and one dispersion per gene. Log-normalised
    values, which no counts can be modelled from, are zero with a learned probability and else normal. New cells come
    from the prior, not from the encoded training cells.

    References
    ----------
    Grønbech et al., scVAE, Bioinformatics 2020, doi:10.1093/bioinformatics/btaa293. Higgins et al., beta-VAE, ICLR
    2017.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.ScVae(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "scvae"
    Config: ClassVar[type[Any]] = ScVaeConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"selected": SelectedShare}
    _columns: dict[str, Any]

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts and make the network."""
        super().build(data, options)
        n_types, counts = len(data.types), data.value_kind == "counts"
        values = data.values[:, np.flatnonzero(data.modelled)].astype(np.float32)
        library = _sums(values)
        self._columns = {LOG_EXPR: data.log_expr, VALUES: values, LIBRARY: library, TYPE: data.labels}
        self.sizes = {"n_genes": values.shape[1], "n_types": n_types, "counts": int(counts)}
        if data.totals is not None:
            sums = [np.bincount(data.labels, weights=x, minlength=n_types) for x in (library, data.totals)]
            self.parts["selected"] = SelectedShare((sums[0] / sums[1]).astype(np.float32))
        self.networks = self.skeleton()
        likelihood = self._network().likelihood
        if isinstance(likelihood, HurdleNormal):
            likelihood.highest.copy_(torch.from_numpy(values.max(axis=0).toarray().ravel()))
            likelihood.lowest.fill_(float(values.data.min())).clamp_(max=likelihood.highest)

    def skeleton(self) -> nn.ModuleDict:
        """Return the autoencoder."""
        n_genes = self.sizes["n_genes"]
        likelihood = NegativeBinomialLikelihood(n_genes) if self.sizes["counts"] else HurdleNormal(n_genes)
        network = ConditionalAutoencoder(n_genes, self.sizes["n_types"], likelihood, self.config)
        return nn.ModuleDict({"autoencoder": network})

    def _network(self) -> ConditionalAutoencoder:
        network = self.networks["autoencoder"]
        if not isinstance(network, ConditionalAutoencoder):
            msg = f"{type(self).__name__}.skeleton() must make a ConditionalAutoencoder"
            raise TypeError(msg)
        return network

    def phases(self) -> list[Phase]:
        """One step of the autoencoder."""
        network = self._network()
        optimizer = Adam(network.parameters(), lr=self.config.learning_rate, fused=True)
        return [Phase("autoencoder", network, optimizer, self._losses)]

    def _losses(self, network: nn.Module, batch: Batch) -> Losses:
        fit, kl = network(batch)
        return {"loss": -fit.mean() + self.config.beta * kl.mean(), "fit": -fit.mean(), "kl": kl.mean()}

    def learn(
        self,
        data: TrainingData,
        validation: ValidationData | None,
        options: FitOptions,
    ) -> TrainResult | None:
        """Train until the loss of the validation cells stops improving."""
        validate = None if validation is None else self._validator(validation, data.modelled)
        result = self.train_networks(self._columns, self._network(), options, validate=validate)
        del self._columns  # the training cells are needed no longer
        return result

    def _validator(self, validation: ValidationData, modelled: NDArray[np.bool_]) -> Callable[[], float]:
        known = np.flatnonzero(validation.labels >= 0)
        values = validation.values[known][:, np.flatnonzero(modelled)].astype(np.float32)
        arrays = {
            LOG_EXPR: validation.log_expr[known].toarray(),
            VALUES: values.toarray(),
            LIBRARY: _sums(values),
            TYPE: validation.labels[known],
        }
        columns = {name: torch.from_numpy(array) for name, array in arrays.items()}

        def score() -> float:
            network = self._network()
            device = next(network.parameters()).device
            return float(self._losses(network, {name: x.to(device) for name, x in columns.items()})["loss"])

        return score

    @torch.no_grad()
    def draw_cells(
        self, labels: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> sparse.csr_matrix:
        """Draw values from the prior, and the other genes given the same library sizes."""
        types = torch.from_numpy(labels)
        totals = self.parts["library_sizes"].draw(labels, rng) if "library_sizes" in self.parts else None
        share = 1.0 if totals is None else totals * self.parts["selected"].share[labels]
        library = torch.from_numpy(np.broadcast_to(share, labels.shape).astype(np.float32))
        drawn = self._network().draw(types, library, generator).numpy()
        return self._with_background(sparse.csr_matrix(drawn), labels, totals, rng)


def _sums(values: sparse.csr_matrix) -> NDArray[np.float32]:
    return np.asarray(values.sum(axis=1), dtype=np.float32).ravel()
