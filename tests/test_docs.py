"""What the documents show is run: Python as it stands, command lines up to their arguments."""

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import pytest

import scgarage as sg
from scgarage.cli import COMMANDS
from scgarage.cli.parser import build_parser, normalise

ROOT = Path(__file__).parents[1]
MADE = {"_build", "generated"}
"""Folders that Sphinx makes."""
DOCUMENTS = sorted(
    [ROOT / "README.md", *(path for path in ROOT.glob("docs/**/*.md") if not MADE & set(path.relative_to(ROOT).parts))]
)
TUTORIALS = [path for path in DOCUMENTS if path.parent.name == "tutorials" and path.name != "index.md"]


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        found += [(document.name, code) for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]
    return found


def test_readme_shows_both_languages():
    assert {name for name, _ in blocks("python")} >= {"README.md"}
    assert {name for name, _ in blocks("sh")} >= {"README.md"}


# The blocks of contributing.md are files and registry lines; tests/test_contributing.py runs them.
RUN = [(name, code) for name, code in blocks("python") if name != "contributing.md"]


@pytest.mark.parametrize(("name", "code"), RUN)
def test_python_runs_as_shown(name, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        exec(compile(code, name, "exec"), {"__name__": "__docs__"})


LINES = [
    line.split("#")[0].strip() for _, code in blocks("sh") for line in code.splitlines() if line.startswith("scgarage ")
]


@pytest.mark.parametrize("line", LINES)
def test_command_lines_are_accepted(line):
    build_parser(COMMANDS).parse_args(normalise(shlex.split(line)[1:]))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith("http")]
    missing = [link for link in local if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_run(tutorial, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = re.findall(r"```\{code-cell\}[^\n]*\n(.*?)```", tutorial.read_text(encoding="utf-8"), re.DOTALL)
    with mpl.rc_context({"backend": "agg"}):
        exec(compile("\n".join(cells), tutorial.name, "exec"), {"__name__": "__docs__"})


def test_tutorials_are_notebooks_for_all_jobs():
    assert {path.stem for path in TUTORIALS} >= {
        "end-to-end", "biological-validation", "rare-cells", "benchmark", "imputation", "privacy",
    }  # fmt: skip
    for tutorial in TUTORIALS:
        text = tutorial.read_text(encoding="utf-8")
        assert text.startswith("---\njupytext:")
        assert "```{code-cell}" in text


@pytest.mark.parametrize(
    ("document", "module", "registry"),
    [
        ("evaluation.md", "scgarage.metrics", "METRICS"),
        ("models.md", "scgarage.models", "MODELS"),
        ("imputation.md", "scgarage.imputation", "IMPUTERS"),
        ("rare-cells.md", "scgarage.judge.rare", "COMPARATORS"),
        ("rare-cells.md", "scgarage.judge.rare", "PIPELINES"),
    ],
)
def test_everything_in_a_registry_is_described(document, module, registry):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    assert [name for name in getattr(import_module(module), registry) if f"`{name}`" not in text] == []


def test_architecture_names_every_room_and_the_layers_that_are_checked():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path for path in (ROOT / "src/scgarage").iterdir() if not path.name.startswith(("_", "py.typed"))]
    names = [f"{path.name}/" if path.is_dir() else path.name for path in rooms]
    assert [name for name in names if f"`{name}" not in text] == []
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert re.search(r"```\n(cli\n.*?)```", text, re.DOTALL)[1].split("\n")[:-1] == contracts[0]["layers"]


def test_api_lists_every_public_package():
    listed = set(
        re.findall(r"^   (scgarage\.\w+)$", (ROOT / "docs/api/index.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    public = {getattr(sg, name) for name in sg.__all__ if type(getattr(sg, name)).__name__ == "module"}
    assert {module.__name__ for module in public} - listed == set()


def test_every_command_is_on_the_page_of_the_command_line():
    text = (ROOT / "docs/guide/command-line.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z -]+)`", text))
    assert [
        name for name in COMMANDS if not {name, name.removeprefix("analyse-"), name.replace("-", " ")} & words
    ] == []
