"""The adapter round scvi-tools; where it is installed the contract tests run it."""

import sys

import numpy as np
import pytest

import scgarage as sg
from scgarage.errors import MissingExtraError
from scgarage.imputation.scvi import ScviMean


def test_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "scvi.module", None)
    cells = sg.datasets.simulate(n_cells=60, n_genes=40, n_types=2)
    with pytest.raises(MissingExtraError, match="pip install scvi-tools"):
        ScviMean(n_iterations=1).fit(cells)


def test_groups_are_batches_in_their_order():
    import warnings

    with warnings.catch_warnings():  # the package's imports warn
        warnings.simplefilter("ignore")
        pytest.importorskip("scvi", reason="scvi-tools is not installed", exc_type=ImportError)
    cells = sg.datasets.simulate(n_cells=80, n_genes=40, n_types=2)
    cells.obs["technology"] = np.where(np.arange(80) % 2, "b", "a")
    model = ScviMean(n_iterations=5, n_hidden=8, n_latent=2, zero_chance=1.0, keep_observed=False)
    made = model.fit(cells, batch_key="technology").transform(cells).layers["imputed"].toarray()
    # The decoder's shares add up to one over the imputed genes, whatever the batch.
    observed = sg.pp.log1p_cp10k(cells.X).toarray()
    genes = model.transform(cells).var["scgarage_imputed"].to_numpy()
    np.testing.assert_allclose(
        np.expm1(made[:, genes]).sum(axis=1), np.expm1(observed[:, genes]).sum(axis=1), rtol=1e-3
    )
