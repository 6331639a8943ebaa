"""The published evaluation, for comparison with the paper only: no number of it says what it seems to say.

``legacy_clusters`` is the clustering, ``legacy_wasserstein`` the distance, ``legacy_rare_cells`` the rare-cell
experiment. All methods are treated alike, which the published scripts did not do, and each table has the controls that
the paper's tables lack.
"""

from scgarage.judge.legacy.clustering import legacy_clusters
from scgarage.judge.legacy.rare_cells import COPIES, FORESTS, NO_CELLS, PROTOCOL, legacy_rare_cells
from scgarage.judge.legacy.wasserstein import legacy_wasserstein

__all__ = ["COPIES", "FORESTS", "NO_CELLS", "PROTOCOL", "legacy_clusters", "legacy_rare_cells", "legacy_wasserstein"]
