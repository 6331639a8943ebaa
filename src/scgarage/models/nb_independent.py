"""Independent genes given the type: what a generator must beat to have learned anything about cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.models.data import TrainingData
from scgarage.models.hurdle_marginals import HurdleMarginals
from scgarage.models.negative_binomial_marginals import NegativeBinomialMarginals
from scgarage.models.options import FitOptions
from scgarage.models.without_networks import EstimatedModel

__all__ = ["NBIndependent", "NBIndependentConfig"]


@dataclass(frozen=True)
class NBIndependentConfig:
    """Settings of :class:`NBIndependent`; there is nothing to tune.

    Attributes
    ----------
    random_state
        Seed of the share that is put aside for validation.
    """

    random_state: int = 0
    n_top_genes: ClassVar[int | None] = None
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}


class NBIndependent(EstimatedModel):
    """The null model: negative binomial genes, independent of each other given the type.

    Means and dispersions are those of the type, by maximum likelihood. Library sizes are not modelled: they come out
    as narrow as independent genes make them. Log-normalised values get the zero fraction and the quantiles of the type
    instead.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.NBIndependent().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "nb-independent"
    Config: ClassVar[type[Any]] = NBIndependentConfig

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return {"marginals": NegativeBinomialMarginals if value_kind == "counts" else HurdleMarginals}

    def build(self, data: TrainingData, options: FitOptions) -> None:  # noqa: ARG002  (one interface)
        """Estimate the marginals."""
        kind = self.parts_for(data.value_kind)["marginals"]
        self.parts = {"marginals": kind.fit(data.values, data.labels, len(data.types))}

    def draw_cells(
        self,
        labels: NDArray[np.int64],
        generator: torch.Generator,  # noqa: ARG002  (one interface)
        rng: np.random.Generator,
    ) -> sparse.csr_matrix:
        """Draw every gene by itself."""
        drawn: sparse.csr_matrix = self.parts["marginals"].draw(labels, slice(None), rng)
        return drawn
