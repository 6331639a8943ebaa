import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scgarage.errors import OutputExistsError
from scgarage.report import versions, write_report
from scgarage.report.figures import Section
from scgarage.report.numbers import decimals_for, number

VOID = {"meta", "img", "col", "br"}
HEADINGS = [
    "What was compared",
    "Metrics",
    "Rare cell types",
    "The cells in one map",
    "Composition",
    "Gene moments",
    "Library sizes",
    "Training",
    "Settings and versions",
    "How to read this",
]


class Page(HTMLParser):
    """Collect tags, attributes and text, and check that every tag is closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def written(evaluation, tmp_path_factory) -> Path:
    return write_report(evaluation, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_nothing_is_fetched_from_anywhere(written, page):
    content = written.read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import", content)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"}
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(sources) == 6
    assert all(source.startswith("data:image/") for source in sources)
    assert len(content) < 3e6


def test_page_can_be_read_without_eyes(page):
    tags = dict(page.tags)
    assert tags["html"]["lang"] == "en"
    assert all(len(attrs["alt"]) > 5 for tag, attrs in page.tags if tag == "img")
    headers = [attrs for tag, attrs in page.tags if tag == "th"]
    assert headers
    assert all("scope" in attrs for attrs in headers)


def test_sections_come_in_order_after_the_verdict(page, evaluation):
    places = [page.text.index(f" {heading} ") for heading in HEADINGS]
    assert places == sorted(places)
    verdict = evaluation.verdict()
    assert page.text.index(verdict.headline) < places[0]
    for sentence in verdict.sentences:
        assert re.sub(r"\s+", " ", sentence) in page.text
    classes = [attrs.get("class") or "" for tag, attrs in page.tags if tag == "section"]
    assert f"verdict level-{verdict.level.replace(' ', '-')}" in classes


def test_every_number_of_the_table_is_there(page, evaluation):
    rows = evaluation.table[evaluation.table["group"].isin(["all", "rare"])]
    for _, row in rows.iterrows():
        assert row["title"] in page.text.replace("\N{NO-BREAK SPACE}", " ")
        decimals = decimals_for(row[["value", "floor", "null"]])
        for column in ("value", "floor", "null", "score"):
            if np.isfinite(row[column]):
                assert number(row[column], 2 if column == "score" else decimals) in page.text


def test_missing_values_give_their_note_and_no_nan(page):
    assert "too few cells to say (2 held-out cells)" in page.text
    assert not re.search(r"\bnan\b", page.text, flags=re.IGNORECASE)


def test_names_of_types_are_text_and_not_markup(page, written, evaluation):
    for name in evaluation.split.test.obs["kind"].cat.categories:
        assert name in page.text
    content = written.read_text(encoding="utf-8")
    assert "<b>&T" not in content
    assert html.escape("<b>&T") in content


def test_settings_versions_and_names_are_there(page):
    assert "Synthetic cells of toy blood by garage-test" in page.text
    for name, installed in versions().items():
        assert f"{name} {installed}" in page.text
    assert "parameters.n_hidden 64" in page.text
    assert "fit_time 12 min 34 s" in page.text
    assert "synthetic cells are no new samples" in page.text.lower()


@pytest.fixture
def _without_figures(monkeypatch):
    monkeypatch.setattr("scgarage.report.html.picture_sections", lambda subject: [])
    monkeypatch.setattr("scgarage.report.html.score_picture", lambda subject: Section("Scores", None, "None."))


@pytest.mark.usefixtures("_without_figures")
def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(evaluation, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(OutputExistsError, match="exists already"):
        write_report(evaluation, path)
    assert path.read_text() == "old"
    assert write_report(evaluation, path, overwrite=True, title="A <title>") == path
    assert "<title>A &lt;title&gt;</title>" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_third_party_cells_get_a_report_that_says_what_is_missing(third_party, tmp_path):
    page = Page(third_party.report(tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "not named by the cells" in page.text
    assert "The synthetic cells carry no training history." in page.text
    assert "The synthetic cells say nothing about the model" in page.text
    assert "were predicted" in page.text
    assert [heading for heading in HEADINGS if f" {heading} " not in page.text] == []


@pytest.mark.usefixtures("_without_figures")
def test_without_rare_types_the_report_says_so(evaluation, tmp_path):
    table = evaluation.table[evaluation.table["group"] == "all"]
    settings = evaluation.settings | {"rare_types": []}
    path = write_report(replace(evaluation, table=table, settings=settings), tmp_path / "report.html")
    assert "No cell type counts as rare" in Page(path.read_text(encoding="utf-8")).text
