import pytest

from scgarage.analyses import HARMONISATION_METHODS, harmonise
from scgarage.errors import InputError

KEYS = {"labels_key": "type", "batch_key": "condition"}


@pytest.fixture(scope="module")
def table(two_conditions, small_settings):
    return harmonise(two_conditions, target="stim", settings=small_settings, n_pcs=5, perplexity=15, **KEYS)


def test_a_batch_effect_goes_away_and_types_stay(table):
    values = table.set_index(["metric", "method"])["value"]
    assert tuple(table["method"].unique()) == HARMONISATION_METHODS
    assert values["mixing", "before"] < 0.1
    for method in ("garage", "mean shift", "floor"):
        assert values["mixing", method] > 0.6
        assert values["separation", method] > 0.9


def test_bad_requests_are_refused(two_conditions):
    with pytest.raises(InputError, match="one of several batches; found ctrl, stim"):
        harmonise(two_conditions, target="absent", **KEYS)
    with pytest.raises(InputError, match="no such column"):
        harmonise(two_conditions, target="stim", labels_key="type", batch_key="absent")
