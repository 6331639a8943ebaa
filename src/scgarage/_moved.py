"""Packages of 0.1.0 that have another name now: importing one works, with a DeprecationWarning that says which."""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGES = {
    "applications": "analyses",
    "augmentation_evidence": "augmentation",
    "biology": "analyses",
    "evaluation": "judge.evaluation",
    "evaluation.sensitivity": "judge.evaluation.sensitivity",
    "graph": "pp.graph",
    "guard": "io",
    "imputers": "imputation",
    "legacy": "judge.legacy",
    "preprocess": "pp",
    "privacy": "judge.privacy",
    "recovery": "imputation",
    "sequences.judge": "sequences",
    "structure": "judge.clusters",
    "utility": "judge.rare",
}
"""Old name -> new name, both below ``scgarage``."""

NAMES = {
    ("biology", "ModelAugmenter"): ("augmentation", "ModelAugmenter"),
    ("legacy", "legacy_structure"): ("judge.legacy", "legacy_clusters"),
    ("recovery", "Recovery"): ("imputation", "ImputationCheck"),
    ("report", "GivenAudit"): ("report", "Given"),
    ("report", "GivenUtility"): ("report", "Given"),
    ("structure", "compare_structure"): ("judge.clusters", "compare_clusters"),
    ("structure", "legacy_structure"): ("judge.legacy", "legacy_clusters"),
    ("structure", "structure"): ("judge.clusters", "score_clusters"),
}
"""What has another name, or moved elsewhere than its package: (old package, name) -> (new package, name)."""


class _Renamed(ModuleType):
    """Stands for a package of 0.1.0 and hands out what is in its successors."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        old = self.__name__.removeprefix("scgarage.")
        if name == "__all__":
            exported = getattr(import_module(f"scgarage.{PACKAGES[old]}"), "__all__", [])
            return [*exported, *(new for package, new in NAMES if package == old)]
        if name.startswith("__"):
            raise AttributeError(name)
        package, new = NAMES.get((old, name), (PACKAGES[old], name))
        if new != name:
            _warn(f"{self.__name__}.{name}", f"scgarage.{package}.{new}")
        return getattr(import_module(f"scgarage.{package}"), new)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Be ``sg.guard`` after an import of the module ``scgarage.guard`` has taken that name."""
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


class _Finder(MetaPathFinder, Loader):
    """Finds packages by their old names, after everything else has been tried."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return how to make the stand-in for an old package."""
        old = fullname.removeprefix("scgarage.")
        return ModuleSpec(fullname, self, is_package=True) if old != fullname and old in PACKAGES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the stand-in and say what the package is called now."""
        _warn(spec.name, f"scgarage.{PACKAGES[spec.name.removeprefix('scgarage.')]}")
        return _Renamed(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the stand-in is complete."""


def _warn(old: str, new: str, *, stacklevel: int = 3) -> None:
    message = f"{old} is now {new}; the old name works until 0.3"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


def stand_in(old: str) -> ModuleType:
    """Return what stands for an old package asked for as an attribute, ``sg.utility``."""
    _warn(f"scgarage.{old}", f"scgarage.{PACKAGES[old]}", stacklevel=4)
    return _Renamed(f"scgarage.{old}")


def renamed(package: str, name: str) -> Any:
    """Return what a package that is still there has under another name now."""
    if (package, name) not in NAMES:
        msg = f"module 'scgarage.{package}' has no attribute {name!r}"
        raise AttributeError(msg)
    where, new = NAMES[package, name]
    _warn(f"scgarage.{package}.{name}", f"scgarage.{where}.{new}", stacklevel=4)
    return getattr(import_module(f"scgarage.{where}"), new)


def install() -> None:
    """Let old names be imported."""
    sys.meta_path.append(_Finder())
