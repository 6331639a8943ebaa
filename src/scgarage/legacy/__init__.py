"""The published evaluation, for comparison with the paper only: no number of it says what it seems to say.

``legacy_structure`` is the clustering, ``legacy_wasserstein`` the distance, ``legacy_rare_cells`` the rare-cell
experiment. All methods are treated alike, which the published scripts did not do, and each table has the controls that
the paper's tables lack.
"""

from scgarage.legacy.forests import FORESTS
from scgarage.legacy.protocol import PROTOCOL
from scgarage.legacy.rare_cells import COPIES, NO_CELLS, legacy_rare_cells
from scgarage.legacy.wasserstein import legacy_wasserstein
from scgarage.structure import legacy_structure

__all__ = [
    "COPIES",
    "FORESTS",
    "NO_CELLS",
    "PROTOCOL",
    "legacy_rare_cells",
    "legacy_structure",
    "legacy_wasserstein",
]
