import re

from scgarage.metrics import METRICS
from scgarage.report.subject import Subject
from scgarage.report.words import methods


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
