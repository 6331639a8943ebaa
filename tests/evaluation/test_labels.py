import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.judge.evaluation.inputs import choose_labels_key, real_labels, synthetic_labels
from scgarage.pp import Split


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
