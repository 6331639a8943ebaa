import numpy as np
import pytest

from scgarage.analyses import PERTURBATION_METHODS, transfer_perturbation
from scgarage.errors import InputError

KEYS = {"labels_key": "type", "condition_key": "condition", "control": "ctrl", "stimulated": "stim"}


@pytest.fixture(scope="module")
def table(two_conditions, small_settings):
    return transfer_perturbation(two_conditions, types=["a"], settings=small_settings, n_pcs=5, **KEYS)


def test_an_effect_that_all_types_share_is_transferred(table):
    values = table.set_index(["method", "metric"])["value"]
    for method in ("mean shift", "floor"):
        assert values[method, "correlation"] > 0.85
        assert values[method, "error"] < 0.5 * values["no change", "error"]
    # Garage transfers a part of the effect at least.
    assert values["garage", "correlation"] > 0.6
    for metric in ("error", "sliced_wasserstein"):
        assert values["garage", metric] < 0.85 * values["no change", metric]
    assert values["no change", "c2st_logistic"] > 0.95


def test_table_is_tidy(table):
    assert tuple(table["method"].unique()) == PERTURBATION_METHODS
    assert set(table["type"]) == {"a"}
    assert not table.duplicated(["type", "method", "metric"]).any()
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"control": "none"}, "condition 'none'"),
        ({"types": ["z"]}, r"types=\['z'\]"),
        ({"labels_key": "absent"}, "no such column"),
    ],
)
def test_bad_requests_are_refused(two_conditions, change, said):
    with pytest.raises(InputError, match=said):
        transfer_perturbation(two_conditions, **KEYS | change)
