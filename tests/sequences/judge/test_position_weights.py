import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from scgarage.errors import InputError
from scgarage.sequences import MOTIFS, position_weights, position_weights_distance, simulate_sequences


@pytest.fixture(scope="module")
def sides():
    real = simulate_sequences({"a": [MOTIFS["cre"]]}, 200, 15, places=(2, 2))
    return real, simulate_sequences({"a": [MOTIFS["tata-box"]]}, 200, 15, places=(2, 2))


def test_shares_against_one_position_at_a_time(sides):
    real, _ = sides
    for position, row in enumerate(position_weights(real)):
        np.testing.assert_allclose(row, np.bincount(real.codes[:, position], minlength=4) / 200)


def test_distance_is_the_mean_over_positions(sides):
    pairs = zip(*map(position_weights, sides), strict=True)
    wanted = np.mean([jensenshannon(p, q, base=2) for p, q in pairs])
    assert position_weights_distance(*sides) == pytest.approx(wanted)
    assert position_weights_distance(sides[0], sides[0]) == 0


def test_lengths_must_agree(sides):
    with pytest.raises(InputError, match="same to be compared"):
        position_weights_distance(sides[0], simulate_sequences({"a": [MOTIFS["cre"]]}, 5, 16))
