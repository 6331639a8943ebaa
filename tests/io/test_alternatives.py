import numpy as np
import pytest

from scgarage.datasets import simulate
from scgarage.io import find_alternative


@pytest.fixture
def adata():
    adata = simulate(30, 30, 2, 0.1)
    adata.X = adata.X.log1p()
    return adata


def test_a_layer_is_found(adata):
    assert find_alternative(adata, ["counts"]) == 'adata.layers["counts"] holds counts: pass layer="counts"'
    assert find_alternative(adata, ["counts"], layer="counts") is None


def test_the_main_matrix_is_found_when_a_layer_is_not_wanted(adata):
    found = find_alternative(adata, ["log-normalised"], layer="counts")
    assert found == "adata.X holds log-normalised values: leave layer out"


def test_raw_is_found(adata):
    adata.raw = adata.copy()
    del adata.layers["counts"]
    adata.X = adata.X.toarray() - 1
    found = find_alternative(adata, ["counts", "log-normalised"])
    assert found == "adata.raw holds log-normalised values: use adata.raw.to_adata()"


def test_damaged_and_foreign_layers_are_passed_over(adata):
    del adata.layers["counts"]
    adata.layers["bad"] = np.full(adata.shape, np.nan)
    assert find_alternative(adata, ["counts"]) is None
