"""Seed selection: which real cells guide a generator (``sg.seeds``)."""

from scgarage.seeds.allocation import rare_types, top_per_type, type_quotas
from scgarage.seeds.attention import AttentionScores, AttentionSelector, attention_scores
from scgarage.seeds.base import Seeds, SeedSelector
from scgarage.seeds.cell_types import CellTypes
from scgarage.seeds.gat import GATSettings, GraphAttention, train_gat
from scgarage.seeds.global_top import GlobalTopSelector
from scgarage.seeds.random import RandomSelector
from scgarage.seeds.sent_attention import SentAttention, sent_attention
from scgarage.seeds.stratified import StratifiedSelector

SELECTORS: dict[str, type[SeedSelector]] = {
    "attention": AttentionSelector,
    "stratified": StratifiedSelector,
    "random": RandomSelector,
    "global_top": GlobalTopSelector,
}
"""Selectors by name; all have ``labels_key``, ``rare_fraction``, ``rare_threshold`` and ``random_state``."""

__all__ = [
    "SELECTORS",
    "AttentionScores",
    "AttentionSelector",
    "CellTypes",
    "GATSettings",
    "GlobalTopSelector",
    "GraphAttention",
    "RandomSelector",
    "SeedSelector",
    "Seeds",
    "SentAttention",
    "StratifiedSelector",
    "attention_scores",
    "rare_types",
    "sent_attention",
    "top_per_type",
    "train_gat",
    "type_quotas",
]
