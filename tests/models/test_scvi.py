"""The adapter round scvi-tools, where it is installed."""

import sys

import numpy as np
import pytest
import torch

import scgarage as sg
from scgarage.errors import InputError, MissingExtraError
from scgarage.models import FitOptions, load, model_class
from scgarage.models.vae import NegativeBinomialLikelihood

QUIET = FitOptions(progress=False, accelerator="cpu")
SMALL = {"n_iterations": 40, "n_top_genes": 40, "n_hidden": 16, "n_latent": 4, "validate_every": 10}
Scvi = model_class("scvi")


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


@pytest.fixture
def installed():
    # Python's machinery of warnings is in error mode here, the package's imports warn.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("scvi", reason="scvi-tools is not installed", exc_type=ImportError)


def test_missing_package_is_named_with_the_command(cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "scvi.module", None)
    with pytest.raises(MissingExtraError, match="pip install scvi-tools"):
        Scvi(**SMALL).fit(cells, labels_key="cell_type", options=QUIET)


def test_log_values_are_refused(cells):
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(InputError, match="scvi models counts"):
        Scvi(**SMALL).fit(logged, labels_key="cell_type", options=QUIET)


@pytest.mark.parametrize("source", ["prior", "posterior"])
@pytest.mark.filterwarnings("ignore")
def test_fit_sample_save_and_load(cells, installed, source, tmp_path):
    state = torch.get_rng_state()
    model = Scvi(**SMALL, source=source).fit(cells, labels_key="cell_type", options=QUIET)
    again = Scvi(**SMALL, source=source).fit(cells, labels_key="cell_type", options=QUIET)
    made = model.sample({"rare": 40, "type_1": 60}, random_state=1)
    assert list(made.obs["cell_type"]) == ["rare"] * 40 + ["type_1"] * 60
    np.testing.assert_array_equal(made.X.data, np.rint(made.X.data))
    assert (made.X != again.sample({"rare": 40, "type_1": 60}, random_state=1).X).nnz == 0
    assert torch.equal(state, torch.get_rng_state())
    back = load(model.save(tmp_path / "model"))
    assert (made.X != back.sample({"rare": 40, "type_1": 60}, random_state=1).X).nnz == 0
    totals = [np.asarray(x.sum(axis=1)).mean() for x in (made.X, cells.X)]
    assert 0.6 < totals[0] / totals[1] < 1.6
    assert model.history["validation/score"].notna().any()


@pytest.mark.filterwarnings("ignore")
def test_our_likelihood_is_scvis(installed):
    from scvi.distributions import NegativeBinomial, ZeroInflatedNegativeBinomial

    from scgarage.nn import ZeroInflatedNegativeBinomial as Ours

    mean, theta, zero = torch.rand(5, 3) * 9 + 0.1, torch.rand(3) * 3 + 0.1, torch.randn(5, 3)
    counts = torch.randint(20, (5, 3)).float()
    ours = Ours(mean, theta, zero)
    reference = NegativeBinomial(mu=mean, theta=theta).log_prob(counts)
    torch.testing.assert_close(ours.counts.log_prob(counts), reference, atol=1e-4, rtol=1e-4)
    inflated = ZeroInflatedNegativeBinomial(mu=mean, theta=theta, zi_logits=zero).log_prob(counts)
    torch.testing.assert_close(ours.log_prob(counts), inflated, atol=1e-4, rtol=1e-4)
    assert NegativeBinomialLikelihood(3).n_logits == 3


def test_settings_out_of_range():
    with pytest.raises(InputError, match="source must be"):
        Scvi(source="somewhere")
    with pytest.raises(InputError, match="gene_likelihood must be"):
        Scvi(gene_likelihood="normal")
