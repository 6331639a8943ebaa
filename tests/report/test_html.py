import html
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError, OutputExistsError
from scgarage.judge.evaluation import read_evaluation
from scgarage.judge.privacy import Audit
from scgarage.report import versions, write_report
from scgarage.report.figures import Section
from scgarage.report.tables import decimals_for, number

VOID = {"meta", "img", "col", "br", "input"}
HEADINGS = [
    "What was compared",
    "The cells in one map",
    "Rare cell types",
    "Cell types",
    "Privacy",
    "Finding rare cells",
    "Metrics",
    "What tells the types apart",
    "Genes and counts",
    "Structure",
    "Training",
    "Methods, ready to paste",
    "Settings and versions",
    "How to read this",
]


def toy_audit() -> Audit:
    rows = [
        ("exact_copies", "all", 120, 3.0, 3.0, 3.0, 0.0, 0.0, False, ""),
        ("distance_auroc", "rare", 10, 0.5, 0.3, 0.7, 0.5, 0.55, None, "cannot say: the interval is too wide"),
    ]
    columns = ["check", "group", "n_cells", "value", "low", "high", "floor", "threshold", "passed", "note"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(passed=pd.Series([False, None], dtype=object))
    return Audit(table, "fail", ("Fail: training cells can be told from others. Copies.", "No pass is a proof."), {})


class Page(HTMLParser):
    """Collect tags, attributes and text, and check that every tag is closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if self.open and self.open[-1] not in {"style", "script"}:
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
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", content)
    # Addresses of references are text, never something that the page loads.
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:|//)", content)
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "base", "form"}
    assert [attrs for tag, attrs in page.tags if tag == "script" and "src" in attrs] == []
    assert "default-src 'none'" in content
    sources = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    # The figure of topology is there when its packages are.
    assert len(sources) == 12 + all(find_spec(name) for name in ("ripser", "persim"))
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
    assert page.headings == HEADINGS
    verdict = evaluation.verdict()
    assert page.text.index(verdict.headline) < page.text.index("What was compared")
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
    assert re.search(r"too few cells\s+2 held-out cells", page.text)
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
    none = Section("Nothing", None, "None.")
    for name in ("score_picture", "composition_picture", "history_picture", "embedding_picture", "confusion_picture"):
        monkeypatch.setattr(f"scgarage.report.html.{name}", lambda *_: none)
    for name in ("gene_pictures", "type_pictures"):
        monkeypatch.setattr(f"scgarage.report.html.{name}", lambda *_: [])


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
    assert page.headings == HEADINGS


@pytest.mark.usefixtures("_without_figures")
def test_without_rare_types_the_report_says_so(evaluation, tmp_path):
    table = evaluation.table[evaluation.table["group"] == "all"]
    settings = evaluation.settings | {"rare_types": []}
    path = write_report(replace(evaluation, table=table, settings=settings), tmp_path / "report.html")
    assert "No cell type counts as rare" in Page(path.read_text(encoding="utf-8")).text


def test_what_was_not_run_says_so_and_how_to_run_it(page):
    assert page.text.count("Not run") >= 3
    assert "scgarage audit synthetic.h5ad --real cells.h5ad" in page.text
    assert "compare_clusters" in page.text
    assert "whether a donor could be recognised" in page.text


def test_only_metrics_with_a_threshold_have_a_light(written):
    content = written.read_text(encoding="utf-8")
    table = content[content.index('<table class="metrics">') :]
    rows = re.findall(r"<tr>.*?</tr>", table[: table.index("</table>")], flags=re.DOTALL)
    lit = {title for row in rows for title in re.findall(r'<th scope="row">([^<&(]+)', row) if "lamp" in row}
    assert {title.strip().replace("\N{NO-BREAK SPACE}", " ") for title in lit} == {
        "Sliced Wasserstein distance",
        "Coverage of real cells",
        "Share nearer to training than to held-out cells",
    }


def test_every_type_has_a_row_with_value_and_floor(page):
    table = page.text[page.text.index("Every type: numbers of cells") : page.text.index(" Privacy Not run")]
    for name in ("T cell", "B cell"):
        assert re.search(rf"{name}( [\d,]+){{3}} \d\.\d\d floor \d\.\d\d", table)
    assert "<b>&T rare" in table


@pytest.mark.usefixtures("_without_figures")
def test_an_audit_that_the_cells_carry_is_shown(evaluation, tmp_path):
    synthetic = evaluation.synthetic.copy()
    synthetic.uns["scgarage"] = synthetic.uns["scgarage"] | {"audit": toy_audit().record()}
    path = replace(evaluation, synthetic=synthetic).report(tmp_path / "report.html")
    text = Page(path.read_text(encoding="utf-8")).text
    assert "Fail: training cells can be told from others." in text
    assert "membership inference by a distance attack" in text
    assert "whether a donor could be recognised" not in text


def test_anything_else_in_place_of_an_audit_is_refused_before_anything_is_drawn(evaluation, tmp_path):
    with pytest.raises(InputError, match=r"pass what sg\.audit"):
        evaluation.report(tmp_path / "report.html", audit={"passed": True})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_without_figures")
def test_a_table_that_was_read_from_csv_says_where_numbers_by_type_are(evaluation, page, tmp_path):
    how = "scgarage evaluate --out evaluation.json"
    assert how not in page.text
    found = read_evaluation(evaluation.save(tmp_path / "table.csv"), evaluation.synthetic, evaluation.split)
    assert how in Page(found.report(tmp_path / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.usefixtures("_without_figures")
def test_json_holds_all_that_the_report_shows(evaluation, tmp_path):
    found = read_evaluation(evaluation.save(tmp_path / "all.json"), evaluation.synthetic, evaluation.split)
    pages = [result.report(tmp_path / f"{name}.html") for name, result in (("a", found), ("b", evaluation))]
    assert pages[0].read_text(encoding="utf-8") == pages[1].read_text(encoding="utf-8")


IMPORTS = (
    "import scgarage as sg; report = sg.report",
    "import scgarage.report; import scgarage as sg; report = sg.report",
    "import scgarage as sg; sg.report; from scgarage.report import versions; report = sg.report",
    "from scgarage import report",
)


@pytest.mark.parametrize("code", IMPORTS)
def test_the_package_is_the_function_however_it_was_imported(code):
    check = "from inspect import signature; assert list(signature(report).parameters)[:2] == ['evaluation', 'path']"
    ask = "from pathlib import Path\ntry: report(None, Path.cwd())\nexcept FileExistsError: print('called')"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{check}\n{ask}"], capture_output=True, text=True, check=True)
    assert done.stdout == "called\n"


def test_the_report_never_imports_the_judge():
    code = "import sys, scgarage.report; print([name for name in sys.modules if name.startswith('scgarage.judge')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
