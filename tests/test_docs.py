"""What the documents show is run: Python as it stands, command lines up to their arguments."""

import re
import shlex
from pathlib import Path

import matplotlib as mpl
import pytest

from scgarage.cli import COMMANDS
from scgarage.cli.parser import build_parser, normalise

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        found += [(document.name, code) for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]
    return found


def test_readme_shows_both_languages():
    assert {name for name, _ in blocks("python")} >= {"README.md"}
    assert {name for name, _ in blocks("sh")} >= {"README.md"}


@pytest.mark.parametrize(("name", "code"), blocks("python"))
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
