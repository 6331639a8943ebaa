"""DNA and protein sequences of a fixed length: FASTA files, simulation, a GAN, and its judge."""

from scgarage.sequences.comparators import independent_letters, markov_chain, position_letters
from scgarage.sequences.evaluation import (
    c2st_kmers,
    c2st_letters,
    copy_share,
    evaluate_sequences,
    nearest_mismatches,
    nearness_to_training,
)
from scgarage.sequences.fasta import (
    ALPHABETS,
    DNA,
    PROTEIN,
    Alphabet,
    FastaRecord,
    find_alphabet,
    read_fasta,
    write_fasta,
)
from scgarage.sequences.gan import SequenceGan, SequenceGanConfig
from scgarage.sequences.motif import MOTIFS, Motif, simulate_sequences
from scgarage.sequences.statistics import (
    gc_content,
    gc_distance,
    hit_share,
    hit_weights,
    kmer_counts,
    kmer_distance,
    kmer_spectrum,
    motif_table,
    position_weights,
    position_weights_distance,
)
from scgarage.sequences.windows import Windows

__all__ = [
    "ALPHABETS", "DNA", "MOTIFS", "PROTEIN", "Alphabet", "FastaRecord", "Motif", "SequenceGan", "SequenceGanConfig",
    "Windows", "c2st_kmers", "c2st_letters", "copy_share", "evaluate_sequences", "find_alphabet", "gc_content",
    "gc_distance", "hit_share", "hit_weights", "independent_letters", "kmer_counts", "kmer_distance", "kmer_spectrum",
    "markov_chain", "motif_table", "nearest_mismatches", "nearness_to_training", "position_letters",
    "position_weights", "position_weights_distance", "read_fasta", "simulate_sequences", "write_fasta",
]  # fmt: skip
