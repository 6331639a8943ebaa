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

if TYPE_CHECKING:
    from scgarage import datasets, errors, io, metrics, models, plotting, seeds, training
    from scgarage import plotting as pl
    from scgarage import preprocess as pp
    from scgarage.augmentation import augment
    from scgarage.evaluation import evaluate
    from scgarage.io import read, write_h5ad
    from scgarage.models import load

__version__ = version("scgarage")

# Imported on first use: torch and scanpy take seconds, and `scgarage --help` needs neither.
_MODULES = {
    "datasets": "datasets", "errors": "errors", "io": "io", "metrics": "metrics", "models": "models",
    "pl": "plotting", "plotting": "plotting", "pp": "preprocess", "seeds": "seeds", "training": "training",
}  # fmt: skip
_FUNCTIONS = {
    "augment": "augmentation", "evaluate": "evaluation", "load": "models", "read": "io", "write_h5ad": "io",
}  # fmt: skip

__all__ = [
    "__version__",
    "augment",
    "datasets",
    "errors",
    "evaluate",
    "io",
    "load",
    "metrics",
    "models",
    "pl",
    "plotting",
    "pp",
    "read",
    "seeds",
    "training",
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
