"""``scgarage sequences evaluate``."""

from typing import Literal

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say

__all__ = ["run_sequences_evaluate"]


def run_sequences_evaluate(
    synthetic: str,
    train: str,
    test: str,
    out: str | None = None,
    labels_key: str | None = None,
    alphabet: Literal["dna", "protein"] = "dna",
    length: int | None = None,
    k: int | None = None,
    n_repeats: int = 3,
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Judge synthetic sequences by held-out real ones: words, positions, GC content, classifiers, copies.

    Parameters
    ----------
    synthetic
        FASTA file of synthetic sequences.
    train
        FASTA file of the sequences that the model was fitted to.
    test
        FASTA file of sequences that it has not seen.
    out
        Table to write, csv.
    labels_key
        Class by class too; the class is the value of KEY=value in the header.
    alphabet
        Letters of the sequences.
    length
        Letters of a window of the real sequences; needed when they have several lengths.
    k
        Letters of the words that are counted; 3 for dna and 2 for protein by default.
    n_repeats
        Draws over which means are taken.
    random_state
        Seed.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    from scgarage.io import atomic_output
    from scgarage.sequences import Windows, evaluate_sequences, find_alphabet, read_fasta

    sides = [
        Windows.cut(read_fasta(path), length=length, alphabet=find_alphabet(alphabet), labels_key=labels_key)
        for path in (synthetic, train, test)
    ]
    table = evaluate_sequences(*sides, k=k, n_repeats=n_repeats, random_state=random_state)
    say(table.round(4).to_string(index=False))
    if out is not None:
        with atomic_output(out, overwrite=overwrite) as temporary:
            table.to_csv(temporary, index=False)
