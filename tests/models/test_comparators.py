"""Copies of training cells."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import Bootstrap, FitOptions, Smote
from scgarage.models.comparators import interpolate

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells_bootstrap():
    return sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def test_unthinned_cells_are_training_cells_of_their_type(cells_bootstrap):
    model = Bootstrap(kept=1.0).fit(cells_bootstrap, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(80)
    real = {
        (row.tobytes(), name)
        for row, name in zip(cells_bootstrap.X.toarray(), cells_bootstrap.obs["cell_type"], strict=True)
    }
    assert {(row.tobytes(), name) for row, name in zip(made.X.toarray(), made.obs["cell_type"], strict=True)} <= real


def test_thinning_keeps_the_share_and_adds_nothing(cells_bootstrap):
    model = Bootstrap(kept=0.5).fit(cells_bootstrap, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(1500)
    assert abs(made.X.sum() / 1500 / (cells_bootstrap.X.sum() / cells_bootstrap.n_obs) - 0.5) < 0.03
    support = (cells_bootstrap.X > 0).astype(int)
    outside = (made.X[:200] > 0).astype(int) @ (1 - support.toarray()).T
    assert (np.asarray(outside).min(axis=1) == 0).all()


@pytest.mark.parametrize("kept", [0, 1.2])
def test_share_out_of_range(kept):
    with pytest.raises(InputError, match="kept is a share"):
        Bootstrap(kept=kept)


@pytest.fixture(scope="module")
def cells_smote():
    adata = sg.datasets.simulate(n_cells=200, n_genes=50, n_types=3, rare_fraction=0.05, random_state=2)
    adata.layers["log"] = sg.pp.log1p_cp10k(adata.X)
    return adata


def test_interpolation_is_imbalanced_learns():
    rng = np.random.default_rng(0)
    points = sparse.random(30, 12, density=0.4, random_state=1, format="csr")
    neighbours = np.array([rng.permutation(np.delete(np.arange(30), i))[:4] for i in range(30)])
    rows, columns, shares = rng.integers(30, size=50), rng.integers(4, size=50), rng.random(50)
    reference = SMOTE()._generate_samples(points, points, neighbours, rows, columns, shares[:, None])
    ours = interpolate(points, rows, neighbours[rows, columns], shares)
    np.testing.assert_allclose(ours.toarray(), reference.toarray(), atol=1e-12)


def test_neighbours_are_those_of_imbalanced_learn(cells_smote):
    model = Smote().fit(cells_smote, labels_key="cell_type", layer="log", validation=None, options=QUIET)
    kept, found = model.parts["cells"], model.parts["neighbours"]
    labels = np.repeat(np.arange(3), kept.sizes)
    smote = SMOTE(k_neighbors=5, random_state=0)
    smote.fit_resample(kept.matrix(), labels)
    start = 0
    for size in kept.sizes:
        own = kept.matrix()[start : start + size]
        n = min(5, size - 1)
        wanted = smote.nn_k_.fit(own).kneighbors(own, n_neighbors=n + 1, return_distance=False)[:, 1:]
        np.testing.assert_array_equal(found.rows[start : start + size, :n] - start, wanted)
        start += size


def test_cells_lie_between_two_cells_of_the_type(cells_smote):
    model = Smote().fit(cells_smote, labels_key="cell_type", layer="log", validation=None, options=QUIET)
    made = model.sample({model.types[0]: 20})
    real = cells_smote[cells_smote.obs["cell_type"] == model.types[0]].layers["log"].toarray()
    x = made.X.toarray()
    step = real[None] - real[:, None]
    along = ((x[:, None, None] - real[None, :, None]) * step[None]).sum(-1) / np.maximum((step**2).sum(-1), 1e-9)
    nearest = real[None, :, None] + np.clip(along, 0, 1)[..., None] * step[None]
    assert np.linalg.norm(x[:, None, None] - nearest, axis=-1).min(axis=(1, 2)).max() < 1e-3


def test_types_of_two_cells_and_abundant_types_are_made(cells_smote):
    rare = np.flatnonzero(cells_smote.obs["cell_type"] == "rare")[:2]
    few = cells_smote[np.concatenate([rare, np.flatnonzero(cells_smote.obs["cell_type"] != "rare")])].copy()
    model = Smote().fit(few, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample({"rare": 5, "type_1": 300})
    assert (made.obs["cell_type"] == "rare").sum() == 5
    totals = np.asarray(made.X.sum(axis=1)).ravel()
    real = np.asarray(few.X.sum(axis=1)).ravel()
    assert 0.5 * real.min() < totals.min() <= totals.max() < 1.5 * real.max()


def test_settings_out_of_range():
    with pytest.raises(InputError, match="n_neighbors must be at least 1"):
        Smote(n_neighbors=0)
