"""The judge: evaluation against held-out real cells, privacy, rare cells, clusters, and the published protocols.

What the packages below export can be had here, too: ``sg.judge.rare_utility`` is ``sg.judge.rare.rare_utility``.
"""

from importlib import import_module
from typing import Any

PACKAGES = ("evaluation", "privacy", "rare", "clusters", "legacy")

__all__ = ["clusters", "evaluation", "legacy", "privacy", "rare"]


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        for package in PACKAGES:
            module = import_module(f"scgarage.judge.{package}")
            if name in module.__all__:
                return getattr(module, name)
    msg = f"module 'scgarage.judge' has no attribute {name!r}"
    raise AttributeError(msg)
