"""The denoised expression of scvi-tools' variational autoencoder."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.optim import Adam

from scgarage.imputation.base import Cells, Conditions, Filled, Imputer, ImputerConfig, chunks
from scgarage.models.scvi import scvi_module
from scgarage.training import Batch, Batches, Losses, Phase, TrainSettings, seeded, train

Columns: TypeAlias = dict[str, NDArray[np.int64] | sparse.csr_matrix]

COUNTS, BATCH, LABEL = "X", "batch", "labels"
"""Columns of the batches, by scvi-tools' names."""


@dataclass(frozen=True)
class ScviConfig(ImputerConfig):
    """Settings of :class:`ScviMean`; network and optimiser have scvi-tools' defaults.

    Attributes
    ----------
    n_latent, n_hidden
        The network.
    batch_size, n_iterations, validate_every, patience
        Length of the training (ours): it stops after ``patience`` validations without a better score.
    validation_share
        Share of the cells that decide when to stop.
    """

    n_latent: int = 10
    n_hidden: int = 128
    batch_size: int = 128
    n_iterations: int = 10_000
    validate_every: int = 100
    patience: int = 10
    validation_share: float = 0.1


class ScviMean(Imputer):
    r"""Mean expression that scVI decodes from the most likely latent position of a cell.

    .. math:: \hat x_{ij} = \log(1 + 10^4 \, h_i \, \rho_j(E[z_i], b_i))

    with the decoder's share :math:`\rho` of gene j among the imputed genes, the share :math:`h` of the cell's molecules
    that fall on these genes, and the batch b. Network, likelihood and loss are scvi-tools', the training loop is ours
    (scvi-tools' own has 400 epochs, a weight of the KL term that rises, and no early stopping by default). Cell types
    are not used. Needs counts, and the package scvi-tools: ``pip install scvi-tools``.

    References
    ----------
    Lopez et al., Deep generative modeling for single-cell transcriptomics, Nature Methods 2018,
    doi:10.1038/s41592-018-0229-2.
    """

    name: ClassVar[str] = "scvi"
    Config: ClassVar[type[Any]] = ScviConfig
    needs_counts: ClassVar[bool] = True

    def learn(self, cells: Cells) -> dict[str, Any]:
        """Train the network.

        Raises
        ------
        MissingExtraError
            When scvi-tools is not installed.
        """
        c, networks = self.config, scvi_module("imputer")
        self._batches = () if cells.batches is None else tuple(np.unique(cells.batches).tolist())
        counts, groups = cells.required_counts(), self._groups(cells)
        with seeded(c.random_state):
            self._module: Any = networks.VAE(
                n_input=counts.shape[1], n_batch=max(len(self._batches), 1), n_hidden=c.n_hidden, n_latent=c.n_latent
            )
        order = np.random.default_rng(c.random_state).permutation(counts.shape[0])
        held, rows = np.split(order, [round(c.validation_share * len(order))])
        columns: Columns = {COUNTS: counts[rows], BATCH: groups[rows], LABEL: np.zeros_like(groups[rows])}
        batches = Batches(columns, batch_size=c.batch_size, random_state=c.random_state)
        optimizer = Adam(self._module.parameters(), lr=1e-3, eps=0.01, weight_decay=1e-6)
        settings = TrainSettings(
            n_iterations=c.n_iterations,
            validate_every=c.validate_every,
            patience=c.patience,
            random_state=c.random_state,
            accelerator="cpu",
            progress=False,
            description=self.name,
        )
        validate = self._validator(counts[held].toarray(), groups[held]) if len(held) else None
        result = train([Phase("module", self._module, optimizer, _losses)], batches, settings, validate=validate)
        self.history = result.history
        return {"n_iterations_run": int(self.history["step"].max())}

    def _groups(self, cells: Cells) -> NDArray[np.int64]:
        """Return the number of the batch of each cell, ``(n_cells, 1)``; zeros when there are none."""
        if cells.batches is None:
            return np.zeros((cells.log_expr.shape[0], 1), dtype=np.int64)
        return Conditions((), self._batches).batch_codes(cells.batches)[:, None]

    def _validator(self, counts: NDArray[np.float32], groups: NDArray[np.int64]) -> Callable[[], float]:
        arrays = {COUNTS: counts, BATCH: groups, LABEL: np.zeros_like(groups)}
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return lambda: float(_losses(self._module, batch)["loss"])

    @torch.no_grad()
    def fill(self, cells: Cells) -> Filled:
        """Encode, decode, and bring to CP10k."""
        counts, groups = cells.required_counts(), self._groups(cells)
        level = cells.unit() * np.asarray(counts.sum(axis=1)).ravel()
        mean = np.empty(counts.shape, dtype=np.float32)
        self._module.eval()
        for rows in chunks(len(groups)):
            batch = torch.from_numpy(groups[rows])
            profiles = torch.from_numpy(counts[rows].toarray())
            with seeded(self.config.random_state):  # the encoder draws a position that is not used
                position = self._module.inference(profiles, batch)["qz"].loc
            share = self._module.generative(position, torch.zeros(len(profiles), 1), batch)["px"].scale
            mean[rows] = np.log1p(level[rows][:, None] * share.numpy())
        return Filled(mean)


def _losses(module: nn.Module, batch: Batch) -> Losses:
    _, _, losses = module(dict(batch))
    return {"loss": losses.loss}
