"""Seed selection: which real cells guide a generator (``sg.seeds``)."""

from scgarage.seeds.attention import AttentionScores, AttentionSelector, GlobalTopSelector, attention_scores
from scgarage.seeds.gat import GATSettings, GraphAttention, SentAttention, sent_attention, train_gat
from scgarage.seeds.geometric import (
    CommunitySelector,
    DensitySelector,
    FacilityLocationSelector,
    KCentreSelector,
    MixedSelector,
    community_scores,
    facility_location,
    farthest_first,
    neighbour_distance,
    similarities,
    take_turns,
)
from scgarage.seeds.quotas import CellTypes, Seeds, SeedSelector, rare_types, top_per_type, type_quotas
from scgarage.seeds.selectors import RandomSelector, RankedSelector, StratifiedSelector

SELECTORS: dict[str, type[SeedSelector]] = {
    "attention": AttentionSelector,
    "stratified": StratifiedSelector,
    "random": RandomSelector,
    "global_top": GlobalTopSelector,
    "community": CommunitySelector,
    "k_centre": KCentreSelector,
    "facility_location": FacilityLocationSelector,
    "density": DensitySelector,
    "mixed": MixedSelector,
}
"""Selectors by name; all have ``labels_key``, ``rare_fraction``, ``rare_threshold`` and ``random_state``."""

__all__ = [
    "SELECTORS", "AttentionScores", "AttentionSelector", "CellTypes", "CommunitySelector", "DensitySelector",
    "FacilityLocationSelector", "GATSettings", "GlobalTopSelector", "GraphAttention", "KCentreSelector",
    "MixedSelector", "RandomSelector", "RankedSelector", "SeedSelector", "Seeds", "SentAttention",
    "StratifiedSelector", "attention_scores", "community_scores", "facility_location", "farthest_first",
    "neighbour_distance", "rare_types", "sent_attention", "similarities", "take_turns", "top_per_type", "train_gat",
    "type_quotas",
]  # fmt: skip
