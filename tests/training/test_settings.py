"""Settings refuse numbers out of range."""

import pytest

from scgarage.errors import InputError
from scgarage.training import TrainSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_iterations", 0),
        ("validate_every", 0),
        ("log_every", -1),
        ("checkpoint_every", 0),
        ("patience", 0),
        ("ema_decay", 1.0),
        ("ema_decay", 0.0),
        ("random_state", -1),
        ("precision", "16-mixed"),
    ],
)
def test_value_out_of_range_is_named(name: str, value: object):
    with pytest.raises(InputError, match=name):
        TrainSettings(**{"n_iterations": 5, name: value})
