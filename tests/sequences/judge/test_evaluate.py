import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import MOTIFS, evaluate_sequences, independent_letters, simulate_sequences
from scgarage.sequences.evaluation import COLUMNS


@pytest.fixture(scope="module")
def parts():
    real = simulate_sequences({"a": [MOTIFS["cre"]], "b": [MOTIFS["tata-box"]]}, 240, 20, places=(4, 4))
    return [real.take(np.arange(start, start + 160)) for start in (0, 160, 320)]


def score(table):
    return table.set_index(["metric", "group"])["score"]


def test_real_sequences_score_near_0_and_independent_letters_near_1(parts):
    train, test, fresh = parts
    good = evaluate_sequences(fresh, train, test, n_repeats=1, n_trees=15)
    bad = evaluate_sequences(independent_letters(train, random_state=9), train, test, n_repeats=1, n_trees=15)
    assert tuple(good.columns) == COLUMNS
    for metric in ("kmer_distance", "position_weights_distance", "c2st_kmers", "c2st_letters"):
        assert abs(score(good)[metric, "all"]) < 0.35
        assert score(bad)[metric, "all"] == pytest.approx(1, abs=0.35)
    assert set(good["group"]) == {"all", "a", "b"}
    assert good.set_index("metric").loc["gc_distance", "better"] == "lower"


def test_copies_score_1_where_copies_are_looked_for(parts):
    train, test, _ = parts
    table = evaluate_sequences(train, train, test, n_repeats=1, n_trees=15)
    assert score(table)["copy_share", "all"] == 1
    assert score(table)["nearness_to_training", "all"] == pytest.approx(1, abs=0.05)


def test_bad_requests_are_refused(parts):
    train, test, fresh = parts
    with pytest.raises(InputError, match="need the same classes"):
        evaluate_sequences(fresh.take(fresh.labels == "a"), train, test)
    few = np.concatenate([np.flatnonzero(fresh.labels == label)[:n] for label, n in (("a", 9), ("b", 1))])
    with pytest.raises(InputError, match="at least 3 synthetic"):
        evaluate_sequences(fresh.take(few), train, test)
    with pytest.raises(InputError, match="n_repeats"):
        evaluate_sequences(fresh, train, test, n_repeats=0)
