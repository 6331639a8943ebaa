"""``scgarage sequences sample``."""

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

__all__ = ["run_sequences_sample"]


def run_sequences_sample(
    model: str,
    out: str,
    n_sequences: int | None = None,
    classes: dict[str, int] | None = None,
    labels_key: str = "class",
    random_state: int = 0,
    overwrite: bool = False,
) -> None:
    """Make synthetic sequences with a fitted model.

    Parameters
    ----------
    model
        Folder of the model.
    out
        FASTA file to write, gzipped when its name ends in .gz.
    n_sequences
        Number of sequences, in the model's proportions of classes.
    classes
        Number of sequences for each class instead, as JSON: '{"promoter": 500}'.
    labels_key
        The class is written as KEY=value in the header.
    random_state
        Seed; the same seed gives the same sequences.
    overwrite
        Replace the output if it exists.
    """
    wanted = n_sequences if classes is None else classes
    if wanted is None or (n_sequences is not None and classes is not None):
        msg = (
            "ask for a number (--n-sequences 1000) or for numbers by class (--classes '{\"promoter\": 500}'), not both"
        )
        raise InputError(msg)
    check_outputs(out, overwrite=overwrite)
    from scgarage.sequences import SequenceGan, write_fasta

    made = SequenceGan.load(model).sample(wanted, random_state=random_state)
    write_fasta(out, made.records(labels_key=labels_key), overwrite=overwrite)
    say(f"{len(made):,} synthetic sequences of {made.length} letters: {out}")
