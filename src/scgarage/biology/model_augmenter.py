"""A generative model as the rare-cell experiment wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anndata import AnnData

from scgarage.models import FitOptions, model_class

__all__ = ["ModelAugmenter"]


@dataclass(frozen=True)
class ModelAugmenter:
    """Fits a model to training cells and samples from it: a :data:`scgarage.utility.Augmenter`.

    Attributes
    ----------
    name
        Name of the model, see :data:`scgarage.models.MODELS`.
    labels_key
        Column of ``obs`` with the types.
    params
        Settings of the model, other than its seed.
    layer
        Layer with the values; ``X`` by default.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.biology import ModelAugmenter
    >>> cells = sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, rare_fraction=0.1)
    >>> ModelAugmenter("nb-independent", "cell_type")(cells, {"rare": 4}, 0).n_obs
    4
    """

    name: str
    labels_key: str
    params: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None

    def __call__(self, train: AnnData, wanted: dict[str, int], random_state: int) -> AnnData:
        """Return synthetic cells: so many of each type.

        Nothing but the training cells is seen; there are none for validation.
        """
        model = model_class(self.name)(random_state=random_state, **self.params)
        options = FitOptions(progress=False, accelerator="cpu")
        model.fit(train, labels_key=self.labels_key, layer=self.layer, validation=None, options=options)
        return model.sample(wanted, random_state=random_state)
