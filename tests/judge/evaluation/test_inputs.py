import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.judge.evaluation.cells import NormalNull, PoissonNull
from scgarage.judge.evaluation.inputs import (
    Inputs,
    choose_labels_key,
    comparison_inputs,
    origin_notes,
    real_labels,
    synthetic_labels,
)
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


def test_the_key_asked_for_comes_before_the_splits(parts: Split) -> None:
    assert choose_labels_key(parts, None) == "cell_type"
    assert choose_labels_key(parts, "kind") == "kind"


def test_labels_of_every_part_are_strings(parts: Split) -> None:
    found = real_labels(parts, "cell_type")
    assert list(found) == ["train", "validation", "test"]
    assert found["test"].tolist() == parts.test.obs["cell_type"].tolist()
    assert found["test"].dtype.kind == "U"


def test_missing_synthetic_labels_are_unsure_and_a_missing_column_is_none(parts: Split, fresh: AnnData) -> None:
    real = real_labels(parts, "cell_type")
    partly = fresh.copy()
    partly.obs.loc[partly.obs_names[:3], "cell_type"] = np.nan
    found = synthetic_labels(partly, "cell_type", real)
    assert found[:3].tolist() == ["unsure"] * 3
    assert found[3:].tolist() == fresh.obs["cell_type"].tolist()[3:]
    assert synthetic_labels(fresh, "kind", real) is None


def test_unusable_labels_are_refused(parts: Split, fresh: AnnData) -> None:
    with pytest.raises(InputError, match="the split has no labels_key; pass labels_key= one of: 'cell_type'"):
        choose_labels_key(Split(parts.train, parts.validation, parts.test), None)
    with pytest.raises(InputError, match="has no 'kind'; pass labels_key= one of: 'cell_type'"):
        real_labels(parts, "kind")
    gaps = parts.test.copy()
    gaps.obs.loc[gaps.obs_names[0], "cell_type"] = np.nan
    with pytest.raises(InputError, match="missing values"):
        real_labels(Split(parts.train, parts.validation, gaps), "cell_type")
    renamed = fresh.copy()
    renamed.obs["cell_type"] = pd.Categorical(["0"] * fresh.n_obs)
    with pytest.raises(InputError, match="is a real type: found '0', expected 'B', 'Mono'"):
        synthetic_labels(renamed, "cell_type", real_labels(parts, "cell_type"))


def test_nothing_to_say_about_cells_of_the_same_split_or_of_unknown_origin(parts: Split, fresh: AnnData) -> None:
    same = fresh.copy()
    # As it comes back from a file: numbers and sequences are numpy's.
    same.uns["scgarage"] = {"split": {k: np.asarray(v) for k, v in parts.record().items()}}
    assert origin_notes(same, parts, labelled=True) == []
    assert origin_notes(fresh, parts, labelled=True) == []
    bare = fresh.copy()
    bare.uns["scgarage"] = "not a record"
    assert origin_notes(bare, parts, labelled=True) == []


@pytest.mark.parametrize("change", [{"random_state": 99}, {"fingerprint": "other"}, {"donor_key": "donor"}])
def test_another_split_is_pointed_out(parts: Split, fresh: AnnData, change: dict) -> None:
    other = fresh.copy()
    other.uns["scgarage"] = {"split": parts.record() | change}
    with pytest.warns(UserWarning, match="fitted on another split"):
        notes = origin_notes(other, parts, labelled=False)
    assert "held-out cells may have been among its training cells" in notes[0]
    assert "predicted" in notes[1]
