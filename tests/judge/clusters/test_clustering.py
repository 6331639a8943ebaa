from itertools import combinations, permutations

import numpy as np
import pytest
from sklearn.metrics import f1_score, mutual_info_score, silhouette_score

from scgarage.errors import InputError
from scgarage.judge.clusters import ari, macro_f1, nmi
from scgarage.judge.clusters import clustering as leiden
from scgarage.judge.clusters.clustering import choose_resolution, count_clusters, silhouettes

RNG = np.random.default_rng(0)
LABELS = RNG.choice(["B", "T", "NK"], size=60, p=[0.5, 0.35, 0.15])
AGREEMENT_CLUSTERS = np.where(RNG.random(60) < 0.6, np.unique(LABELS, return_inverse=True)[1], RNG.integers(4, size=60))


def test_ari_matches_counting_pairs() -> None:
    pairs = list(combinations(range(60), 2))
    same_label = np.array([LABELS[i] == LABELS[j] for i, j in pairs])
    same_cluster = np.array([AGREEMENT_CLUSTERS[i] == AGREEMENT_CLUSTERS[j] for i, j in pairs])
    index, chance = (same_label & same_cluster).sum(), same_label.sum() * same_cluster.sum() / len(pairs)
    expected = (index - chance) / ((same_label.sum() + same_cluster.sum()) / 2 - chance)
    assert ari(LABELS, AGREEMENT_CLUSTERS) == pytest.approx(expected)


def test_nmi_matches_its_definition() -> None:
    entropy = [mutual_info_score(part, part) for part in (LABELS, AGREEMENT_CLUSTERS)]
    assert nmi(LABELS, AGREEMENT_CLUSTERS) == pytest.approx(
        2 * mutual_info_score(LABELS, AGREEMENT_CLUSTERS) / sum(entropy)
    )


def test_macro_f1_is_the_best_over_all_matchings() -> None:
    assert len(np.unique(AGREEMENT_CLUSTERS)) == 4  # one more than types: it must stay without a type
    best = 0.0
    for names in permutations(["B", "T", "NK", "none"]):
        renamed = np.array(names)[AGREEMENT_CLUSTERS]
        best = max(best, f1_score(LABELS, renamed, labels=["B", "T", "NK"], average="macro", zero_division=0))
    assert macro_f1(LABELS, AGREEMENT_CLUSTERS) == pytest.approx(best)
    assert 0.3 < best < 0.95


def test_types_without_a_cluster_or_a_cell_count_as_misses() -> None:
    labels = ["B"] * 6 + ["T"] * 3
    assert macro_f1(labels, [0] * 9) == pytest.approx((12 / 15) / 2)
    assert macro_f1(labels, [0] * 6 + [1] * 3, types=["B", "T", "pDC", "NK"]) == pytest.approx(0.5)
    split_in_two = [0, 0, 0, 2, 2, 2, 1, 1, 1]
    assert macro_f1(labels, split_in_two) == pytest.approx((6 / 9 + 1) / 2)


@pytest.mark.parametrize("score", [ari, nmi, macro_f1])
def test_names_of_clusters_and_order_of_cells_do_not_matter(score) -> None:
    value = score(LABELS, AGREEMENT_CLUSTERS)
    order = np.random.default_rng(1).permutation(60)
    assert score(LABELS[order], AGREEMENT_CLUSTERS[order]) == pytest.approx(value)
    assert score(LABELS, np.array([30, -1, 7, 2])[AGREEMENT_CLUSTERS]) == pytest.approx(value)
    assert score(LABELS, np.array(["x", "B", "T", "0"])[AGREEMENT_CLUSTERS]) == pytest.approx(value)
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


BLOBS = np.repeat(np.arange(3), [60, 40, 30])


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.eye(3)[BLOBS] * 12 + rng.normal(size=(130, 3))


def test_silhouettes_are_those_of_scikit_learn(points: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3).integers(4, size=130)
    found = silhouettes(points, np.stack([BLOBS, random, np.zeros(130, dtype=np.intp), np.arange(130)]))
    assert found[:2] == pytest.approx([silhouette_score(points, BLOBS), silhouette_score(points, random)])
    assert np.isnan(found[2:]).all()
    monkeypatch.setattr(leiden, "SILHOUETTE_CELLS", 80)
    assert silhouettes(points, BLOBS[None])[0] == pytest.approx(found[0], abs=0.05)


RESOLUTION_CLUSTERS = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [1, 0, 5, 5], [2, 0, 5, 5], [0, 1, 2, 3]])
SILHOUETTE = np.array([np.nan, 0.9, 0.2, 0.4, np.nan])


def test_clusters_are_counted() -> None:
    assert count_clusters(RESOLUTION_CLUSTERS).tolist() == [len(set(row)) for row in RESOLUTION_CLUSTERS.tolist()]


def test_silhouette_takes_the_highest() -> None:
    assert choose_resolution(RESOLUTION_CLUSTERS, SILHOUETTE, choose="silhouette", n_types=3) == 1


@pytest.mark.parametrize(("n_types", "row"), [(1, 0), (2, 1), (3, 3), (4, 4), (9, 4)])
def test_number_of_types_takes_the_nearest_and_then_the_best(n_types: int, row: int) -> None:
    assert choose_resolution(RESOLUTION_CLUSTERS, SILHOUETTE, choose="n_types", n_types=n_types) == row


def test_without_any_silhouette_the_first_is_taken() -> None:
    assert choose_resolution(RESOLUTION_CLUSTERS, np.full(5, np.nan), choose="silhouette", n_types=3) == 0


def test_names_of_clusters_do_not_matter() -> None:
    renamed = np.array([7, 3, 9, 1, 0, 4])[RESOLUTION_CLUSTERS]
    assert count_clusters(renamed).tolist() == count_clusters(RESOLUTION_CLUSTERS).tolist()


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"choose is 'ari'.*legacy=True"):
        choose_resolution(RESOLUTION_CLUSTERS, SILHOUETTE, choose="ari", n_types=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_types is 0"):
        choose_resolution(RESOLUTION_CLUSTERS, SILHOUETTE, choose="n_types", n_types=0)
