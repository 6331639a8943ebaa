"""What pyproject.toml declares is what the code imports, and what its messages ask for."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {
    "persim": "persim",
    "ripser": "ripser",
    "scdesigner": "scdesigner",
    "scvi": "scvi-tools",
    "pyarrow": "pyarrow",
}
"""Modules that only an extra brings, and that may be absent here: module -> distribution."""

ONLY_BY_OTHERS = {
    "igraph": "scanpy's Leiden clusters ask for it when they run",
    "pynndescent": "a cap on what scanpy brings: 0.7 crashes its neighbours",
}
"""Declared without being imported, with the reason."""


def names(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", requirement).group()) for requirement in requirements}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    """Return the top-level modules that the code imports anywhere, lazily or by name."""
    found = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
                found |= {str(given.value).partition(".")[0] for given in node.args if isinstance(given, ast.Constant)}
    return found - set(sys.stdlib_module_names) - {"scgarage"}


def distributions(modules: set[str]) -> dict[str, str]:
    known = packages_distributions()
    return {module: normal(EXTRAS.get(module) or known[module][0]) for module in modules}


def test_every_imported_distribution_is_declared():
    declared = names(PROJECT["dependencies"])
    for requirements in PROJECT["optional-dependencies"].values():
        declared |= names(requirements)
    assert {module for module, name in distributions(imported()).items() if name not in declared} == set()


def test_every_dependency_is_imported():
    used = set(distributions(imported()).values())
    assert names(PROJECT["dependencies"]) - used - set(ONLY_BY_OTHERS) == set()


def test_extras_that_messages_name_exist():
    text = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES)
    asked = set(re.findall(r"scgarage\[(\w+)\]", text))
    assert asked
    assert asked <= set(PROJECT["optional-dependencies"])


def test_the_version_stands_in_the_citation_too():
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    assert cited == PROJECT["version"]
