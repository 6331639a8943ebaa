"""Commands of two words, such as ``analyse attention``."""

from collections.abc import Callable, Mapping, Sequence

from scgarage.cli.output import say

__all__ = ["join_words"]


def join_words(
    arguments: Sequence[str], noun: str, commands: Mapping[str, tuple[Callable[..., None], tuple[str, ...], str]]
) -> list[str]:
    """Make one command of two words: ``analyse attention`` becomes ``analyse-attention``.

    Parameters
    ----------
    arguments
        What the user typed.
    noun
        First word.
    commands
        Commands that begin with it, joined by a hyphen, as in :data:`scgarage.cli.COMMANDS`.

    Raises
    ------
    SystemExit
        When the second word is missing, unknown or asks for help; what there is has been printed then.

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
