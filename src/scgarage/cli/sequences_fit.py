"""``scgarage sequences fit``."""

from typing import TYPE_CHECKING, Any, Literal

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.sequences import SequenceGan

__all__ = ["run_sequences_fit"]


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
