import pandas as pd
import pytest

from scgarage.judge.evaluation.verdict import verdict
from scgarage.report.tables import lights, sentence_lights

COLUMNS = ["metric", "title", "group", "value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score", "better"]
COUNTS = {"real": {"B": 900, "T": 100}, "synthetic": {"B": 100}}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("c2st_forest", "Forest", "all", 0.97, 0.01, 0.5, 0.01, 0.99, 0.01, 0.95, "target 0.5"),
        ("sliced_wasserstein", "Distance", "all", 2.0, 0.01, 1.0, 0.01, 5.0, 0.1, 0.25, "lower"),
        ("coverage", "Coverage", "all", 0.9, 0.01, 0.9, 0.01, 0.1, 0.1, 0.0, "higher"),
        ("coverage", "Coverage", "T", 0.7, 0.01, 0.9, 0.01, 0.1, 0.1, 0.2, "higher"),
        ("coverage", "Coverage", "NK", 0.2, 0.01, 0.9, 0.01, 0.1, 0.1, 0.9, "higher"),
        ("wasserstein_1", "W1", "all", 9.0, 0.01, 1.0, 0.01, 5.0, 0.1, 2.0, "lower"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS).assign(n_cells=100, n_repeats=5, note="")


def test_colours_follow_the_thresholds_of_the_verdict(table):
    found = {key: light.css for key, light in lights(table).items()}
    assert found == {
        ("c2st_forest", "all"): "red",
        ("sliced_wasserstein", "all"): "amber",
        ("coverage", "all"): "green",
        ("coverage", "T"): "green",
        ("coverage", "NK"): "amber",
    }


def test_a_metric_without_a_threshold_has_no_light(table):
    assert ("wasserstein_1", "all") not in lights(table)


def test_sentences_of_the_verdict_find_their_lights(table):
    said = verdict(table, type_counts=COUNTS).sentences
    found = sentence_lights(table, COUNTS)
    words = [found[sentence].word if sentence in found else "" for sentence in said]
    # Forest, distance, coverage; between real cells and noise: none; scarcely covered: none; missing types.
    assert words[:3] == ["poor", "with care", "close"]
    (missing,) = [sentence for sentence in said if sentence.startswith("No synthetic cell of T")]
    assert found[missing].css == "red"


def test_order_of_the_rows_does_not_matter(table):
    assert lights(table.iloc[::-1]) == lights(table)
