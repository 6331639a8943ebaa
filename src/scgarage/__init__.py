"""Synthetic single-cell RNA-seq data in which rare cell types survive.

>>> import scgarage as sg
>>> adata = sg.datasets.pbmc68k()
>>> split = sg.pp.split(adata, labels_key="cell_type")
>>> split.train.shape
(351, 765)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scgarage import _moved

if TYPE_CHECKING:
    from scgarage import (
        analyses,
        benchmark,
        constraints,
        datasets,
        errors,
        imputation,
        io,
        judge,
        losses,
        metrics,
        models,
        nn,
        plotting,
        pp,
        seeds,
        sequences,
        simulation,
        training,
    )
    from scgarage import plotting as pl
    from scgarage.augmentation import augment
    from scgarage.constraints import check_constraints
    from scgarage.imputation import check_imputation, impute
    from scgarage.io import guard, read, write_h5ad
    from scgarage.judge.evaluation import evaluate
    from scgarage.judge.privacy import audit
    from scgarage.models import load
    from scgarage.report import write_report as report
    from scgarage.simulation import simulate, truth

# Imported on first use: torch, scanpy and anndata take seconds, and `scgarage --help` needs none of them.
_FUNCTIONS = {
    "audit": "judge.privacy",
    "augment": "augmentation",
    "check_constraints": "constraints",
    "check_imputation": "imputation",
    "evaluate": "judge.evaluation",
    "guard": "io",
    "impute": "imputation",
    "load": "models",
    "read": "io",
    "simulate": "simulation",
    "truth": "simulation",
    "write_h5ad": "io",
}

__all__ = [
    "__version__",
    "analyses",
    "audit",
    "augment",
    "benchmark",
    "check_constraints",
    "check_imputation",
    "constraints",
    "datasets",
    "errors",
    "evaluate",
    "guard",
    "imputation",
    "impute",
    "io",
    "judge",
    "load",
    "losses",
    "metrics",
    "models",
    "nn",
    "pl",
    "plotting",
    "pp",
    "read",
    "report",
    "seeds",
    "sequences",
    "simulate",
    "simulation",
    "training",
    "truth",
    "write_h5ad",
]

_moved.install()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("scgarage")
    if name in _FUNCTIONS:
        return getattr(import_module(f"scgarage.{_FUNCTIONS[name]}"), name)
    if name == "pl":
        return import_module("scgarage.plotting")
    if name in __all__:
        return import_module(f"scgarage.{name}")
    if name in _moved.PACKAGES:
        return _moved.stand_in(name)
    msg = f"module 'scgarage' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
