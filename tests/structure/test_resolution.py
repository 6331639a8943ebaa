import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.judge.clusters.clustering import choose_resolution, count_clusters

CLUSTERS = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [1, 0, 5, 5], [2, 0, 5, 5], [0, 1, 2, 3]])
SILHOUETTE = np.array([np.nan, 0.9, 0.2, 0.4, np.nan])


def test_clusters_are_counted() -> None:
    assert count_clusters(CLUSTERS).tolist() == [len(set(row)) for row in CLUSTERS.tolist()]


def test_silhouette_takes_the_highest() -> None:
    assert choose_resolution(CLUSTERS, SILHOUETTE, choose="silhouette", n_types=3) == 1


@pytest.mark.parametrize(("n_types", "row"), [(1, 0), (2, 1), (3, 3), (4, 4), (9, 4)])
def test_number_of_types_takes_the_nearest_and_then_the_best(n_types: int, row: int) -> None:
    assert choose_resolution(CLUSTERS, SILHOUETTE, choose="n_types", n_types=n_types) == row


def test_without_any_silhouette_the_first_is_taken() -> None:
    assert choose_resolution(CLUSTERS, np.full(5, np.nan), choose="silhouette", n_types=3) == 0


def test_names_of_clusters_do_not_matter() -> None:
    renamed = np.array([7, 3, 9, 1, 0, 4])[CLUSTERS]
    assert count_clusters(renamed).tolist() == count_clusters(CLUSTERS).tolist()


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"choose is 'ari'.*legacy=True"):
        choose_resolution(CLUSTERS, SILHOUETTE, choose="ari", n_types=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_types is 0"):
        choose_resolution(CLUSTERS, SILHOUETTE, choose="n_types", n_types=0)
