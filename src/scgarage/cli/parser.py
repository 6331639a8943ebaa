"""Commands of two words, such as ``analyse attention``."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from docstring_parser import DocstringStyle, parse
from jsonargparse import ArgumentParser

from scgarage.cli.analyse import ANALYSES
from scgarage.cli.options import say
from scgarage.cli.sequences import SEQUENCES


def join_words(
    arguments: Sequence[str], noun: str, commands: Mapping[str, tuple[Callable[..., None], tuple[str, ...], str]]
) -> list[str]:
    """Make one command of two words: ``analyse attention`` becomes ``analyse-attention``.

    Examples
    --------
    >>> join_words(["--debug", "analyse", "leakage", "x.h5ad"], "analyse", {"analyse-leakage": (print, (), "")})
    ['--debug', 'analyse-leakage', 'x.h5ad']
    """
    given = list(arguments)
    first = next((place for place, argument in enumerate(given) if not argument.startswith("-")), len(given))
    if given[first : first + 1] != [noun]:
        return given
    second = "".join(given[first + 1 : first + 2])
    if f"{noun}-{second}" in commands:
        given[first : first + 2] = [f"{noun}-{second}"]
        return given
    asked = second in ("-h", "--help")
    if not asked:
        say(f"error: scgarage {noun} {second or 'alone'} is no command")
    say(f"scgarage {noun} takes one of (--help shows the options of each):")
    for name, (function, _, _) in commands.items():
        say(f"  scgarage {noun} {name.removeprefix(f'{noun}-'):15} {(function.__doc__ or '').strip().splitlines()[0]}")
    raise SystemExit(0 if asked else 2)


SHORT = {"-n": "--n-cells"}


class HyphenParser(ArgumentParser):  # type: ignore[misc]
    """Shows options with hyphens; jsonargparse names them as the functions' parameters."""

    def format_help(self) -> str:
        """Return the help text."""
        return re.sub(r"--[a-z][a-z_.]*", lambda option: option[0].replace("_", "-"), super().format_help())


def build_parser(
    commands: dict[str, tuple[Callable[..., None], tuple[str, ...], str]], asked: Collection[str] | None = None
) -> ArgumentParser:
    """Make the parser; only commands that are ``asked`` for get their options, each of which takes milliseconds."""
    from argparse import RawDescriptionHelpFormatter

    from jsonargparse import DefaultHelpFormatter

    class Formatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):  # type: ignore[misc]
        """Keeps the line breaks of descriptions and examples."""

    parser = HyphenParser(
        prog="scgarage",
        description="Synthetic single-cell RNA-seq data, judged against held-out real cells.",
        epilog="First steps: scgarage demo",
        formatter_class=Formatter,
    )
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
    parser.add_argument("--version", action="store_true", help="Show the version and exit.")
    subcommands = parser.add_subcommands(required=False, dest="command")
    for name, (function, positional, examples) in commands.items():
        doc = (function.__doc__ or "").split("\n    Parameters\n")[0]
        sub = HyphenParser(
            prog=f"scgarage {name}",
            description="\n".join(line.removeprefix("    ") for line in doc.strip().splitlines()),
            epilog=f"examples:\n{examples}",
            formatter_class=Formatter,
        )
        if asked is None or name in asked:
            _add_options(sub, function, positional)
        subcommands.add_subcommand(name, sub, help=doc.strip().splitlines()[0])
    return parser


def _add_options(sub: ArgumentParser, function: Callable[..., None], positional: Collection[str]) -> None:
    sub.add_argument("--config", action="config", help="YAML file with options; see --print-config.")
    about = inspect.signature(function).parameters
    for parameter in positional:
        optional = about[parameter].default is None
        sub.add_argument(parameter, type=str, nargs="?" if optional else None, help=_help_of(function, parameter))
    groups = option_groups(function)
    sub.add_function_arguments(function, as_group=False, skip={*positional, *groups})
    for group in groups.values():
        sub.add_class_arguments(group)
    for action in sub._actions:
        if about.get(action.dest) is not None and about[action.dest].annotation is bool:
            action.nargs, action.const = "?", True  # `--overwrite` alone means true
            action.metavar = "true|false"


def normalise(arguments: Sequence[str]) -> list[str]:
    """Spell options as jsonargparse does: ``--labels-key`` becomes ``--labels_key``."""
    result = []
    for argument in join_words(join_words(arguments, "analyse", ANALYSES), "sequences", SEQUENCES):
        option, *value = SHORT.get(argument, argument).split("=", 1)
        if re.fullmatch(r"--[a-z][a-z._-]*", option):
            option = option[:2] + option[2:].replace("-", "_")
        result.append("=".join([option, *value]))
    return result


def option_groups(function: Callable[..., None]) -> dict[str, type[Any]]:
    """Return the parameters of a command that are dataclasses: their fields are options of their own."""
    kinds = {name: parameter.annotation for name, parameter in inspect.signature(function).parameters.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and is_dataclass(kind)}


def settings_of(function: Callable[..., None], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command's arguments from parsed options."""
    left = {name: value for name, value in options.items() if name != "config"}
    settings: dict[str, Any] = {}
    for name, group in option_groups(function).items():
        settings[name] = group(**{field.name: left.pop(field.name) for field in fields(group)})
    return settings | left


def _help_of(function: Callable[..., None], parameter: str) -> str:
    described = parse(function.__doc__ or "", DocstringStyle.NUMPYDOC).params
    return next((entry.description or "" for entry in described if entry.arg_name == parameter), "")
