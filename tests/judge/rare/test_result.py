import numpy as np
import pandas as pd
import pytest

from scgarage.judge.rare.result import direction, sentences
from scgarage.judge.rare.scores import best_pipelines, summarise


def row(low, high, t_low=np.nan, t_high=np.nan, n_splits=20):
    return {"low": low, "high": high, "t_low": t_low, "t_high": t_high, "n_splits": n_splits}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (row(0.01, 0.1), 1),
        (row(-0.1, -0.01), -1),
        (row(-0.1, 0.1), 0),
        (row(0.01, 0.1, -0.05, 0.2), 0),
        (row(0.01, 0.1, 0.005, 0.2), 1),
        (row(np.nan, np.nan), 0),
        (row(0.01, 0.1, n_splits=4), 0),
    ],
)
def test_a_direction_needs_every_interval_and_enough_splits(case, expected):
    assert direction(case) == expected


def told(auprc, f1, macro_f1):
    """Return sentences for a generator whose scores differ from the comparator's by the given amounts."""
    rng = np.random.default_rng(0)
    rows = []
    for split in range(20):
        for metric, gain in (("auprc", auprc), ("f1", f1), ("macro_f1", macro_f1)):
            for name, kind, level in (("none", "comparator", 0.5), ("gen", "synthetic", 0.5 + gain)):
                about = {"data_set": "one", "setting": "5 training cells", "split": split, "target": "a", "k": 5}
                value = level + rng.normal(0, 0.01)
                rows.append(
                    about | {"comparator": name, "kind": kind, "pipeline": "knn", "metric": metric, "value": value}
                )
    table = pd.DataFrame(rows)
    return " ".join(sentences(summarise(table), best_pipelines(table, "auprc")))


def test_a_gain_is_called_a_gain():
    text = told(0.1, 0.1, 0.0)
    assert "5 training cells: Synthetic cells helped." in text
    assert "higher for knn +0.1" in text
    assert "moved threshold" not in text
    assert "macro-F1 over all types is lower" not in text


def test_a_loss_is_called_a_loss():
    text = told(-0.1, -0.1, -0.1)
    assert "Synthetic cells did not help, the best without them is better." in text
    assert "lower for knn" in text
    assert "macro-F1 over all types is lower than the best comparator's for gen with knn" in text


def test_f1_without_auprc_is_called_a_moved_threshold():
    text = told(0.0, 0.2, 0.0)
    assert "It is not shown that synthetic cells helped" in text
    assert "F1 rose and AUPRC is not shown to have risen (gen with knn); a moved threshold would explain it." in text
