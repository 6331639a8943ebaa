import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import (
    MOTIFS,
    Windows,
    c2st_kmers,
    c2st_letters,
    copy_share,
    evaluate_sequences,
    independent_letters,
    nearest_mismatches,
    nearness_to_training,
    simulate_sequences,
)
from scgarage.sequences.evaluation import COLUMNS


@pytest.fixture(scope="module")
def parts_copies():
    real = simulate_sequences({"a": [MOTIFS["cre"]]}, 240, 30)
    return [real.take(np.arange(start, start + 80)) for start in (0, 80, 160)]


def test_mismatches_against_all_pairs(parts_copies):
    one, two, _ = parts_copies
    wanted = (one.codes[:, None] != two.codes[None]).mean(axis=2).min(axis=1)
    np.testing.assert_allclose(nearest_mismatches(one, two), wanted)
    order = np.random.default_rng(0).permutation(80)
    np.testing.assert_allclose(nearest_mismatches(one, two.take(order)), wanted)


def test_copies_with_a_changed_letter_are_found(parts_copies):
    train = parts_copies[0]
    changed = train.codes.copy()
    changed[:, 0] = (changed[:, 0] + 1) % 4
    assert copy_share(Windows(changed), train) == 1
    assert copy_share(Windows(changed), train, mismatches=0.0) == 0
    assert copy_share(train, train, mismatches=0.0) == 1
    assert copy_share(parts_copies[1], train) == 0


def test_nearness_is_half_for_fresh_and_one_for_copied_sequences(parts_copies):
    train, holdout, fresh = parts_copies
    assert nearness_to_training(train, train, holdout) == 1
    assert abs(nearness_to_training(fresh, train, holdout) - 0.5) < 0.15
    mirrored = nearness_to_training(fresh, holdout, train)
    assert nearness_to_training(fresh, train, holdout) + mirrored == pytest.approx(1)


def test_lengths_must_agree(parts_copies):
    with pytest.raises(InputError):
        nearest_mismatches(parts_copies[0], simulate_sequences({"a": [MOTIFS["cre"]]}, 5, 16))


@pytest.fixture(scope="module")
def parts_evaluate():
    real = simulate_sequences({"a": [MOTIFS["cre"]], "b": [MOTIFS["tata-box"]]}, 240, 20, places=(4, 4))
    return [real.take(np.arange(start, start + 160)) for start in (0, 160, 320)]


def score(table):
    return table.set_index(["metric", "group"])["score"]


def test_real_sequences_score_near_0_and_independent_letters_near_1(parts_evaluate):
    train, test, fresh = parts_evaluate
    good = evaluate_sequences(fresh, train, test, n_repeats=1, n_trees=15)
    bad = evaluate_sequences(independent_letters(train, random_state=9), train, test, n_repeats=1, n_trees=15)
    assert tuple(good.columns) == COLUMNS
    for metric in ("kmer_distance", "position_weights_distance", "c2st_kmers", "c2st_letters"):
        assert abs(score(good)[metric, "all"]) < 0.35
        assert score(bad)[metric, "all"] == pytest.approx(1, abs=0.35)
    assert set(good["group"]) == {"all", "a", "b"}
    assert good.set_index("metric").loc["gc_distance", "better"] == "lower"


def test_copies_score_1_where_copies_are_looked_for(parts_evaluate):
    train, test, _ = parts_evaluate
    table = evaluate_sequences(train, train, test, n_repeats=1, n_trees=15)
    assert score(table)["copy_share", "all"] == 1
    assert score(table)["nearness_to_training", "all"] == pytest.approx(1, abs=0.05)


def test_bad_requests_are_refused(parts_evaluate):
    train, test, fresh = parts_evaluate
    with pytest.raises(InputError, match="need the same classes"):
        evaluate_sequences(fresh.take(fresh.labels == "a"), train, test)
    few = np.concatenate([np.flatnonzero(fresh.labels == label)[:n] for label, n in (("a", 9), ("b", 1))])
    with pytest.raises(InputError, match="at least 3 synthetic"):
        evaluate_sequences(fresh.take(few), train, test)
    with pytest.raises(InputError, match="n_repeats"):
        evaluate_sequences(fresh, train, test, n_repeats=0)


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
