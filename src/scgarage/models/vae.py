"""A variational autoencoder in gene space."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.optim import Adam

from scgarage.errors import InputError
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.gaussian_encoder import GaussianEncoder, draw_normal, kl_to_standard_normal
from scgarage.models.gene_space import UnconditionalModel
from scgarage.models.noise_gan import ACTIVATIONS
from scgarage.models.options import FitOptions
from scgarage.nn import mlp
from scgarage.preprocess import MaxScaler
from scgarage.training import Batch, Losses, Phase, TrainResult

__all__ = ["Autoencoder", "Vae", "VaeConfig"]

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

    Parameters
    ----------
    n_genes
        Number of genes.
    config
        Settings of the model.
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


class Vae(UnconditionalModel):
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

    def build(self, data: TrainingData, options: FitOptions) -> None:
        """Fit the fitted parts and make the network."""
        super().build(data, options)
        scaler = MaxScaler.fit(data.log_expr)
        self._scaled = sparse.csr_matrix(scaler.transform(data.log_expr))
        self.sizes = {"n_genes": self._scaled.shape[1]}
        self.networks = self.skeleton()
        self._network().maximum.copy_(torch.from_numpy(scaler.maximum))

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

    def learn(
        self,
        data: TrainingData,  # noqa: ARG002  (build kept what is needed)
        validation: ValidationData | None,
        options: FitOptions,
    ) -> TrainResult | None:
        """Train until the loss of the validation cells stops improving."""
        validate = None if validation is None else self._validator(validation)
        result = self.train_networks({REAL: self._scaled}, self._network(), options, validate=validate)
        del self._scaled  # the training cells are needed no longer
        return result

    def _validator(self, validation: ValidationData) -> Callable[[], float]:
        real = torch.from_numpy(validation.log_expr.toarray())

        def score() -> float:
            network = self._network()
            cells = real.to(network.maximum.device) / network.maximum
            return float(self._losses(network, {REAL: cells})["loss"])

        return score

    @torch.no_grad()
    def generate(self, n_cells: int, generator: torch.Generator, *, label: int | None = None) -> NDArray[np.float32]:  # noqa: ARG002  (cannot be told)
        """Return log1p CP10k of the modelled genes, ``(n_cells, n_genes)``."""
        network = self._network()
        cells = network.decode(torch.randn(n_cells, network.n_latent, generator=generator))
        if network.log_noise is not None:
            cells = cells + torch.randn(cells.shape, generator=generator) * network.log_noise.exp()
        log_expr: NDArray[np.float32] = (cells.clamp(0, 1) * network.maximum).numpy()
        return log_expr
