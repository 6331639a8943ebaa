import numpy as np
import pytest

from scgarage.report.words import model_words

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
