"""DNA and protein sequences of a fixed length: FASTA files, simulation, a GAN, and its judge."""

from scgarage.sequences.alphabet import ALPHABETS, DNA, PROTEIN, Alphabet, find_alphabet
from scgarage.sequences.comparators import independent_letters, markov_chain, position_letters
from scgarage.sequences.config import SequenceGanConfig
from scgarage.sequences.fasta import FastaRecord, read_fasta, write_fasta
from scgarage.sequences.gan import SequenceGan
from scgarage.sequences.judge import (
    c2st_kmers,
    c2st_letters,
    copy_share,
    evaluate_sequences,
    gc_content,
    gc_distance,
    hit_share,
    hit_weights,
    kmer_counts,
    kmer_distance,
    kmer_spectrum,
    motif_table,
    nearest_mismatches,
    nearness_to_training,
    position_weights,
    position_weights_distance,
)
from scgarage.sequences.motif import MOTIFS, Motif
from scgarage.sequences.simulate import simulate_sequences
from scgarage.sequences.windows import Windows

__all__ = [
    "ALPHABETS",
    "DNA",
    "MOTIFS",
    "PROTEIN",
    "Alphabet",
    "FastaRecord",
    "Motif",
    "SequenceGan",
    "SequenceGanConfig",
    "Windows",
    "c2st_kmers",
    "c2st_letters",
    "copy_share",
    "evaluate_sequences",
    "find_alphabet",
    "gc_content",
    "gc_distance",
    "hit_share",
    "hit_weights",
    "independent_letters",
    "kmer_counts",
    "kmer_distance",
    "kmer_spectrum",
    "markov_chain",
    "motif_table",
    "nearest_mismatches",
    "nearness_to_training",
    "position_letters",
    "position_weights",
    "position_weights_distance",
    "read_fasta",
    "simulate_sequences",
    "write_fasta",
]
