import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.plotting import genes_detected, library_size


def test_genes_detected_counts_positive_entries(real):
    dense = real.X.toarray()
    np.testing.assert_array_equal(genes_detected(real.X), (dense > 0).sum(axis=1))
    np.testing.assert_array_equal(genes_detected(dense), genes_detected(real.X))


def test_bars_are_shares_of_all_cells(real, synthetic):
    figure = library_size(real.X, synthetic.X, n_bins=12)
    for ax in figure.axes:
        outlines = [patch for patch in ax.patches if not patch.get_fill()]
        assert len(outlines) == 2
        for outline in outlines:
            # A step outline has every height twice.
            heights = outline.get_xy()[1:-1:2, 1]
            np.testing.assert_allclose(heights.sum(), 1)


def test_dashed_lines_and_legend_are_medians(real, synthetic):
    ax = library_size(real.X, synthetic.X).axes[0]
    medians = [np.median(np.asarray(cells.X.sum(axis=1))) for cells in (real, synthetic)]
    assert [line.get_xdata()[0] for line in ax.lines] == medians
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"real, median {medians[0]:,.0f}", f"synthetic, median {medians[1]:,.0f}"]


def test_cells_that_all_have_the_same_size_are_drawn():
    same = sparse.csr_matrix(np.ones((5, 4), dtype=np.float32))
    assert len(library_size(same, same).axes) == 2


def test_sources_without_counts_are_refused(real):
    with pytest.raises(InputError, match="no cell with counts"):
        library_size(real.X, real.X * 0)
