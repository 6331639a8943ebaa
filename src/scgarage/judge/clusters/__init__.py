"""Clusters: whether clusters of synthetic cells find the cell types as well as those of real cells do."""

from scgarage.judge.clusters.clustering import ari, macro_f1, nmi
from scgarage.judge.clusters.run import compare_clusters, score_clusters
from scgarage.judge.clusters.selection import SELECTIONS, select_genes

__all__ = ["SELECTIONS", "ari", "compare_clusters", "macro_f1", "nmi", "score_clusters", "select_genes"]
