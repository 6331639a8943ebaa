"""Variational autoencoders: vae on log-normalised values, scvae with a count likelihood."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, one_hot
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.models.adversarial import ACTIVATIONS
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type, train_networks
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gene_space import GeneSpace, LabelClassifier, Labelled
from scgarage.models.spec import Drawn, Wanted
from scgarage.nn import NegativeBinomialHead, mlp
from scgarage.pp import MaxScaler
from scgarage.training import Batch, Losses, Phase


class GaussianEncoder(nn.Module):
    """Cells in, mean and log variance of a normal distribution out."""

    def __init__(
        self, n_in: int, hidden: Sequence[int], n_latent: int, *, activation: Callable[[], nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.layers = mlp(n_in, hidden, 2 * n_latent, activation=activation)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log variances, ``(n_cells, n_latent)`` each."""
        mean, log_variance = self.layers(cells).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 10)


def draw_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw positions that carry the gradient of both, from torch's generator."""
    return mean + torch.randn_like(mean) * torch.exp(log_variance / 2)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return :math:`\tfrac12 \sum_k (m_k^2 + s_k^2 - \log s_k^2 - 1)` of each cell, ``(n_cells,)``."""
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1) / 2


REAL = "scaled"
"""Column of the batches that holds cells scaled to [0, 1]."""


@dataclass(frozen=True)
class VaeConfig:
    """Settings of :class:`Vae`.

    ``PRESETS["published"]`` is the baseline of the GARAGE paper: one hidden layer of 32 tanh units on both sides, a
    latent space of 100 dimensions, squared error and KL; Adam 1e-4 and 2001 epochs of one full batch are the published
    GAN's, the sources do not give them.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that are generated; the others are drawn independently given the type.
    n_latent, hidden, activation
        Dimensions of the latent space; widths of the encoder's hidden layers, the decoder's are the reverse.
    likelihood
        ``"squared-error"`` (published), or ``"normal"``: the noise of each gene is learned, and drawn when sampling.
    beta
        Weight of the KL term.
    n_iterations, batch_size, learning_rate
        Cap, cells per batch and Adam's learning rate.
    validate_every, patience, ema_decay
        Iterations between two validation scores (the loss); scores without improvement before training stops; decay of
        the moving average of the weights.
    label_threshold, max_draws_per_cell, random_state
        A cell whose best type is less probable is called unsure; draws per cell of a type asked for; seed.
    """

    n_top_genes: int | None = 1000
    n_latent: int = 20
    hidden: tuple[int, ...] = (256,)
    activation: Literal["tanh", "relu", "leaky-relu"] = "relu"
    likelihood: Literal["squared-error", "normal"] = "normal"
    beta: float = 1.0
    n_iterations: int = 10_000
    batch_size: int | None = 128
    learning_rate: float = 1e-3
    validate_every: int = 100
    patience: int | None = 10
    ema_decay: float | None = 0.99
    label_threshold: float = 0.5
    max_draws_per_cell: int = 200
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "n_latent": 100,
            "hidden": (32,),
            "activation": "tanh",
            "likelihood": "squared-error",
            "batch_size": None,
            "learning_rate": 1e-4,
            "n_iterations": 2001,
            "patience": None,
            "ema_decay": None,
        },
        "tuned": {},
    }

    def __post_init__(self) -> None:
        if self.likelihood not in ("squared-error", "normal"):
            msg = f"likelihood must be 'squared-error' or 'normal'; found {self.likelihood!r}"
            raise InputError(msg)
        if self.activation not in ACTIVATIONS:
            msg = f"activation must be one of {', '.join(map(repr, ACTIVATIONS))}; found {self.activation!r}"
            raise InputError(msg)


class Autoencoder(nn.Module):
    r"""Encoder and decoder of scaled expression.

    .. math::

        L = \sum_j \ell_j(x_j, \hat x_j) + \beta\, KL\big(N(m(x), s(x)^2) \| N(0, I)\big), \qquad
        \ell_j = (x_j - \hat x_j)^2 \ \text{or}\ \frac{(x_j - \hat x_j)^2}{2 \sigma_j^2} + \log \sigma_j
    """

    maximum: Tensor

    def __init__(self, n_genes: int, config: VaeConfig) -> None:
        super().__init__()
        activation = ACTIVATIONS[config.activation]
        self.encoder = GaussianEncoder(n_genes, config.hidden, config.n_latent, activation=activation)
        self.decoder = mlp(config.n_latent, config.hidden[::-1], n_genes, activation=activation)
        noisy = config.likelihood == "normal"
        self.log_noise = nn.Parameter(torch.full((n_genes,), -2.0)) if noisy else None
        self.n_latent, self.beta = config.n_latent, config.beta
        self.register_buffer("maximum", torch.ones(n_genes))

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return reconstruction and KL term of each cell, ``(n_cells,)`` both, for cells scaled to [0, 1]."""
        mean, log_variance = self.encoder(cells)
        error = cells - self.decode(draw_normal(mean, log_variance))
        if self.log_noise is None:
            fit = error.square()
        else:
            fit = (error * torch.exp(-self.log_noise)).square() / 2 + self.log_noise
        return fit.sum(dim=1), kl_to_standard_normal(mean, log_variance)

    def decode(self, positions: Tensor) -> Tensor:
        """Return expression in [0, 1], ``(n_cells, n_genes)``, for latent positions."""
        return torch.sigmoid(self.decoder(positions))


