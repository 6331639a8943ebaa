import numpy as np
import pytest
from scipy import sparse

from scgarage.analyses import DYNAMICS_METHODS, generate_between, interpolate_types, mix_counts
from scgarage.errors import InputError
from scgarage.models import FitOptions, Garage

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


def test_dynamics_bad_requests_are_refused(on_the_way):
    with pytest.raises(InputError, match="state 'absent'"):
        generate_between(on_the_way, **KEYS | {"middle": "absent"})
    with pytest.raises(InputError, match="three different states"):
        generate_between(on_the_way, **KEYS | {"middle": "late"})


@pytest.fixture(scope="module")
def model(on_the_way, small_settings):
    kept = on_the_way[on_the_way.obs["state"] != "middle"].copy()
    options = FitOptions(progress=False, accelerator="cpu")
    return Garage(**small_settings).fit(kept, labels_key="state", options=options)


def test_mixing_counts_has_the_mean_and_variance_of_a_binomial():
    first, second = (sparse.csr_matrix(np.full((4000, 2), value, dtype=np.float32)) for value in (20, 5))
    mixed = mix_counts(first, second, np.full(4000, 0.3), np.random.default_rng(0)).toarray()
    np.testing.assert_allclose(mixed.mean(axis=0), 0.7 * 20 + 0.3 * 5, rtol=0.02)
    np.testing.assert_allclose(mixed.var(axis=0), 0.21 * 25, rtol=0.08)
    for time, side in ((0.0, first), (1.0, second)):
        assert (mix_counts(first, second, np.full(4000, time), np.random.default_rng(0)) != side).nnz == 0


def test_ends_are_the_types_and_the_middle_their_mean(model, on_the_way):
    rates = [on_the_way[on_the_way.obs["state"] == name].X.mean(axis=0).A1 for name in ("early", "late")]
    for time in (0.0, 0.5, 1.0):
        made = interpolate_types(model, "early", "late", np.full(300, time))
        wanted = (1 - time) * rates[0] + time * rates[1]
        assert np.corrcoef(made.X.mean(axis=0).A1, wanted)[0, 1] > 0.98
    assert list(made.var_names) == list(on_the_way.var_names)


def test_seed_decides(model):
    one, two, other = (
        interpolate_types(model, "early", "late", np.linspace(0, 1, 9), random_state=seed).X for seed in (0, 0, 1)
    )
    assert (one != two).nnz == 0
    assert (one != other).nnz > 0


def test_interpolation_bad_requests_are_refused(model):
    with pytest.raises(InputError, match="unknown types"):
        interpolate_types(model, "early", "absent", np.array([0.5]))
    with pytest.raises(InputError, match="outside"):
        interpolate_types(model, "early", "late", np.array([1.5]))
    with pytest.raises(InputError, match="needs a Garage model fitted"):
        interpolate_types(Garage(), "early", "late", np.array([0.5]))
