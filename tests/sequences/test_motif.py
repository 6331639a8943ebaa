import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import (
    DNA,
    MOTIFS,
    PROTEIN,
    FastaRecord,
    Motif,
    Windows,
    hit_share,
    kmer_spectrum,
    position_weights,
    simulate_sequences,
)


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


SURE = Motif.of_consensus("TGACGTCA", certainty=1.0)


def test_motifs_are_planted_once_in_their_class_in_order():
    other = Motif.of_consensus("GGGCCC", certainty=1.0)
    made = simulate_sequences({"both": [SURE, other], "none": []}, 200, 30, random_state=1)
    assert len(made) == 400
    for text, label in zip(made.texts(), made.labels, strict=True):
        if label == "both":
            assert "GGGCCC" in text[text.index("TGACGTCA") + 8 :]
    assert hit_share(made.take(made.labels == "none"), SURE, relative=1.0) < 0.02


def test_places_limit_where_the_motif_starts():
    made = simulate_sequences({"a": [SURE]}, 300, 30, places=(5, 7))
    starts = [text.index("TGACGTCA") for text in made.texts()]
    assert set(starts) == {5, 6, 7}


def test_background_keeps_its_composition_at_any_persistence():
    base = np.array([0.4, 0.1, 0.1, 0.4])
    made = simulate_sequences(
        {"none": [], "a": [MOTIFS["cre"]]}, 4000, 20, background=base, persistence=0.5, random_state=2
    )
    made = made.take(made.labels == "none")
    np.testing.assert_allclose(position_weights(made), np.tile(base, (20, 1)), atol=0.03)
    pairs = kmer_spectrum(made, 2).reshape(4, 4)
    np.testing.assert_allclose(pairs / pairs.sum(axis=1, keepdims=True), 0.5 * np.eye(4) + 0.5 * base, atol=0.02)


def test_same_seed_same_sequences():
    one, two, other = (simulate_sequences({"a": [SURE]}, 20, 20, random_state=seed) for seed in (0, 0, 1))
    assert one.texts() == two.texts() != other.texts()


@pytest.mark.parametrize(
    ("motifs", "how", "said"),
    [
        ({"a": []}, {}, "no motif"),
        ({"a": [SURE], "b": [MOTIFS["p-loop"]]}, {}, "one alphabet"),
        ({"a": [SURE]}, {"length": 7}, "at least 8 letters"),
        ({"a": [SURE]}, {"persistence": 1.0}, "below 1"),
        ({"a": [SURE]}, {"places": (0, 99)}, "so that the motifs fit"),
        ({"a": [SURE]}, {"background": [1.0]}, "add up to one"),
    ],
)
def test_bad_requests_are_refused(motifs, how, said):
    with pytest.raises(InputError, match=said):
        simulate_sequences(motifs, **{"n_per_class": 5, "length": 20} | how)
