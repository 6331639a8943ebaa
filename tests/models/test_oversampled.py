"""Oversampling in front of any model."""

import numpy as np
import pytest

import scgarage as sg
from scgarage.models import Bootstrap, FitOptions, Oversampled, VaeRos
from scgarage.models.data import training_data
from scgarage.models.oversampled import oversample

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def test_every_type_gets_the_majority_count_and_no_cell_is_lost(cells):
    data = training_data(cells, labels_key="cell_type", layer=None, n_top_genes=None)
    more = oversample(data, np.random.default_rng(0))
    sizes = np.bincount(more.labels)
    assert set(sizes) == {np.bincount(data.labels).max()}
    assert more.n_cells == len(more.names) == len(more.totals) == more.log_expr.shape[0]
    assert set(more.names) == set(data.names)
    np.testing.assert_allclose(more.totals, np.asarray(more.values.sum(axis=1)).ravel())
    first = dict(zip(data.names, data.labels, strict=True))
    assert all(first[name] == label for name, label in zip(more.names, more.labels, strict=True))


def test_any_model_accepts_it(cells):
    class BootstrapRos(Oversampled):
        """The copy extreme, oversampled."""

        name = "bootstrap-ros"
        inner = Bootstrap

    model = BootstrapRos().fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert len(set(model.parts["cells"].sizes)) == 1
    made = model.sample(1000)
    shares = made.obs["cell_type"].value_counts(normalize=True)
    real = cells.obs["cell_type"].value_counts(normalize=True)
    assert abs(shares - real).max() < 0.01
    assert list(model.sample({"rare": 30}).obs["cell_type"]) == ["rare"] * 30


def test_the_way_of_the_version_before_works_and_warns(cells):
    with pytest.warns(DeprecationWarning, match="set inner = Bootstrap instead"):

        class BootstrapRos(Oversampled, Bootstrap):
            """The copy extreme, oversampled."""

            name = "bootstrap-ros"

    model = BootstrapRos().fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert len(set(model.parts["cells"].sizes)) == 1
    assert list(model.sample({"rare": 30}).obs["cell_type"]) == ["rare"] * 30


def test_proportions_come_back_as_far_as_the_model_can(cells):
    model = VaeRos(n_iterations=300, hidden=(32,), n_latent=4, n_top_genes=40, learning_rate=5e-3)
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(500)
    assert made.n_obs == 500
    pool = model._model().draw(1500, *_generators())
    before = (np.asarray(pool.labels) == "rare").mean()
    after = (made.obs["cell_type"] == "rare").mean()
    assert after < before
    assert abs(after - 0.1) < 0.03


def _generators():
    import torch

    return torch.Generator().manual_seed(0), np.random.default_rng(0)
