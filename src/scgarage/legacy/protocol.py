"""How tables of the published evaluation are marked."""

__all__ = ["PROTOCOL"]

PROTOCOL = "legacy"
"""Value of the column ``protocol``."""