class Vae(GenerativeModel):
    """Normal latent positions in, cells out, trained by the evidence lower bound.

    References
    ----------
    Kingma & Welling, ICLR 2014, arXiv:1312.6114. Learned noise: Rybkin, Daniilidis & Levine, ICML 2021,
    arXiv:2006.13202.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Vae(n_iterations=2, n_top_genes=100, validate_every=2)
    >>> model.fit(sg.datasets.pbmc68k(), labels_key="cell_type").sample(5).shape
    (5, 765)
    """

    name = "vae"
    Config: ClassVar[type[Any]] = VaeConfig

    parts_types: ClassVar[Mapping[str, type[Any]]] = {"classifier": LabelClassifier}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fit the parts, and train until the loss of the validation cells stops improving."""
        self.parts = Labelled.fit(data, random_state=self.config.random_state)
        scaler = MaxScaler.fit(data.log_expr)
        columns = {REAL: sparse.csr_matrix(scaler.transform(data.log_expr))}
        self.sizes = {"n_genes": columns[REAL].shape[1]}
        self.networks = self.skeleton()
        network = self._network()
        network.maximum.copy_(torch.from_numpy(scaler.maximum))
        validate = None if validation is None else self._validator(validation)
        result = train_networks(
            self.config, self.phases(), columns, network, options, validate=validate, name=self.name
        )
        return Learned(result)

    def skeleton(self) -> nn.ModuleDict:
        """Return the autoencoder."""
        return nn.ModuleDict({"autoencoder": Autoencoder(self.sizes["n_genes"], self.config)})

    def _network(self) -> Autoencoder:
        network = self.networks["autoencoder"]
        if not isinstance(network, Autoencoder):
            msg = f"{type(self).__name__}.skeleton() must make an Autoencoder"
            raise TypeError(msg)
        return network

    def phases(self) -> list[Phase]:
        """One step of the autoencoder."""
        network = self._network()
        optimizer = Adam(network.parameters(), lr=self.config.learning_rate, fused=True)
        return [Phase("autoencoder", network, optimizer, self._losses)]

    def _losses(self, network: nn.Module, batch: Batch) -> Losses:
        fit, kl = network(batch[REAL])
        return {"loss": fit.mean() + self.config.beta * kl.mean(), "fit": fit.mean(), "kl": kl.mean()}

    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        real = torch.from_numpy(validation.log_expr.toarray())

        def score() -> float:
            network = self._network()
            cells = real.to(network.maximum.device) / network.maximum
            return float(self._losses(network, {REAL: cells})["loss"])

        return score

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells and label them."""
        c = self.config
        space = GeneSpace(self.parts, self.modelled)
        labelled = Labelled(space, self.generate, self.types, c.label_threshold, c.max_draws_per_cell, self.name)
        return labelled.draw(wanted, generator, rng)

    @torch.no_grad()
    def generate(
        self,
        n_cells: int,
        generator: torch.Generator,
        rng: np.random.Generator | None = None,  # noqa: ARG002  (one interface)
        *,
        label: int | None = None,  # noqa: ARG002  (it cannot be told)
    ) -> tuple[NDArray[np.float32], None]:
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``."""
        network = self._network()
        cells = network.decode(torch.randn(n_cells, network.n_latent, generator=generator))
        if network.log_noise is not None:
            cells = cells + torch.randn(cells.shape, generator=generator) * network.log_noise.exp()
        log_expr: NDArray[np.float32] = (cells.clamp(0, 1) * network.maximum).numpy()
        return log_expr, None

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)


class Likelihood(Protocol):
    """A distribution of the values of cells given a decoder's logits and library sizes."""

    n_logits: int  # width of the decoder's last layer

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:
        """Return the log-likelihood of each cell, ``(n_cells,)``."""

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:
        """Draw values, ``(n_cells, n_genes)``."""


