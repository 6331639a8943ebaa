from itertools import combinations, permutations

import numpy as np
import pytest
from sklearn.metrics import f1_score, mutual_info_score

from scgarage.errors import InputError
from scgarage.judge.clusters import ari, macro_f1, nmi

RNG = np.random.default_rng(0)
LABELS = RNG.choice(["B", "T", "NK"], size=60, p=[0.5, 0.35, 0.15])
CLUSTERS = np.where(RNG.random(60) < 0.6, np.unique(LABELS, return_inverse=True)[1], RNG.integers(4, size=60))


def test_ari_matches_counting_pairs() -> None:
    pairs = list(combinations(range(60), 2))
    same_label = np.array([LABELS[i] == LABELS[j] for i, j in pairs])
    same_cluster = np.array([CLUSTERS[i] == CLUSTERS[j] for i, j in pairs])
    index, chance = (same_label & same_cluster).sum(), same_label.sum() * same_cluster.sum() / len(pairs)
    expected = (index - chance) / ((same_label.sum() + same_cluster.sum()) / 2 - chance)
    assert ari(LABELS, CLUSTERS) == pytest.approx(expected)


def test_nmi_matches_its_definition() -> None:
    entropy = [mutual_info_score(part, part) for part in (LABELS, CLUSTERS)]
    assert nmi(LABELS, CLUSTERS) == pytest.approx(2 * mutual_info_score(LABELS, CLUSTERS) / sum(entropy))


def test_macro_f1_is_the_best_over_all_matchings() -> None:
    assert len(np.unique(CLUSTERS)) == 4  # one more than types: it must stay without a type
    best = 0.0
    for names in permutations(["B", "T", "NK", "none"]):
        renamed = np.array(names)[CLUSTERS]
        best = max(best, f1_score(LABELS, renamed, labels=["B", "T", "NK"], average="macro", zero_division=0))
    assert macro_f1(LABELS, CLUSTERS) == pytest.approx(best)
    assert 0.3 < best < 0.95


def test_types_without_a_cluster_or_a_cell_count_as_misses() -> None:
    labels = ["B"] * 6 + ["T"] * 3
    assert macro_f1(labels, [0] * 9) == pytest.approx((12 / 15) / 2)
    assert macro_f1(labels, [0] * 6 + [1] * 3, types=["B", "T", "pDC", "NK"]) == pytest.approx(0.5)
    split_in_two = [0, 0, 0, 2, 2, 2, 1, 1, 1]
    assert macro_f1(labels, split_in_two) == pytest.approx((6 / 9 + 1) / 2)


@pytest.mark.parametrize("score", [ari, nmi, macro_f1])
def test_names_of_clusters_and_order_of_cells_do_not_matter(score) -> None:
    value = score(LABELS, CLUSTERS)
    order = np.random.default_rng(1).permutation(60)
    assert score(LABELS[order], CLUSTERS[order]) == pytest.approx(value)
    assert score(LABELS, np.array([30, -1, 7, 2])[CLUSTERS]) == pytest.approx(value)
    assert score(LABELS, np.array(["x", "B", "T", "0"])[CLUSTERS]) == pytest.approx(value)
    assert score(LABELS, LABELS) == pytest.approx(1.0)
    assert value < 1


@pytest.mark.parametrize("score", [ari, nmi, macro_f1])
def test_unusable_labels_are_refused(score) -> None:
    with pytest.raises(InputError, match="at least one cell"):
        score([], [])
    with pytest.raises(InputError, match="labels has 2 entries and clusters 3"):
        score(["a", "b"], [0, 1, 2])
    with pytest.raises(InputError, match="missing labels"):
        score(["a", None], [0, 1])
