"""Settings of a grid become a model, with the types that the model wants."""

import pytest

from scgarage.benchmark.contestant import make_contestant
from scgarage.errors import InputError


def test_settings_arrive_and_the_seed_is_the_grids():
    config = make_contestant("garage", {"hidden": [16, 8], "n_factors": 4}, 7).config
    assert (config.hidden, config.n_factors, config.random_state) == ((16, 8), 4, 7)


def test_a_number_in_the_wrong_place_is_refused():
    with pytest.raises(InputError, match="n_factors"):
        make_contestant("garage", {"n_factors": 2.5})
