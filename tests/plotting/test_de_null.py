import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting import de_null


def table(n_synthetic: int, shares: list[float]) -> pd.DataFrame:
    runs = np.arange(len(shares))
    real = pd.DataFrame({"run": runs, "n_real": 10, "n_synthetic": 0, "share": 0.0})
    return pd.concat([real, pd.DataFrame({"run": runs, "n_real": 10, "n_synthetic": n_synthetic, "share": shares})])


def test_means_stand_beside_the_runs_and_real_runs_are_drawn_once():
    ax = de_null(pd.concat([table(100, [0.2, 0.4]), table(20, [0.1, 0.0])]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["real only", "+ 20", "+ 100"]
    assert [text.get_text() for text in ax.texts] == ["0.0%", "5.0%", "30.0%"]
    assert [sorted(line.get_ydata()) for line in ax.lines] == [[0.0, 0.0], [0.0, 0.1], [0.2, 0.4]]


def test_order_of_rows_does_not_matter():
    rows = table(20, [0.1, 0.3, 0.2])
    labels = [[text.get_text() for text in de_null(part).texts] for part in (rows, rows.iloc[::-1])]
    assert labels[0] == labels[1]


@pytest.mark.parametrize("wrong", [pd.DataFrame({"share": [0.1]}), table(5, [1.2]), table(5, []).iloc[:0]])
def test_other_tables_are_refused(wrong):
    with pytest.raises(InputError, match=r"DENullCheck\.table"):
        de_null(wrong)
