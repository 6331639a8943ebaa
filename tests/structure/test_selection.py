import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.clusters.selection import SELECTIONS, choose_selections, rank_genes, select_genes


@pytest.mark.parametrize("selection", SELECTIONS)
def test_top_genes_have_the_highest_scores(log_expr: sparse.csr_matrix, selection) -> None:
    score = SELECTIONS[selection](log_expr)
    genes = select_genes(log_expr, 12, selection=selection)
    assert len(set(genes)) == 12
    assert score[genes].tolist() == np.sort(score)[::-1][:12].tolist()


@pytest.mark.parametrize("selection", SELECTIONS)
def test_more_genes_than_there_are_give_all_that_have_a_score(log_expr: sparse.csr_matrix, selection) -> None:
    genes = select_genes(log_expr, 1000, selection=selection)
    assert 7 not in genes
    assert len(genes) == (38 if selection == "cv2" else 39)


def test_ties_keep_the_order_of_genes() -> None:
    assert rank_genes(np.array([1.0, 2.0, np.nan, 2.0, -np.inf])).tolist() == [1, 3, 0]


def test_all_means_every_selection_and_number() -> None:
    assert choose_selections("fano", 50) == [("fano", 50)]
    expected = [(name, number) for name in ("cv2", "fano", "pca_loading") for number in (20, 50)]
    assert choose_selections("all", (50, 20, 50)) == expected


def test_unusable_arguments_are_refused(log_expr: sparse.csr_matrix) -> None:
    with pytest.raises(InputError, match="selection is 'hvg'; expected one of: cv2"):
        select_genes(log_expr, 10, selection="hvg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="selection is 'hvg'"):
        choose_selections("hvg", 10)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_top_genes holds 1"):
        select_genes(log_expr, 1)
    with pytest.raises(InputError, match="n_top_genes is empty"):
        choose_selections("all", ())
    with pytest.raises(InputError, match="only 1 genes"):
        rank_genes(np.array([1.0, np.nan]))
