"""What importing the package and asking for help may load: anndata, pandas and torch take seconds."""

import subprocess
import sys

import pytest

HEAVY = {"anndata", "matplotlib", "numpy", "pandas", "scanpy", "scipy", "sklearn", "torch", "torch_geometric"}
LIST = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded(code: str) -> set[str]:
    bare = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    done = subprocess.run([sys.executable, "-c", f"{code}; {LIST}"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) - set(bare.stdout.split())


def test_importing_loads_the_standard_library_and_nothing_else():
    assert loaded("import scgarage") - set(sys.stdlib_module_names) == {"scgarage"}


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    found = loaded(f"from scgarage.cli import main; main({arguments!r})")
    assert "jsonargparse" in found
    assert found & HEAVY == set()


def test_public_names_are_there_without_being_loaded_before():
    assert "torch" in loaded("import scgarage; scgarage.models.Garage")
    assert "torch" not in loaded("import scgarage; scgarage.read")
