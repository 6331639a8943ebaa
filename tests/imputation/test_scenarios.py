import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.imputation import mask_entries, thin_counts


@pytest.fixture
def counts():
    return sparse.csr_matrix(np.random.default_rng(0).poisson(0.8, size=(80, 50)).astype(np.float32))


def test_parts_add_up_and_hold_their_share(counts):
    kept, held = thin_counts(counts, share=0.3, random_state=1)
    assert (kept + held != counts).nnz == 0
    assert kept.sum() / counts.sum() == pytest.approx(0.3, abs=0.02)
    assert kept.dtype == held.dtype == np.float32
    assert (kept.data > 0).all()


def test_thinning_is_binomial():
    kept, _ = thin_counts(sparse.csr_matrix(np.full((1, 5000), 6.0)), share=0.4)
    found = np.bincount(kept.toarray().ravel().astype(int), minlength=7)
    expected = 5000 * stats.binom.pmf(np.arange(7), 6, 0.4)
    assert stats.chisquare(found, expected).pvalue > 1e-3


def test_parts_of_poisson_counts_are_independent():
    many = sparse.csr_matrix(np.random.default_rng(2).poisson(2.0, size=(1, 20_000)).astype(np.float32))
    kept, held = thin_counts(many)
    assert abs(np.corrcoef(kept.toarray()[0], held.toarray()[0])[0, 1]) < 0.03


def test_mask_hides_the_share_and_nothing_else(counts):
    held = mask_entries(counts, share=0.2, random_state=3)
    assert len(held.rows) / counts.nnz == pytest.approx(0.2, abs=0.03)
    assert (np.asarray(held.counts[held.rows, held.columns]) == 0).all()
    back = held.counts.tolil()
    back[held.rows, held.columns] = counts[held.rows, held.columns]
    assert (back.tocsr() != counts).nnz == 0


def test_mask_stays_inside_the_genes_and_leaves_no_cell_empty(counts):
    held = mask_entries(counts, share=0.99, genes=np.array([3, 7]))
    assert set(held.columns) <= {3, 7}
    assert mask_entries(counts, share=0.999).counts.sum(axis=1).min() > 0


def test_seed_decides(counts):
    first, again, other = (thin_counts(counts, random_state=seed)[0] for seed in (0, 0, 1))
    assert (first != again).nnz == 0
    assert (first != other).nnz > 0


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_wrong_input_is_refused(counts, share):
    with pytest.raises(InputError, match="share must lie"):
        thin_counts(counts, share=share)
    with pytest.raises(InputError, match="share must lie"):
        mask_entries(counts, share=share)
    with pytest.raises(InputError, match="whole counts"):
        thin_counts(counts * 0.5)
