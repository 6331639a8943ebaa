import pytest

from scgarage.augmentation import FIRST, GAINS, augmentation_evidence
from scgarage.errors import InputError


@pytest.mark.parametrize("classifier", list(GAINS))
@pytest.mark.parametrize(("n_cells", "near"), [(1, 5), (9, 10), (14, 10), (400, 20), (None, 10)])
def test_the_number_of_the_nearest_experiment_is_given(classifier, n_cells, near):
    text = augmentation_evidence(classifier, n_cells=n_cells)
    assert f"{near} training cells: {GAINS[classifier][1][near][0]:+.3f}" in text
    assert ("expect less" in text) == (n_cells == 400)
    assert text.endswith(FIRST)


def test_intervals_hold_their_gains():
    for _, gains in GAINS.values():
        assert all(low <= gain <= high for gain, low, high in gains.values())


def test_without_a_classifier_all_are_named_and_another_is_refused():
    assert "linear classifiers .00 to .01" in augmentation_evidence()
    with pytest.raises(InputError, match=r"'svm'.*'forest'"):
        augmentation_evidence("svm")
