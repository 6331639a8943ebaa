"""Synthetic single-cell RNA-seq data in which rare cell types survive.

>>> import scgarage as sg
>>> adata = sg.datasets.pbmc68k()
>>> split = sg.pp.split(adata, labels_key="cell_type")
>>> split.train.shape
(351, 765)
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

# Light, and lazy it would be hidden by the module of the same name.
from scgarage.guard import guard

if TYPE_CHECKING:
    from scgarage import (
        applications,
        benchmark,
        biology,
        datasets,
        errors,
        imputers,
        io,
        legacy,
        metrics,
        models,
        plotting,
        privacy,
        recovery,
        seeds,
        sequences,
        structure,
        training,
        utility,
    )
    from scgarage import plotting as pl
    from scgarage import preprocess as pp
    from scgarage.augmentation import augment
    from scgarage.constraints import check_constraints
    from scgarage.evaluation import evaluate
    from scgarage.imputers import impute
    from scgarage.io import read, write_h5ad
    from scgarage.models import load
    from scgarage.privacy import audit
    from scgarage.recovery import check_imputation

__version__ = version("scgarage")

# Imported on first use: torch and scanpy take seconds, and `scgarage --help` needs neither.
_MODULES = {
    "applications": "applications", "benchmark": "benchmark", "biology": "biology",
    "datasets": "datasets", "errors": "errors",
    "imputers": "imputers", "io": "io", "legacy": "legacy", "metrics": "metrics", "models": "models",
    "pl": "plotting", "plotting": "plotting", "pp": "preprocess", "privacy": "privacy",
    "recovery": "recovery", "seeds": "seeds", "sequences": "sequences",
    "structure": "structure", "training": "training", "utility": "utility",
}  # fmt: skip
_FUNCTIONS = {
    "audit": "privacy", "augment": "augmentation", "check_constraints": "constraints",
    "check_imputation": "recovery", "evaluate": "evaluation",
    "impute": "imputers", "load": "models", "read": "io", "write_h5ad": "io",
}  # fmt: skip

__all__ = [
    "__version__",
    "applications",
    "audit",
    "augment",
    "benchmark",
    "biology",
    "check_constraints",
    "check_imputation",
    "datasets",
    "errors",
    "evaluate",
    "guard",
    "impute",
    "imputers",
    "io",
    "legacy",
    "load",
    "metrics",
    "models",
    "pl",
    "plotting",
    "pp",
    "privacy",
    "read",
    "recovery",
    "seeds",
    "sequences",
    "structure",
    "training",
    "utility",
    "write_h5ad",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"scgarage.{_MODULES[name]}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"scgarage.{_FUNCTIONS[name]}"), name)
    msg = f"module 'scgarage' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
