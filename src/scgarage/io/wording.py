"""Names in error messages."""

from collections.abc import Iterable

__all__ = ["examples", "listed"]

_N_EXAMPLES = 5


def listed(names: Iterable[object]) -> str:
    """Quote all names, in their order."""
    return ", ".join(f"'{name}'" for name in names) or "(there are none)"


def examples(names: Iterable[object]) -> str:
    """Quote the first five names."""
    every = list(names)
    return listed(every[:_N_EXAMPLES]) + (", ..." if len(every) > _N_EXAMPLES else "")
