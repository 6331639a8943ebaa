import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting import confusion


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame([[9, 1], [0, 5], [0, 0]], index=["B", "T", "unsure"], columns=["B", "T"])


def test_rows_are_percent_of_a_label_and_an_empty_one_stays_empty(table):
    left, right = confusion({"real": table, "synthetic": 3 * table}).axes
    written = [(text.get_position(), text.get_text()) for text in left.texts]
    assert written == [((0, 0), "90"), ((1, 0), "10"), ((1, 1), "100")]
    assert written == [(text.get_position(), text.get_text()) for text in right.texts]


def test_other_types_are_refused(table):
    with pytest.raises(InputError, match="same labels and types"):
        confusion({"real": table, "synthetic": table.iloc[:2]})
    with pytest.raises(InputError, match="no source"):
        confusion({})
