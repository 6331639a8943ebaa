import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import MOTIFS, c2st_kmers, c2st_letters, independent_letters, simulate_sequences


@pytest.fixture(scope="module")
def real():
    return simulate_sequences({"a": [MOTIFS["cre"]]}, 300, 20, places=(4, 4))


def test_same_sequences_cannot_be_told_and_others_can(real):
    one, two = real.take(np.arange(150)), real.take(np.arange(150, 300))
    null = independent_letters(one)
    for test in (c2st_kmers, c2st_letters):
        assert abs(test(one, two, n_trees=20) - 0.5) < 0.12
        assert test(one, null, n_trees=20) > 0.9
    seeds = [c2st_kmers(one, two, n_trees=5, random_state=seed) for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_too_few_are_refused(real):
    with pytest.raises(InputError, match="at least 3"):
        c2st_letters(real.take(np.arange(2)), real)
