"""Negative binomial genes joined by a Gaussian copula: the statistical simulator to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models.data import TrainingData
from scgarage.models.gaussian_copula import GaussianCopula, normal_scores, shrunk_correlation
from scgarage.models.hurdle_marginals import HurdleMarginals
from scgarage.models.negative_binomial_marginals import NegativeBinomialMarginals
from scgarage.models.options import FitOptions
from scgarage.models.without_networks import EstimatedModel

__all__ = ["Copula", "CopulaConfig"]


@dataclass(frozen=True)
class CopulaConfig:
    """Settings of :class:`Copula`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that may be correlated; the others are independent given the type (ours: a correlation
        matrix of every gene does not fit into memory).
    min_expressed
        Share of a type's cells that must express a gene for it to be correlated (scDesign2: 0.2).
    min_cells
        Types with fewer cells get independent genes (ours: below, the shrunk correlation is close to none anyway).
    max_cells
        Cells of a type that its correlation is estimated on at most.
    random_state
        Seed of the randomised scores.
    """

    n_top_genes: int | None = 2000
    min_expressed: float = 0.2
    min_cells: int = 30
    max_cells: int = 5000
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {"n_top_genes": None}, "tuned": {}}

    def __post_init__(self) -> None:
        if not 0 <= self.min_expressed <= 1:
            msg = f"min_expressed is a share of cells and must lie in [0, 1]; found {self.min_expressed}"
            raise InputError(msg)
        if self.min_cells < 3:
            msg = f"min_cells must be at least 3, or there is no correlation; found {self.min_cells}"
            raise InputError(msg)


class Copula(EstimatedModel):
    """Negative binomial genes with the correlation of each type, without any network.

    After scDesign2: marginals by maximum likelihood for every gene and type, a Gaussian copula for the genes that
    enough cells express, independent draws for the others. Differences: all genes are negative binomial (scDesign2
    also tries Poisson and zero inflation), and the correlation is shrunk (Ledoit-Wolf), since most types have fewer
    cells than genes. Log-normalised values get the zero fraction and the quantiles of the type as marginals.

    References
    ----------
    Sun et al., scDesign2, Genome Biology 2021, doi:10.1186/s13059-021-02367-2.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Copula(n_top_genes=100).fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "copula"
    Config: ClassVar[type[Any]] = CopulaConfig

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        marginals = NegativeBinomialMarginals if value_kind == "counts" else HurdleMarginals
        return {"marginals": marginals, "copula": GaussianCopula}

    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Estimate marginals, then the correlation of each type."""
        rng = np.random.default_rng(self.config.random_state)
        marginals = self.parts_for(data.value_kind)["marginals"].fit(data.values, data.labels, len(data.types))
        genes, correlations = [], []
        for number in range(len(data.types)):
            rows = rng.permutation(np.flatnonzero(data.labels == number))
            chosen = self._correlated(data.values[rows], data.modelled)
            correlation = np.empty((0, 0))
            if len(chosen):
                own = data.values[np.sort(rows[: self.config.max_cells])][:, chosen]
                correlation = shrunk_correlation(normal_scores(own, number, chosen, marginals, rng))
            genes.append(chosen)
            correlations.append(correlation)
        self.parts = {"marginals": marginals, "copula": GaussianCopula.join(genes, correlations)}

    def _correlated(self, values: sparse.csr_matrix, modelled: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the numbers of the genes to correlate in a type: none, or at least two."""
        expressed = np.asarray((values > 0).mean(axis=0)).ravel()
        chosen = np.flatnonzero(modelled & (expressed >= self.config.min_expressed) & (expressed > 0))
        enough = values.shape[0] >= self.config.min_cells and len(chosen) > 1
        return chosen if enough else np.empty(0, dtype=np.int64)

    def draw_cells(
        self,
        labels: NDArray[np.int64],
        generator: torch.Generator,  # noqa: ARG002  (one interface)
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Draw each type by its copula and the genes outside it independently."""
        marginals, copula = self.parts["marginals"], self.parts["copula"]
        n_genes = len(self._modelled())
        rows, values = [], []
        for number in np.unique(labels):
            own = np.flatnonzero(labels == number)
            chosen = copula.of_type(number)[0]
            others = np.setdiff1d(np.arange(n_genes), chosen)
            joint = copula.draw(number, len(own), marginals, rng)
            both = sparse.hstack([joint, marginals.draw(labels[own], others, rng)], format="csr")
            rows.append(own)
            values.append(both[:, np.argsort(np.concatenate([chosen, others]))])
        return sparse.csr_matrix(sparse.vstack(values))[np.argsort(np.concatenate(rows))]
