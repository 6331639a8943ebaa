import platform
import re
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from scgarage.metrics import METRICS
from scgarage.report import versions
from scgarage.report import words as facts
from scgarage.report.subject import Subject
from scgarage.report.words import methods, model_words


@pytest.fixture
def subject(evaluation) -> Subject:
    return Subject.of(evaluation)


def test_nested_settings_are_flattened():
    values = {"a": {"b": {"c": 1}}, "widths": np.array([8, 4]), "none": None, "on": True, "rate": 2e-4, "empty": []}
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


def test_paragraph_names_what_was_done(evaluation):
    found = methods(Subject.of(evaluation))
    text = " ".join(found.sentences)
    parts = evaluation.split
    assert f"({parts.train.n_obs}, {parts.validation.n_obs} and {parts.test.n_obs})" in text
    assert "with the model garage-test of scgarage 0.0.1" in text
    assert "In each of 2 repeats" in text
    for name in set(evaluation.table["metric"]):
        assert METRICS[name].title[1:] in text
    assert "training cells drawn again" in text


def test_every_number_in_brackets_has_its_reference_and_the_reverse(evaluation):
    found = methods(Subject.of(evaluation), audited=True)
    numbers = [int(n) for group in re.findall(r"\[([\d, ]+)\]", " ".join(found.sentences)) for n in group.split(",")]
    assert sorted(set(numbers)) == list(range(1, len(found.references) + 1))
    assert numbers == sorted(numbers)  # in the order in which they are cited
    assert len(set(found.references)) == len(found.references)


def test_cells_that_say_nothing_and_no_audit(third_party):
    found = methods(Subject.of(third_party))
    assert found.sentences[0] == "120 synthetic cells were judged."
    assert "membership inference" not in " ".join(found.sentences)


ABOUT = {
    "n_train": 351,
    "n_iterations": 200,
    "best_step": 150,
    "fit_seconds": 8.24,
    "jitter": 0.85,
    "refined": np.zeros(1, dtype=np.bool_)[0],
    "start_score": 0.25,
    "refined_score": 0.26,
    "refused_copies": np.int64(0),
    "seed_cells": np.array(["a", "b", "c"]),
}


def test_everything_the_default_model_says_is_in_words():
    fit, seeds, adversary, copies = model_words(ABOUT)
    assert fit == "Fitted on 351 training cells within 8.2 s; 200 iterations, step 150 kept."
    assert seeds.startswith("The generator was fed 3 training cells as seeds, moved by 0.85")
    assert "not used" in adversary
    assert adversary.endswith("went from 0.25 to 0.26.")
    assert copies == "No drawn cell equalled a training cell."


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"refined": True}, "The adversarial stage was used: "),
        ({"refined_score": None}, "The adversarial stage was not trained"),
        ({"refused_copies": 1}, "1 drawn cell equalled a training cell and was drawn anew."),
        (
            {"refused_near": 1200},
            "No drawn cell equalled a training cell. 1,200 drawn cells lay too near to a training cell without being "
            "equal and were drawn anew.",
        ),
    ],
)
def test_each_outcome_has_its_words(changes, text):
    assert any(sentence.startswith(text) for sentence in model_words(ABOUT | changes))


def test_a_model_that_says_nothing_gets_no_words():
    assert model_words({}) == []
    assert model_words({"model": "somebody's"}) == []


def test_signs_of_mode_collapse_stand_with_their_advice():
    found = {
        "type_coverage": 0.25,
        "neighbour_diversity": np.float64(0.1),
        "advice": np.array(["Do this.", "Do that."]),
    }
    measured, *advice = model_words({"diagnosis": found})
    assert "25 % of the types reached, cells 0.10 times as far apart as real ones." in measured
    assert advice == ["Do this.", "Do that."]
    assert model_words({"diagnosis": None}) == []


def test_versions_are_those_installed():
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["python"] == platform.python_version()
    assert found["scgarage"] == version("scgarage")


def test_a_package_that_is_absent_is_called_so(monkeypatch):
    # The package exports a function of the module's name, which hides the module.
    module = sys.modules["scgarage.report.words"]
    monkeypatch.setattr(module, "PACKAGES", ("no-such-distribution",))
    assert versions()["no-such-distribution"] == "not installed"
