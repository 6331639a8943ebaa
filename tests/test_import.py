"""Importing scgarage, asking for help and commands with little to do load nothing that they do not need."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

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


SAVED = Path(__file__).parent / "models" / "saved_by_0_1_0"
UNUSED = {"igraph", "imblearn", "lightning_fabric", "matplotlib", "ot", "rich", "scanpy", "sklearn", "torch_geometric"}


@pytest.mark.parametrize("model", ["garage", "copula"])
def test_sampling_loads_only_what_it_uses(tmp_path, model):
    arguments = ["sample", str(SAVED / model), "-n", "10", "--out", str(tmp_path / "made.h5ad")]
    found = loaded(HELP.format(arguments=str(arguments)[1:-1], expected="10 synthetic cells"))
    assert "torch" in found
    assert not found & UNUSED


def test_an_output_that_exists_is_refused_before_torch_is_loaded(tmp_path):
    (tmp_path / "model").mkdir()
    code = (
        f"from scgarage.cli import main; assert main(['fit', 'cells.h5ad', '--out', {str(tmp_path / 'model')!r}]) == 2"
    )
    assert not loaded(code) & (UNUSED | {"torch", "numba"})


@pytest.mark.slow
def test_sampling_takes_no_second_more_than_importing_torch(tmp_path):
    resource = pytest.importorskip("resource", reason="measures what the processor did, whatever else it has to do")

    def seconds(*arguments):
        def once():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        once()  # what is compiled on first use is kept
        return median(once() for _ in range(5))

    out = str(tmp_path / "made.h5ad")
    sample = seconds("-m", "scgarage", "sample", str(SAVED / "garage"), "-n", "10", "--out", out, "--overwrite")
    assert sample - seconds("-c", "import torch") < 1
