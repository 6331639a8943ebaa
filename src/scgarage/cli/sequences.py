"""The commands ``sequences ...``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import check_outputs, say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.sequences import SequenceGan


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


def run_sequences_fit(
    data: str,
    out: str,
    labels_key: str | None = None,
    alphabet: Literal["dna", "protein"] = "dna",
    length: int | None = None,
    stride: int | None = None,
    validation: float = 0.1,
    params: dict[str, Any] | None = None,
    accelerator: str = "auto",
    overwrite: bool = False,
) -> None:
    """Fit a sequence GAN to a FASTA file.

    Parameters
    ----------
    data
        FASTA file of training sequences, plain or gzipped.
    out
        Folder for the model.
    labels_key
        Be conditional on classes; the class is the value of KEY=value in the header.
    alphabet
        Letters of the sequences.
    length
        Letters of a window; needed when the sequences have several lengths.
    stride
        Letters from one window's start to the next; by default windows do not overlap.
    validation
        Share of the sequences that decide when training stops.
    params
        Settings of the model, one by one as --params.NAME VALUE.
    accelerator
        Where to train: cpu, gpu or auto.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    model = _make(params)
    from scgarage.models import FitOptions
    from scgarage.sequences import Windows, find_alphabet, read_fasta

    windows = Windows.cut(
        read_fasta(data), length=length, alphabet=find_alphabet(alphabet), labels_key=labels_key, stride=stride
    )
    model.fit(windows, validation=validation, options=FitOptions(accelerator=accelerator))
    model.save(out, overwrite=overwrite)
    about = model.about
    say(f"{model!r}, best after {about['best_step']:,} of {about['n_iterations']:,} iterations: {out}")


def _make(params: dict[str, Any] | None) -> "SequenceGan":
    """Return an unfitted model, its settings checked against their types."""
    from jsonargparse import ArgumentError, ArgumentParser

    from scgarage.sequences import SequenceGan, SequenceGanConfig

    given = params or {}
    unknown = {name: value for name, value in given.items() if name not in SequenceGanConfig.__dataclass_fields__}
    SequenceGan(**unknown)  # names first
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(SequenceGanConfig)
    try:
        checked = parser.parse_object(dict(given))
    except ArgumentError as error:
        msg = f"--params: {error}"
        raise InputError(msg) from error
    return SequenceGan(**{name: checked[name] for name in given})


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


SEQUENCES: dict[str, tuple[Callable[..., None], tuple[str, ...], str]] = {
    "sequences-split": (
        run_sequences_split,
        ("data",),
        "  scgarage sequences split promoters.fa.gz --labels-key class --train train.fa --test test.fa",
    ),
    "sequences-fit": (
        run_sequences_fit,
        ("data",),
        "  scgarage sequences fit train.fa --labels-key class --out model\n"
        "  scgarage sequences fit train.fa --alphabet protein --length 30 --out model --params.n-iterations 4000",
    ),
    "sequences-sample": (
        run_sequences_sample,
        ("model",),
        "  scgarage sequences sample model --n-sequences 1000 --out synthetic.fa\n"
        "  scgarage sequences sample model --classes '{\"promoter\": 500}' --out promoters.fa.gz",
    ),
    "sequences-evaluate": (
        run_sequences_evaluate,
        ("synthetic",),
        "  scgarage sequences evaluate synthetic.fa --train train.fa --test test.fa --labels-key class --out table.csv",
    ),
}
"""Commands by name, as in :data:`scgarage.cli.COMMANDS`."""
