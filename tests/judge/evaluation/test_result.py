import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from anndata import AnnData

from scgarage.errors import InputError, OutputExistsError
from scgarage.judge.evaluation import Evaluation, evaluate, read_evaluation
from scgarage.pp import Split


@pytest.fixture(scope="module")
def result(fresh: AnnData, parts: Split) -> Evaluation:
    names = ["coverage", "type_proportion_tv", "label_fidelity"]
    return evaluate(fresh, parts, metrics=names, n_repeats=2, n_top_genes=60, n_pcs=10)


def test_what_was_saved_comes_back(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    path = result.save(tmp_path / "table.csv")
    found = read_evaluation(path, fresh, parts)
    pd.testing.assert_frame_equal(found.table, result.table)
    assert all(result.settings[name] == value for name, value in found.settings.items())
    assert found.verdict() == result.verdict()


def test_json_brings_everything_back(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    found = read_evaluation(result.save(tmp_path / "all.json"), fresh, parts)
    pd.testing.assert_frame_equal(found.table, result.table)
    pd.testing.assert_frame_equal(found.by_type, result.by_type)
    assert len(found.by_type)
    assert found.confusion.keys() == result.confusion.keys()
    for name, cells in found.confusion.items():
        pd.testing.assert_frame_equal(cells, result.confusion[name])
    assert found.settings == result.settings
    assert found.save(tmp_path / "again.json").read_text() == (tmp_path / "all.json").read_text()


def test_csv_holds_no_numbers_by_type(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    found = read_evaluation(result.save(tmp_path / "table.csv"), fresh, parts)
    assert (len(found.by_type), found.confusion) == (0, {})


def test_json_about_other_cells_is_refused(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    path = result.save(tmp_path / "all.json")
    with pytest.raises(InputError, match="about other cells"):
        read_evaluation(path, fresh[:100].copy(), parts)
    path.write_text("{}")
    with pytest.raises(InputError, match="no evaluation"):
        read_evaluation(path, fresh, parts)
    with pytest.raises(InputError, match="does not exist"):
        read_evaluation(tmp_path / "none.json", fresh, parts)


def test_a_type_called_na_stays_a_type(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    result.table.replace("pDC", "NA").to_csv(path, index=False)
    renamed = [cells.copy() for cells in (parts.train, parts.validation, parts.test, fresh)]
    for cells in renamed:
        cells.obs["cell_type"] = cells.obs["cell_type"].cat.rename_categories({"pDC": "NA"})
    found = read_evaluation(path, renamed[3], Split(*renamed[:3], labels_key="cell_type"))
    assert "NA" in set(found.table["group"])


def test_unlabelled_cells_have_no_counts_of_types(
    result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path
) -> None:
    unlabelled = fresh.copy()
    del unlabelled.obs["cell_type"]
    found = read_evaluation(result.save(tmp_path / "table.csv"), unlabelled, parts)
    assert "type_counts" not in found.settings
    assert "Every real type" not in str(found.verdict())


@pytest.mark.parametrize(
    ("text", "message"), [("", "is no table"), ("a,b\n1,2\n", "columns .* are missing"), ('"a', "is no table")]
)
def test_other_files_are_refused(fresh: AnnData, parts: Split, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_evaluation(path, fresh, parts)
    with pytest.raises(InputError, match="does not exist"):
        read_evaluation(tmp_path / "none.csv", fresh, parts)


def test_table_about_other_cells_is_refused(result: Evaluation, fresh: AnnData, parts: Split, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    result.table.replace("pDC", "Mk").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"about other cells: its rare types are \['Mk'\]"):
        read_evaluation(path, fresh, parts)


def test_saved_table_reads_back(result: Evaluation, tmp_path: Path) -> None:
    assert result.save(tmp_path / "table.csv") == tmp_path / "table.csv"
    found = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, na_values=[""])
    pd.testing.assert_frame_equal(found.drop(columns="note"), result.table.drop(columns="note"))
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_existing_file_is_kept_unless_asked(result: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        result.save(path)
    assert path.read_text() == "mine"
    result.save(path, overwrite=True)
    assert path.read_text().startswith("metric,title,group")


def test_report_hands_itself_to_the_report_writer(
    result: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    report = ModuleType("scgarage.report")
    report.write_report = lambda *args, **kwargs: calls.append((args, kwargs)) or args[1]
    monkeypatch.setitem(sys.modules, "scgarage.report", report)
    assert result.report(tmp_path / "report.html", overwrite=True) == tmp_path / "report.html"
    given = {"audit": None, "utility": None, "structure": None, "overwrite": True}
    assert calls == [((result, tmp_path / "report.html"), given)]


def test_short_forms_hold_the_headline(result: Evaluation) -> None:
    headline = result.verdict().headline
    assert repr(result).startswith("Evaluation of 400 synthetic cells: 3 metrics, 2 repeats of ")
    assert repr(result).endswith(headline)
    assert result.text().startswith(str(result.verdict()))
    assert len(result.text().splitlines()) == len(str(result.verdict()).splitlines()) + 2 + len(result.table)
    html = result._repr_html_()
    assert headline in html
    assert html.count("<tr") == len(result.table) + 1


def test_verdict_knows_the_types(result: Evaluation) -> None:
    assert result.settings["type_counts"]["synthetic"]["B"] > 100
    assert "Every real type has synthetic cells." in result.verdict().sentences
