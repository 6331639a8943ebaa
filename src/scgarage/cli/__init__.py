"""The command line: one subcommand per file, all of them in :data:`COMMANDS`."""

import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scgarage.cli.analyse import ANALYSES
from scgarage.cli.benchmark import run_benchmark
from scgarage.cli.data import run_impute, run_prepare
from scgarage.cli.demo import run_demo
from scgarage.cli.judge import run_audit, run_evaluate, run_report
from scgarage.cli.models import run_augment, run_fit, run_models, run_sample, run_simulate, run_test_methods
from scgarage.cli.options import say
from scgarage.cli.sequences import SEQUENCES
from scgarage.errors import InputError, OutputExistsError, ScgarageError
from scgarage.schema import CHECKPOINT_FILE

COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...], str]] = {
    "demo": (run_demo, (), "  scgarage demo\n  scgarage demo --data cells.h5ad --labels-key cell_type --out demo-mine"),
    "prepare": (
        run_prepare,
        ("data",),
        "  scgarage prepare found.h5ad --labels-key cell_type --out cells.h5ad\n"
        "  scgarage prepare filtered_feature_bc_matrix --labels types.csv --out cells.h5ad",
    ),
    "fit": (
        run_fit,
        ("data",),
        "  scgarage fit cells.h5ad --labels-key cell_type --out model\n"
        "  scgarage fit counts.csv.gz --genes-as rows --labels types.csv --out model\n"
        "  scgarage fit cells.h5ad --labels-key cell_type --batch-key batch --out model --params.n-factors 30\n"
        "  scgarage fit cells.h5ad --model garage-faithful --out model --params.leakage 0.1",
    ),
    "sample": (
        run_sample,
        ("model",),
        "  scgarage sample model -n 5000 --out synthetic.h5ad\n"
        '  scgarage sample model --types \'{"pDC": 500, "Mk": 500}\' --out rare.h5ad',
    ),
    "simulate": (
        run_simulate,
        ("model", "plan"),
        "  scgarage simulate model plan.yaml --out simulated.h5ad\n"
        "  scgarage simulate model plan.yaml --out simulated.h5ad --truth truth --random-state 1",
    ),
    "test-methods": (
        run_test_methods,
        ("model", "plan"),
        "  scgarage test-methods model plan.yaml --out methods.csv\n"
        "  scgarage test-methods model plan.yaml --methods [wilcoxon,mine:test] --n-replicates 10",
    ),
    "augment": (
        run_augment,
        ("model", "data"),
        "  scgarage augment model cells.h5ad --min-cells 100 --out augmented.h5ad",
    ),
    "evaluate": (
        run_evaluate,
        ("synthetic",),
        "  scgarage evaluate synthetic.h5ad --real cells.h5ad --out evaluation.json --report report.html\n"
        "  scgarage evaluate theirs.h5ad --train train.h5ad --test test.h5ad --labels-key cell_type",
    ),
    "audit": (
        run_audit,
        ("synthetic",),
        "  scgarage audit synthetic.h5ad --real cells.h5ad --out audit.json\n"
        "  scgarage audit theirs.h5ad --train train.h5ad --test test.h5ad --labels-key cell_type",
    ),
    "impute": (
        run_impute,
        ("data",),
        "  scgarage impute cells.h5ad --labels-key cell_type --out imputed.h5ad\n"
        "  scgarage impute cells.h5ad --check --out imputed.h5ad",
    ),
    **ANALYSES,
    **SEQUENCES,
    "benchmark": (
        run_benchmark,
        ("grid",),
        "  scgarage benchmark grid.yaml --out results\n"
        "  scgarage benchmark grid.yaml --out results --only data=pbmc,model=garage --jobs 2",
    ),
    "report": (
        run_report,
        ("synthetic",),
        "  scgarage report synthetic.h5ad --real cells.h5ad --table evaluation.json --out report.html",
    ),
    "models": (run_models, ("name",), "  scgarage models\n  scgarage models garage"),
}

WORKED, FAILED, WRONG_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Terminated(BaseException):
    """SIGTERM has come, from a scheduler whose time is up, say."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    0 when it worked, 1 when the work failed (a model that diverged or cannot make the cells, a fault of scgarage), 2
    when the input or the arguments are wrong or nothing can be written, 130 when it was interrupted, 143 when it was
    stopped by SIGTERM.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    from scgarage.cli.parser import build_parser, normalise, settings_of

    try:
        given = normalise(given)
        parser = build_parser(COMMANDS, asked=given)
        options = parser.parse_args(given)
    except SystemExit as stop:  # help was shown, or the arguments are wrong and it was said
        return int(stop.code or 0)
    if options.version:
        from scgarage import __version__

        say(__version__)
        return WORKED
    if options.command is None:
        parser.print_help()
        return WRONG_INPUT
    function = COMMANDS[options.command][0]
    return _run(function, settings_of(function, options[options.command].as_dict()), debug=options.debug)


def _run(function: Callable[..., None], settings: dict[str, Any], *, debug: bool) -> int:
    try:
        with warnings.catch_warnings(), _termination():
            warnings.showwarning = _show_warning
            function(**settings)
    except Terminated:
        _complain(f"stopped by SIGTERM{_what_is_kept(settings)}")
        return TERMINATED
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except (ScgarageError, OSError) as error:
        if debug:
            raise
        _complain(f"error: {error}")
        return WRONG_INPUT if isinstance(error, InputError | OutputExistsError | OSError) else FAILED
    except Exception as error:
        if debug:
            raise
        _complain(
            f"scgarage failed: {type(error).__name__}: {error}\n"
            "This is a fault of scgarage; run again with --debug first to see where."
        )
        return FAILED
    return WORKED


@contextmanager
def _termination() -> Iterator[None]:
    """Let SIGTERM end the block as an error would, so that nothing half is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_is_kept(settings: dict[str, Any]) -> str:
    """Say whether a training can go on from where it was stopped."""
    folder = settings.get("checkpoint")
    if folder is None:
        return ""
    if (Path(folder) / CHECKPOINT_FILE).exists():
        return f"; the checkpoint is in {folder}, and the same command with --resume goes on from there"
    return f" before there was anything to keep; {folder} holds no checkpoint"


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if issubclass(category, UserWarning):
        _complain(f"warning: {message}")


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


__all__ = ["COMMANDS", "main"]
