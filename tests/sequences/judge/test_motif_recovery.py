import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import (
    MOTIFS,
    FastaRecord,
    Motif,
    Windows,
    hit_share,
    hit_weights,
    independent_letters,
    motif_table,
    simulate_sequences,
)

SURE = Motif.of_consensus("TGACGTCA", certainty=1.0)


@pytest.fixture(scope="module")
def real():
    return simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 600, 30)


def test_share_counts_sequences_with_the_word():
    texts = ["ACTGACGTCAAC", "TGACGTCATGAC", "ACGTACGTACGT"]
    cut = Windows.cut([FastaRecord(t, t) for t in texts])
    assert hit_share(cut, SURE, relative=1.0) == pytest.approx(2 / 3)


def test_best_windows_give_the_matrix_back():
    many = simulate_sequences({"a": [MOTIFS["cre"]]}, 3000, 10)
    np.testing.assert_allclose(hit_weights(many, MOTIFS["cre"]), MOTIFS["cre"].probabilities, atol=0.03)


def test_recovery_is_one_for_real_and_zero_for_random_sequences(real):
    motifs = {"a": [MOTIFS["cre"]]}
    half = real.take(np.arange(600))
    fresh = motif_table(real.take(np.arange(600, 1200)), half, motifs).iloc[0]
    assert fresh["recovery"] == pytest.approx(1, abs=0.1)
    assert fresh["weights_error"] < 0.2 * fresh["weights_error_null"]
    null = motif_table(independent_letters(half, random_state=5), half, motifs).iloc[0]
    assert null["recovery"] == pytest.approx(0, abs=0.1)


def test_absent_classes_are_refused(real):
    with pytest.raises(InputError, match="class 'c'; found a, b"):
        motif_table(real, real, {"c": [MOTIFS["cre"]]})
