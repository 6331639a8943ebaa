from dataclasses import replace

import numpy as np
import pytest

from scgarage.report import words as facts
from scgarage.report.subject import Subject


@pytest.fixture
def subject(evaluation) -> Subject:
    return Subject.of(evaluation)


def test_nested_settings_are_flattened():
    values = {
        "a": {"b": {"c": 1}},
        "widths": np.array([8, 4]),
        "none": None,
        "on": True,
        "rate": 2e-4,
        "empty": [],
    }
    assert facts.flatten(values) == [
        ("a.b.c", "1"),
        ("widths", "8, 4"),
        ("none", "not set"),
        ("on", "yes"),
        ("rate", "0.0002"),
        ("empty", "none"),
    ]


def test_seconds_become_a_time():
    assert facts.flatten({"fit_seconds": np.float64(754.2)}) == [("fit_time", "12 min 34 s")]


def test_names_of_data_set_and_model(subject, third_party):
    assert facts.data_set_name(subject.split) == "toy blood"
    assert facts.model_name(subject) == "garage-test"
    assert facts.data_set_name(third_party.split) is None
    assert facts.model_name(Subject.of(third_party)) is None


def test_numbers_of_cells_that_were_compared(subject):
    found = dict(facts.compared(subject))
    split = subject.split
    assert found["Real, training"].startswith(f"{split.train.n_obs} cells")
    assert found["Real, held out"].startswith(f"{split.test.n_obs} cells")
    assert found["Synthetic"] == "120 cells, 60 genes"
    assert found["Repeats"].startswith("2 draws")
    assert found["Cell types"].startswith("3, ")


def test_model_settings_leave_out_the_history(subject):
    found = dict(facts.model_settings(subject))
    assert list(found)[:3] == ["model", "version", "fit_time"]
    assert found["parameters.optimiser.learning_rate"] == "0.0002"
    assert not [name for name in found if name.startswith(("history", "versions"))]


def test_versions_now_and_when_fitted(subject):
    table = {name: (now, fitted) for name, now, fitted in facts.version_facts(subject)}
    assert table["torch"][1] == "2.0.0"
    assert table["numpy"] == (np.__version__, "–")


def test_what_was_not_judged_names_metrics_and_groups(subject):
    text = facts.not_judged(subject)
    assert "Wasserstein-1 distance" in text  # in the registry, not among the metrics of the fixture
    assert "Coverage of real cells (k = 5) (<b>&T)" in text
    assert "Sliced Wasserstein distance" not in text


def test_what_other_experiments_looked_at_is_no_longer_named(subject):
    assert "whether a donor could be recognised" in facts.not_judged(subject)
    assert "whether a donor could be recognised" not in facts.not_judged(subject, ["privacy"])


def test_names_of_seed_cells_and_the_audit_are_no_settings(subject):
    about = subject.about | {"seed_cells": np.array(["cell1"]), "jitter": 0.7, "audit": {"verdict": "pass"}}
    cells = subject.synthetic.copy()
    cells.uns["scgarage"] = about
    found = dict(facts.model_settings(replace(subject, synthetic=cells)))
    assert not [name for name in found if name.startswith(("seed_cells", "jitter", "audit"))]


def test_many_missing_numbers_are_counted_by_group(subject):
    table = subject.table.assign(value=np.nan)
    text = facts.not_judged(replace(subject, table=table))
    assert len(table) > facts.MOST_NAMED
    assert f"{(table['group'] == 'all').sum()} metrics of all" in text
