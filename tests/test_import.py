"""Importing scgarage and asking the command line for help load nothing heavy."""

import json
import subprocess
import sys

import pytest

HEAVY = {"anndata", "matplotlib", "numpy", "pandas", "scanpy", "scipy", "sklearn", "torch"}


def loaded(code: str) -> set[str]:
    """Top-level packages outside the standard library that a fresh interpreter has after some code."""
    listing = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    bare, after = (
        set(json.loads(subprocess.run([sys.executable, "-c", text], capture_output=True, check=True).stdout))
        for text in (listing, f"{code}\n{listing}")
    )
    return after - bare - set(sys.stdlib_module_names)


def test_import_loads_nothing_but_scgarage_itself():
    assert loaded("import scgarage") == {"scgarage"}


HELP = """
import contextlib, io
from scgarage.cli import main
with contextlib.redirect_stdout(io.StringIO()) as said:
    assert main([{arguments}]) == 0
assert {expected!r} in said.getvalue()
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("'--help'", "evaluate"), ("'fit', '--help'", "--labels-key"), ("'analyse', '--help'", "attention")],
)
def test_help_loads_nothing_heavy(arguments, expected):
    assert not loaded(HELP.format(arguments=arguments, expected=expected)) & HEAVY
