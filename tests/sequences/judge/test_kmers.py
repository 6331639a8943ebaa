from collections import Counter

import numpy as np
import pytest
from scipy.stats import entropy

from scgarage.errors import InputError
from scgarage.sequences import (
    DNA,
    MOTIFS,
    PROTEIN,
    FastaRecord,
    Windows,
    kmer_counts,
    kmer_distance,
    kmer_spectrum,
    simulate_sequences,
)


@pytest.fixture(scope="module")
def real():
    return simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 40, 20)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_counts_against_slices_of_the_text(real, k):
    counts = kmer_counts(real, k).toarray()
    for row, text in zip(counts, real.texts(), strict=True):
        words = Counter(text[start : start + k] for start in range(len(text) - k + 1))
        wanted = np.zeros(4**k)
        for word, number in words.items():
            wanted[int("".join(map(str, DNA.encode(word))), 4)] = number
        np.testing.assert_array_equal(row, wanted)


def test_distance_against_the_entropies(real):
    one, two = real.take(np.arange(40)), real.take(np.arange(40, 80))
    p, q = kmer_spectrum(one, 2), kmer_spectrum(two, 2)
    middle = (p + q) / 2
    wanted = np.sqrt(entropy(middle, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2)
    assert kmer_distance(one, two, k=2) == pytest.approx(wanted)


def test_distance_does_not_depend_on_the_order_and_ends_at_0_and_1(real):
    shuffled = real.take(np.random.default_rng(0).permutation(len(real)))
    assert kmer_distance(real, shuffled) == 0
    a, t = (Windows.cut([FastaRecord("x", letter * 9)]) for letter in "AT")
    assert kmer_distance(a, t) == pytest.approx(1)


def test_bad_requests_are_refused(real):
    with pytest.raises(InputError, match="expected 1 to 20"):
        kmer_counts(real, 21)
    with pytest.raises(InputError, match="at most 1048576 words"):
        kmer_counts(real, 11)
    with pytest.raises(InputError, match="20 dna letters and synthetic ones 5 protein"):
        kmer_distance(real, Windows.cut([FastaRecord("p", "MKTAY")], alphabet=PROTEIN))
