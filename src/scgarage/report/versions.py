"""Versions of everything that has a say in the numbers."""

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["PACKAGES", "versions"]

PACKAGES = ("scgarage", "torch", "anndata", "scanpy", "numpy", "scikit-learn")
"""Distributions whose versions a report states."""


def versions() -> dict[str, str]:
    """Return the versions of the installed packages and of Python, by name.

    Examples
    --------
    >>> list(versions())
    ['scgarage', 'torch', 'anndata', 'scanpy', 'numpy', 'scikit-learn', 'python']
    """
    return {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
