import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import MOTIFS, Windows, copy_share, nearest_mismatches, nearness_to_training, simulate_sequences


@pytest.fixture(scope="module")
def parts():
    real = simulate_sequences({"a": [MOTIFS["cre"]]}, 240, 30)
    return [real.take(np.arange(start, start + 80)) for start in (0, 80, 160)]


def test_mismatches_against_all_pairs(parts):
    one, two, _ = parts
    wanted = (one.codes[:, None] != two.codes[None]).mean(axis=2).min(axis=1)
    np.testing.assert_allclose(nearest_mismatches(one, two), wanted)
    order = np.random.default_rng(0).permutation(80)
    np.testing.assert_allclose(nearest_mismatches(one, two.take(order)), wanted)


def test_copies_with_a_changed_letter_are_found(parts):
    train = parts[0]
    changed = train.codes.copy()
    changed[:, 0] = (changed[:, 0] + 1) % 4
    assert copy_share(Windows(changed), train) == 1
    assert copy_share(Windows(changed), train, mismatches=0.0) == 0
    assert copy_share(train, train, mismatches=0.0) == 1
    assert copy_share(parts[1], train) == 0


def test_nearness_is_half_for_fresh_and_one_for_copied_sequences(parts):
    train, holdout, fresh = parts
    assert nearness_to_training(train, train, holdout) == 1
    assert abs(nearness_to_training(fresh, train, holdout) - 0.5) < 0.15
    mirrored = nearness_to_training(fresh, holdout, train)
    assert nearness_to_training(fresh, train, holdout) + mirrored == pytest.approx(1)


def test_lengths_must_agree(parts):
    with pytest.raises(InputError):
        nearest_mismatches(parts[0], simulate_sequences({"a": [MOTIFS["cre"]]}, 5, 16))
