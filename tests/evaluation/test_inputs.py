import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.judge.evaluation.cells import NormalNull, PoissonNull
from scgarage.judge.evaluation.inputs import Inputs, comparison_inputs
from scgarage.pp import Split


def ready(synthetic: AnnData, parts: Split, **options) -> Inputs:
    return comparison_inputs(synthetic, parts, **({"labels_key": None, "layer": None, "n_top_genes": 40} | options))


def logged(cells: AnnData) -> AnnData:
    """Scanpy's own normalisation."""
    cells = cells.copy()
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    return cells


def test_every_part_has_scanpys_values(parts: Split, fresh: AnnData) -> None:
    inputs = ready(fresh, parts)
    for cells, found in ((parts.train, inputs.train), (parts.test, inputs.test), (fresh, inputs.synthetic)):
        assert found.log_expr.toarray() == pytest.approx(logged(cells).X.toarray(), rel=1e-5)
        assert found.labels.tolist() == cells.obs["cell_type"].astype(str).tolist()
    assert isinstance(inputs.null, PoissonNull)
    assert inputs.rare_types == ("pDC",)
    assert inputs.labelled


def test_narrowed_inputs_hold_the_genes_asked_for_and_the_library_sizes_of_all(parts: Split, fresh: AnnData) -> None:
    inputs, genes = ready(fresh, parts), np.array([7, 3])
    narrow = inputs.narrowed(genes)
    for name in ("train", "validation", "test", "synthetic"):
        before, after = getattr(inputs, name), getattr(narrow, name)
        assert (after.log_expr != before.log_expr[:, genes]).nnz == 0
        assert (after.totals == before.totals).all()
    assert isinstance(narrow.null, PoissonNull)
    assert narrow.null.means.shape[1] == 2


def test_order_of_the_synthetic_genes_does_not_matter(parts: Split, fresh: AnnData) -> None:
    shuffled = fresh[:, np.random.default_rng(0).permutation(fresh.n_vars)].copy()
    expected, found = (ready(cells, parts).synthetic.log_expr for cells in (fresh, shuffled))
    assert (expected != found).nnz == 0


def test_layer_is_read_where_it_is_and_x_where_not(parts: Split, fresh: AnnData) -> None:
    real = {
        name: AnnData(
            np.zeros(getattr(parts, name).shape),
            obs=getattr(parts, name).obs,
            var=getattr(parts, name).var,
            layers={"raw": getattr(parts, name).X},
        )
        for name in ("train", "validation", "test")
    }
    layered = Split(**real, labels_key="cell_type")
    expected, found = ready(fresh, parts), ready(fresh, layered, layer="raw")
    assert (expected.train.log_expr != found.train.log_expr).nnz == 0
    assert (expected.synthetic.log_expr != found.synthetic.log_expr).nnz == 0


def test_log_values_stay_as_they_are(parts: Split, fresh: AnnData) -> None:
    real = Split(*(logged(getattr(parts, name)) for name in ("train", "validation", "test")), labels_key="cell_type")
    inputs = ready(logged(fresh), real)
    assert isinstance(inputs.null, NormalNull)
    expected = ready(fresh, parts)
    assert inputs.train.log_expr.toarray() == pytest.approx(expected.train.log_expr.toarray(), rel=1e-5)


def test_cells_without_types_are_unsure(parts: Split, fresh: AnnData) -> None:
    without = fresh.copy()
    del without.obs["cell_type"]
    inputs = ready(without, parts)
    assert not inputs.labelled
    assert set(inputs.synthetic.labels) == {"unsure"}
    assert "predicted" in inputs.notes[0]


def test_mixed_kinds_of_values_are_refused(parts: Split, fresh: AnnData) -> None:
    with pytest.raises(InputError, match="real values are counts and the synthetic ones log-normalised"):
        ready(logged(fresh), parts)
    scaled = fresh.copy()
    scaled.X = scaled.X.toarray() - 1.5
    with pytest.raises(InputError, match="synthetic values are scaled"):
        ready(scaled, parts)


def test_other_genes_are_refused(parts: Split, fresh: AnnData) -> None:
    with pytest.raises(InputError, match="genes"):
        ready(fresh[:, :-5].copy(), parts)
