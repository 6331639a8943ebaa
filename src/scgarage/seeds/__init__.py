"""Seed selection: which real cells guide a generator (``sg.seeds``)."""

from scgarage.seeds.allocation import rare_types, top_per_type, type_quotas
from scgarage.seeds.attention import AttentionScores, attention_scores
from scgarage.seeds.attention_selector import AttentionSelector
from scgarage.seeds.base import Seeds, SeedSelector
from scgarage.seeds.cell_types import CellTypes
from scgarage.seeds.community import CommunitySelector, community_scores
from scgarage.seeds.density import DensitySelector, neighbour_distance
from scgarage.seeds.facility_location import FacilityLocationSelector, facility_location, similarities
from scgarage.seeds.gat import GATSettings, GraphAttention, train_gat
from scgarage.seeds.global_top import GlobalTopSelector
from scgarage.seeds.k_centre import KCentreSelector, farthest_first
from scgarage.seeds.mixed import MixedSelector, take_turns
from scgarage.seeds.random import RandomSelector
from scgarage.seeds.ranked import RankedSelector
from scgarage.seeds.sent_attention import SentAttention, sent_attention
from scgarage.seeds.stratified import StratifiedSelector

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
    "SELECTORS",
    "AttentionScores",
    "AttentionSelector",
    "CellTypes",
    "CommunitySelector",
    "DensitySelector",
    "FacilityLocationSelector",
    "GATSettings",
    "GlobalTopSelector",
    "GraphAttention",
    "KCentreSelector",
    "MixedSelector",
    "RandomSelector",
    "RankedSelector",
    "SeedSelector",
    "Seeds",
    "SentAttention",
    "StratifiedSelector",
    "attention_scores",
    "community_scores",
    "facility_location",
    "farthest_first",
    "neighbour_distance",
    "rare_types",
    "sent_attention",
    "similarities",
    "take_turns",
    "top_per_type",
    "train_gat",
    "type_quotas",
]
