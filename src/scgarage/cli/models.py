"""``scgarage models``."""

import inspect
from dataclasses import fields

from scgarage.cli.output import say

__all__ = ["run_models"]


def run_models(name: str | None = None) -> None:
    """List the models, or the settings of one.

    Parameters
    ----------
    name
        Model to describe.
    """
    from scgarage.models import MODELS, OPTIONAL_MODELS, model_class

    if name is None:
        width = max(map(len, MODELS))
        for key, kind in MODELS.items():
            say(f"{key:<{width}}  {_first_line(kind)}")
        for key, kind in OPTIONAL_MODELS.items():
            say(f"{key:<{width}}  {_first_line(kind)} Needs a package that is not installed by default.")
        say("\nSettings of one: scgarage models NAME")
        return
    kind = model_class(name)
    say(inspect.getdoc(kind) or name)
    say("\nSettings (--params.NAME VALUE):")
    described = _descriptions(kind.Config)
    for field in fields(kind.Config):
        say(f"  {field.name} = {field.default!r}")
        say(f"      {described.get(field.name, '')}")


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _descriptions(config: type) -> dict[str, str]:
    """Read the Attributes section of a numpydoc docstring; one entry may name several settings."""
    from docstring_parser import DocstringStyle, parse

    described = {}
    for entry in parse(inspect.getdoc(config) or "", DocstringStyle.NUMPYDOC).params:
        for name in entry.arg_name.split(","):
            described[name.strip()] = " ".join((entry.description or "").split())
    return described