class NegativeBinomialLikelihood(nn.Module):
    r"""Counts with means :math:`L_i\,\mathrm{softmax}(u_i)_j` and one dispersion per gene."""

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.head = NegativeBinomialHead(n_genes, mean="softmax", dispersion="gene")
        self.n_logits = self.head.n_logits

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:
        """Return the log-likelihood of each cell, ``(n_cells,)``, for counts and their sums ``(n_cells,)``."""
        return self.head.distribution(logits, library=library).log_prob(values).sum(dim=1)

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:
        """Draw counts, ``(n_cells, n_genes)``."""
        return self.head.distribution(logits, library=library).sample(generator)


class HurdleNormal(nn.Module):
    r"""Zero with probability :math:`1 - \sigma(u_{ij})`, else normal with mean :math:`v_{ij}` and a spread per gene."""

    lowest: Tensor
    highest: Tensor

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = 2 * n_genes
        self.log_spread = nn.Parameter(torch.zeros(n_genes))
        self.register_buffer("lowest", torch.zeros(n_genes))
        self.register_buffer("highest", torch.ones(n_genes))

    def log_prob(self, logits: Tensor, values: Tensor, library: Tensor) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the log-likelihood of each cell, ``(n_cells,)``, up to a constant; library sizes are unused."""
        expressed, mean = logits.chunk(2, dim=1)
        normal = -(((values - mean) * torch.exp(-self.log_spread)).square() / 2 + self.log_spread)
        return torch.where(values > 0, logsigmoid(expressed) + normal, logsigmoid(-expressed)).sum(dim=1)

    def draw(self, logits: Tensor, library: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002  (one interface)
        """Draw values, ``(n_cells, n_genes)``, those above zero inside the range of training."""
        expressed, mean = logits.chunk(2, dim=1)
        drawn = mean + torch.randn(mean.shape, generator=generator) * self.log_spread.exp()
        kept = torch.rand(mean.shape, generator=generator) < torch.sigmoid(expressed)
        return drawn.clamp(self.lowest, self.highest) * kept


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
    """Share of a type's counts that fall on the modelled genes."""

    share: NDArray[np.float32]  # (n_types,)


class ConditionalAutoencoder(nn.Module):
    """Encoder and decoder that both see the type."""

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


class ScVae(GenerativeModel):
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

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fit the parts, and train until the loss of the validation cells stops improving."""
        self.parts = GeneSpace.fit(data)
        n_types, counts = len(data.types), data.value_kind == "counts"
        values = data.values[:, np.flatnonzero(data.modelled)].astype(np.float32)
        library = _sums(values)
        columns = {LOG_EXPR: data.log_expr, VALUES: values, LIBRARY: library, TYPE: data.labels}
        self.sizes = {"n_genes": values.shape[1], "n_types": n_types, "counts": int(counts)}
        if data.totals is not None:
            sums = [np.bincount(data.labels, weights=x, minlength=n_types) for x in (library, data.totals)]
            self.parts["selected"] = SelectedShare((sums[0] / sums[1]).astype(np.float32))
        self.networks = self.skeleton()
        likelihood = self._network().likelihood
        if isinstance(likelihood, HurdleNormal):
            likelihood.highest.copy_(torch.from_numpy(values.max(axis=0).toarray().ravel()))
            likelihood.lowest.fill_(float(values.data.min())).clamp_(max=likelihood.highest)
        validate = None if validation is None else self._validator(validation, data.modelled)
        result = train_networks(
            self.config, self.phases(), columns, self._network(), options, validate=validate, name=self.name
        )
        return Learned(result)

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
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw values from the prior, and the other genes given the same library sizes."""
        space = GeneSpace(self.parts, self.modelled)

        def make(labels: NDArray[np.int64]) -> sparse.csr_matrix:
            totals = space.totals(labels, rng)
            share = 1.0 if totals is None else totals * self.parts["selected"].share[labels]
            library = torch.from_numpy(np.broadcast_to(share, labels.shape).astype(np.float32))
            drawn = self._network().draw(torch.from_numpy(labels), library, generator).numpy()
            return space.with_background(sparse.csr_matrix(drawn), labels, totals, rng)

        return draw_by_type(self, wanted, rng, make)

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return dict(self.parts_types) | GeneSpace.kinds(value_kind)


def _sums(values: sparse.csr_matrix) -> NDArray[np.float32]:
    return np.asarray(values.sum(axis=1), dtype=np.float32).ravel()
