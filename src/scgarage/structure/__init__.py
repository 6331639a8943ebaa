"""Structure: whether clusters of synthetic cells find the cell types as well as those of real cells do."""

from scgarage.structure.agreement import ari, macro_f1, nmi
from scgarage.structure.compare import compare_structure
from scgarage.structure.legacy import legacy_structure
from scgarage.structure.run import structure
from scgarage.structure.selection import SELECTIONS, select_genes

__all__ = [
    "SELECTIONS",
    "ari",
    "compare_structure",
    "legacy_structure",
    "macro_f1",
    "nmi",
    "select_genes",
    "structure",
]
