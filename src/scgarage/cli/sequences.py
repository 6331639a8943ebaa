"""``scgarage sequences split | fit | sample | evaluate``."""

from collections.abc import Callable

from scgarage.cli.sequences_evaluate import run_sequences_evaluate
from scgarage.cli.sequences_fit import run_sequences_fit
from scgarage.cli.sequences_sample import run_sequences_sample
from scgarage.cli.sequences_split import run_sequences_split

__all__ = ["SEQUENCES"]

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
