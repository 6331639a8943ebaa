from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError, OutputExistsError
from scgarage.io.result import FileResult, FolderResult, plain_value, read_json, to_csv, to_json

NAN = float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class Toy(FileResult):
    settings: dict[str, Any]

    def words(self) -> str:
        return "Few <cells>.\nMore words."

    def _content(self) -> dict[str, Any]:
        return {"settings": self.settings, "table": self.table}


class ToyFolder(FolderResult):
    def sentences(self) -> list[str]:
        return ["two rows"]

    def _files(self) -> dict[str, str | bytes]:
        return {"toy.csv": to_csv(self.table), "toy.json": to_json({"n": len(self.table)})}


@pytest.fixture
def toy() -> Toy:
    table = pd.DataFrame({"metric": ["a", "b"], "value": [0.5, NAN]})
    return Toy(table, {"n": np.int64(3), "shares": np.array([0.5, np.inf]), "types": ("B",), "layer": None})


def test_json_has_null_for_a_missing_number(toy, tmp_path):
    found = read_json(toy.save(tmp_path / "toy.json"))
    assert found["settings"] == {"n": 3, "shares": [0.5, None], "types": ["B"], "layer": None}
    assert found["table"] == [{"metric": "a", "value": 0.5}, {"metric": "b", "value": None}]


def test_csv_holds_names_of_rows_and_no_numbers_of_rows(toy, tmp_path):
    assert toy.save(tmp_path / "toy.csv").read_text() == "metric,value\na,0.5\nb,\n"
    named = Toy(toy.table.set_index("metric"), {})
    assert named.save(tmp_path / "named.csv").read_text() == "metric,value\na,0.5\nb,\n"


def test_another_ending_and_an_existing_file_are_refused(toy, tmp_path):
    with pytest.raises(InputError, match=r"neither in \.json nor in \.csv"):
        toy.save(tmp_path / "toy.pdf")
    toy.save(tmp_path / "toy.csv")
    with pytest.raises(OutputExistsError):
        toy.save(tmp_path / "toy.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.csv"]


def test_words_come_first_and_are_escaped(toy):
    assert toy.text().startswith("Few <cells>.\nMore words.\n\nmetric")
    assert "0.500" in toy.text()
    assert toy._repr_html_().startswith("<p>Few &lt;cells&gt;.</p><table")


def test_a_folder_holds_all_files_or_none(tmp_path):
    result = ToyFolder(pd.DataFrame({"a": [1]}))
    assert [path.name for path in result.save(tmp_path)] == ["toy.csv", "toy.json"]
    (tmp_path / "toy.csv").unlink()
    with pytest.raises(OutputExistsError):
        result.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.json"]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.array([1, 0], dtype=bool), [True, False]),
        (np.float32(0.5), 0.5),
        (NAN, None),
        ({1: [NAN]}, {"1": [None]}),
        (pd.Timestamp(0), "1970"),
    ],
)
def test_plain_values(value, plain):
    found = plain_value(value)
    assert found.startswith(plain) if isinstance(plain, str) else found == plain


@pytest.mark.parametrize(("text", "message"), [("{", "no JSON"), ("[1]", "holds a list")])
def test_other_json_is_refused(tmp_path, text, message):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_json(tmp_path / "other.json")
