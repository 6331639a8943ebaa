"""The judge of sequences: it knows real and synthetic ones, and no model."""

from scgarage.sequences.judge.composition import gc_content, gc_distance
from scgarage.sequences.judge.copies import copy_share, nearest_mismatches, nearness_to_training
from scgarage.sequences.judge.evaluate import evaluate_sequences
from scgarage.sequences.judge.kmers import kmer_counts, kmer_distance, kmer_spectrum
from scgarage.sequences.judge.motif_recovery import hit_share, hit_weights, motif_table
from scgarage.sequences.judge.position_weights import position_weights, position_weights_distance
from scgarage.sequences.judge.two_sample import c2st_kmers, c2st_letters

__all__ = [
    "c2st_kmers",
    "c2st_letters",
    "copy_share",
    "evaluate_sequences",
    "gc_content",
    "gc_distance",
    "hit_share",
    "hit_weights",
    "kmer_counts",
    "kmer_distance",
    "kmer_spectrum",
    "motif_table",
    "nearest_mismatches",
    "nearness_to_training",
    "position_weights",
    "position_weights_distance",
]
