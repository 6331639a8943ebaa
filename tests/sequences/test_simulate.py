import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import MOTIFS, Motif, hit_share, kmer_spectrum, position_weights, simulate_sequences

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
