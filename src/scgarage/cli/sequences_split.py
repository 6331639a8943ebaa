"""``scgarage sequences split``."""

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say

__all__ = ["run_sequences_split"]


def run_sequences_split(
    data: str,
    train: str,
    test: str,
    labels_key: str | None = None,
    share: float = 0.4,
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Divide a FASTA file: sequences to fit a model to, and sequences to judge it by.

    Parameters
    ----------
    data
        FASTA file, plain or gzipped.
    train
        File for the training sequences.
    test
        File for the held-out sequences.
    labels_key
        Divide class by class; the class is the value of KEY=value in the header.
    share
        Share of held-out sequences.
    random_state
        Seed.
    overwrite
        Replace outputs that exist.
    """
    check_outputs(train, test, overwrite=overwrite)
    from scgarage.sequences import read_fasta, write_fasta
    from scgarage.sequences.windows import classes_of, held_out

    records = read_fasta(data)
    labels = None if labels_key is None else classes_of(records, labels_key)
    held = held_out(None, labels, len(records), share, random_state=random_state)
    for path, wanted in ((train, False), (test, True)):
        kept = [record for record, is_held in zip(records, held, strict=True) if is_held == wanted]
        write_fasta(path, kept, overwrite=overwrite)
        say(f"{len(kept):,} sequences: {path}")
