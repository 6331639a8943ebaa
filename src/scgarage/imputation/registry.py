"""Imputers, by name in :data:`IMPUTERS`; whether to use one is judged by :mod:`scgarage.imputation`."""

from typing import Any

from anndata import AnnData

from scgarage.errors import InputError
from scgarage.imputation.base import Imputer
from scgarage.imputation.began import Began
from scgarage.imputation.posterior_mean import PosteriorMean
from scgarage.imputation.scvi import ScviMean
from scgarage.imputation.smoothing import Diffusion, KnnSmoothing, LowRank, NoImputation

IMPUTERS: dict[str, type[Imputer]] = {
    "none": NoImputation,
    "knn": KnnSmoothing,
    "magic": Diffusion,
    "alra": LowRank,
    "garage": PosteriorMean,
    "scvi": ScviMean,
    "began": Began,
}
"""Imputers by name; the command line, the check of recovery and the contract test read this."""


def imputer_class(name: str) -> type[Imputer]:
    """Return the class of an imputer.

    Raises
    ------
    InputError
        When there is no imputer of that name.
    """
    if name not in IMPUTERS:
        msg = f"there is no imputer {name!r}; available: {', '.join(map(repr, IMPUTERS))}"
        raise InputError(msg)
    return IMPUTERS[name]


def impute(
    adata: AnnData,
    *,
    method: str = "began",
    labels_key: str | None = None,
    batch_key: str | None = None,
    layer: str | None = None,
    **settings: Any,
) -> AnnData:
    """Impute the drop-outs of a data set.

    Ask :func:`scgarage.imputation.check_imputation` first whether this helps: often it does not. Imputed values are
    no measurements: never test for differential expression or correlate genes with them.

    Parameters
    ----------
    adata
        Counts or log-normalised values, ``(n_cells, n_genes)``; not changed.
    method
        Name from :data:`IMPUTERS`.
    labels_key
        Column of ``obs`` with the cell types, for ``"began"`` and ``"garage"``; Leiden clusters by default.
    batch_key
        Column of ``obs`` with the batch or sequencing technology, for ``"began"``, ``"garage"`` and ``"scvi"``.
    layer
        Layer that holds the values; ``X`` by default.
    **settings
        Settings of the method; see its ``Config``.

    Returns
    -------
    A copy with ``layers["imputed"]``, ``layers["imputed_sd"]`` (``"began"``, ``"garage"``), ``var["scgarage_imputed"]``
    and ``uns["scgarage"]["imputation"]``: see :meth:`Imputer.transform`. ``X`` is what it was.

    Raises
    ------
    InputError
        For data or arguments that cannot be used.

    Examples
    --------
    >>> import scgarage as sg
    >>> made = impute(sg.datasets.pbmc68k(), method="knn")
    >>> made.layers["imputed"].shape
    (700, 765)
    """
    imputer = imputer_class(method)(**settings)
    return imputer.fit(adata, labels_key=labels_key, batch_key=batch_key, layer=layer).transform(adata)
