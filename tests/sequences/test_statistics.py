from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from scgarage.errors import InputError
from scgarage.sequences import (
    DNA,
    MOTIFS,
    PROTEIN,
    FastaRecord,
    Motif,
    Windows,
    gc_content,
    gc_distance,
    hit_share,
    hit_weights,
    independent_letters,
    kmer_counts,
    kmer_distance,
    kmer_spectrum,
    motif_table,
    position_weights,
    position_weights_distance,
    simulate_sequences,
)


def windows(*texts, alphabet=PROTEIN):
    return Windows.cut([FastaRecord(f"s{i}", text) for i, text in enumerate(texts)], alphabet=alphabet)


def test_gc_content_counts_letters():
    from scgarage.sequences import DNA

    texts = ["ACGT", "GGCC", "ATTA", "ACTT"]
    wanted = [(text.count("G") + text.count("C")) / 4 for text in texts]
    np.testing.assert_allclose(gc_content(windows(*texts, alphabet=DNA)), wanted)


def test_distance_is_the_shift_and_zero_for_the_same():
    from scgarage.sequences import DNA

    one, two = windows("AAAA", "AAAG", alphabet=DNA), windows("GAAA", "GGAA", alphabet=DNA)
    assert gc_distance(one, two) == pytest.approx(0.25)
    assert gc_distance(one, one) == 0


def test_protein_has_none():
    with pytest.raises(InputError, match="defined for dna"):
        gc_content(windows("MKTAY"))


@pytest.fixture(scope="module")
def real_kmers():
    return simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 40, 20)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_counts_against_slices_of_the_text(real_kmers, k):
    counts = kmer_counts(real_kmers, k).toarray()
    for row, text in zip(counts, real_kmers.texts(), strict=True):
        words = Counter(text[start : start + k] for start in range(len(text) - k + 1))
        wanted = np.zeros(4**k)
        for word, number in words.items():
            wanted[int("".join(map(str, DNA.encode(word))), 4)] = number
        np.testing.assert_array_equal(row, wanted)


def test_distance_against_the_entropies(real_kmers):
    one, two = real_kmers.take(np.arange(40)), real_kmers.take(np.arange(40, 80))
    p, q = kmer_spectrum(one, 2), kmer_spectrum(two, 2)
    middle = (p + q) / 2
    wanted = np.sqrt(entropy(middle, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2)
    assert kmer_distance(one, two, k=2) == pytest.approx(wanted)


def test_distance_does_not_depend_on_the_order_and_ends_at_0_and_1(real_kmers):
    shuffled = real_kmers.take(np.random.default_rng(0).permutation(len(real_kmers)))
    assert kmer_distance(real_kmers, shuffled) == 0
    a, t = (Windows.cut([FastaRecord("x", letter * 9)]) for letter in "AT")
    assert kmer_distance(a, t) == pytest.approx(1)


def test_bad_requests_are_refused(real_kmers):
    with pytest.raises(InputError, match="expected 1 to 20"):
        kmer_counts(real_kmers, 21)
    with pytest.raises(InputError, match="at most 1048576 words"):
        kmer_counts(real_kmers, 11)
    with pytest.raises(InputError, match="20 dna letters and synthetic ones 5 protein"):
        kmer_distance(real_kmers, Windows.cut([FastaRecord("p", "MKTAY")], alphabet=PROTEIN))


SURE = Motif.of_consensus("TGACGTCA", certainty=1.0)


@pytest.fixture(scope="module")
def real_motif_recovery():
    return simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 600, 30)


def test_share_counts_sequences_with_the_word():
    texts = ["ACTGACGTCAAC", "TGACGTCATGAC", "ACGTACGTACGT"]
    cut = Windows.cut([FastaRecord(t, t) for t in texts])
    assert hit_share(cut, SURE, relative=1.0) == pytest.approx(2 / 3)


def test_best_windows_give_the_matrix_back():
    many = simulate_sequences({"a": [MOTIFS["cre"]]}, 3000, 10)
    np.testing.assert_allclose(hit_weights(many, MOTIFS["cre"]), MOTIFS["cre"].probabilities, atol=0.03)


def test_recovery_is_one_for_real_and_zero_for_random_sequences(real_motif_recovery):
    motifs = {"a": [MOTIFS["cre"]]}
    half = real_motif_recovery.take(np.arange(600))
    fresh = motif_table(real_motif_recovery.take(np.arange(600, 1200)), half, motifs).iloc[0]
    assert fresh["recovery"] == pytest.approx(1, abs=0.1)
    assert fresh["weights_error"] < 0.2 * fresh["weights_error_null"]
    null = motif_table(independent_letters(half, random_state=5), half, motifs).iloc[0]
    assert null["recovery"] == pytest.approx(0, abs=0.1)


def test_absent_classes_are_refused(real_motif_recovery):
    with pytest.raises(InputError, match="class 'c'; found a, b"):
        motif_table(real_motif_recovery, real_motif_recovery, {"c": [MOTIFS["cre"]]})


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
