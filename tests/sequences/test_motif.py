import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import DNA, MOTIFS, PROTEIN, FastaRecord, Motif, Windows


def test_probabilities_of_a_consensus():
    motif = Motif.of_consensus("AW", certainty=0.8)
    np.testing.assert_allclose(motif.probabilities[0], [0.8, 0.2 / 3, 0.2 / 3, 0.2 / 3])
    np.testing.assert_allclose(motif.probabilities[1], [0.4, 0.1, 0.1, 0.4])
    np.testing.assert_allclose(Motif.of_consensus("N").probabilities, 0.25)


def test_scores_against_one_window_at_a_time():
    motif, base = MOTIFS["tata-box"], np.array([0.3, 0.2, 0.2, 0.3])
    texts = ["ACGTATAAAAGTT", "TATATATATATAT"]
    scores = motif.scores(Windows.cut([FastaRecord(t, t) for t in texts]), background=base)
    for row, text in zip(scores, texts, strict=True):
        for start, score in enumerate(row):
            letters = DNA.encode(text[start : start + 8])
            wanted = sum(np.log2(motif.probabilities[j, code] / base[code]) for j, code in enumerate(letters))
            assert score == pytest.approx(wanted)
    assert scores[0].argmax() == 3


def test_draws_follow_the_matrix():
    motif = Motif("m", np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.5, 0.0, 0.5]]))
    drawn = motif.draw(20_000, np.random.default_rng(0))
    shares = np.stack([(drawn == code).mean(axis=0) for code in range(4)], axis=1)
    np.testing.assert_allclose(shares, motif.probabilities, atol=0.015)


def test_bad_motifs_are_refused():
    with pytest.raises(InputError, match="expected letters among"):
        Motif.of_consensus("TAXA")
    with pytest.raises(InputError, match="add up to one"):
        Motif("m", np.full((2, 4), 0.3))
    with pytest.raises(InputError, match="expected \\(n_positions, 20\\)"):
        Motif("m", np.full((2, 4), 0.25), PROTEIN)
    with pytest.raises(InputError, match="certainty"):
        Motif.of_consensus("TATA", certainty=0)
    with pytest.raises(InputError, match="cannot lie"):
        MOTIFS["p-loop"].scores(Windows.cut([FastaRecord("a", "ACGTACGTAC")]))
