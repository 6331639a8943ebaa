import pytest

from scgarage.training.monitor import collapse_advice

GOOD = {"type_coverage": 1.0, "neighbour_diversity": 0.9, "jacobian_rank": 10.0}


@pytest.mark.parametrize(
    ("changed", "words", "help_"),
    [
        ({"type_coverage": 0.4}, "reach 40 % of the types", "objective='relativistic'"),
        ({"neighbour_diversity": 0.2}, "0.20 times as far apart", "penalties=['r1:1']"),
        ({"jacobian_rank": 1.2}, "1.2 directions", "n_latent"),
    ],
)
def test_each_sign_has_its_own_advice(changed, words, help_):
    (sentence,) = collapse_advice(GOOD | changed)
    assert words in sentence
    assert help_ in sentence


def test_all_signs_together_and_none():
    assert len(collapse_advice({"type_coverage": 0.1, "neighbour_diversity": 0.0, "jacobian_rank": 0.0})) == 3
    assert collapse_advice(GOOD)[0].startswith("No sign of mode collapse")


def test_what_was_not_measured_is_not_judged():
    assert collapse_advice({}) == []
    assert collapse_advice({"type_coverage": float("nan")}) == []
    assert collapse_advice({"neighbour_diversity": 0.9})[0].startswith("No sign")
