from typing import get_args, get_type_hints

import pytest

from scgarage.errors import InputError
from scgarage.models.garage import Garage, GarageConfig
from scgarage.models.garage.model import JITTERS
from scgarage.seeds import SELECTORS


def test_candidates_for_the_jitter_go_from_small_to_one():
    assert list(JITTERS) == sorted(JITTERS)
    assert JITTERS[-1] == 1.0


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"jitter": 1.2}, "jitter must be"),
        ({"jitter": -0.1}, "jitter must be"),
        ({"jitter": "much"}, "jitter must be"),
        ({"seeds": "some"}, "seeds must be one of 'all', 'none', 'attention'.*found 'some'"),
        ({"seed_share": 0.0}, "seed_share is a share"),
        ({"seed_share": 1.5}, "seed_share is a share"),
        ({"n_factors": 0}, "n_factors must be at least 1"),
        ({"n_kept": 0}, "n_kept must be at least 1"),
        ({"max_cells": 0}, "max_cells must be at least 1"),
        ({"objective": "hinges"}, "objective knows no 'hinges'"),
        ({"penalties": ("spectral-norm",)}, "no spectral normalisation"),
    ],
)
def test_odd_settings_are_refused(settings, match):
    with pytest.raises(InputError, match=match):
        Garage(**settings)


@pytest.mark.parametrize("jitter", [0, 0.5, 1, "auto"])
def test_jitters_that_make_sense_are_kept(jitter):
    assert GarageConfig(jitter=jitter).jitter == jitter


@pytest.mark.parametrize("seeds", ["all", "none", *SELECTORS])
def test_every_selector_may_choose_the_seeds(seeds):
    assert GarageConfig(seeds=seeds).seeds == seeds


def test_the_type_of_seeds_names_what_is_accepted():
    assert set(get_args(get_type_hints(GarageConfig)["seeds"])) == {"all", "none", *SELECTORS}
