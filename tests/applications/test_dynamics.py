import pytest

from scgarage.analyses import DYNAMICS_METHODS, generate_between
from scgarage.errors import InputError

KEYS = {"labels_key": "state", "start": "early", "middle": "middle", "end": "late"}


@pytest.fixture(scope="module")
def table(on_the_way, small_settings):
    return generate_between(on_the_way, settings=small_settings, n_pcs=5, **KEYS)


def test_cells_between_are_found_where_the_way_is_straight(table):
    values = table.set_index(["method", "metric"])["value"]
    assert tuple(table["method"].unique()) == DYNAMICS_METHODS
    for method in ("garage", "mixed counts", "floor"):
        assert values[method, "correlation"] > 0.9
        assert values[method, "sliced_wasserstein"] < 0.5 * values["ends", "sliced_wasserstein"]
    assert values["nearest observed", "sliced_wasserstein"] > values["mixed counts", "sliced_wasserstein"]


def test_bad_requests_are_refused(on_the_way):
    with pytest.raises(InputError, match="state 'absent'"):
        generate_between(on_the_way, **KEYS | {"middle": "absent"})
    with pytest.raises(InputError, match="three different states"):
        generate_between(on_the_way, **KEYS | {"middle": "late"})
