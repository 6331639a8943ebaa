import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import (
    MOTIFS,
    independent_letters,
    kmer_distance,
    markov_chain,
    position_letters,
    position_weights,
    simulate_sequences,
)


@pytest.fixture(scope="module")
def real():
    return simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 800, 24, places=(3, 3), persistence=0.3)


def test_each_keeps_what_it_knows_and_loses_the_rest(real):
    near = {order: kmer_distance(real, markov_chain(real, order=order), k=4) for order in (0, 1, 3)}
    assert near[0] > 1.5 * near[1] > 1.5 * near[3]
    np.testing.assert_allclose(position_weights(position_letters(real)), position_weights(real))
    assert np.abs(position_weights(independent_letters(real)) - position_weights(real)).max() > 0.2
    shares = [np.bincount(side.codes.ravel()) / side.codes.size for side in (real, independent_letters(real))]
    np.testing.assert_allclose(*shares, atol=0.01)


@pytest.mark.parametrize("make", [independent_letters, position_letters, markov_chain])
def test_classes_and_numbers_are_kept_and_the_seed_decides(real, make):
    made, again, other = (make(real, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(made.labels, real.labels)
    assert made.texts() == again.texts() != other.texts()


def test_orders_must_fit(real):
    for order in (-1, 24, 12):
        with pytest.raises(InputError, match="order="):
            markov_chain(real, order=order)
