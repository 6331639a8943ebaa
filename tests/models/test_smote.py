"""SMOTE against imbalanced-learn."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Smote
from scgarage.models.comparators import interpolate

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
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


def test_neighbours_are_those_of_imbalanced_learn(cells):
    model = Smote().fit(cells, labels_key="cell_type", layer="log", validation=None, options=QUIET)
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


def test_cells_lie_between_two_cells_of_the_type(cells):
    model = Smote().fit(cells, labels_key="cell_type", layer="log", validation=None, options=QUIET)
    made = model.sample({model.types[0]: 20})
    real = cells[cells.obs["cell_type"] == model.types[0]].layers["log"].toarray()
    x = made.X.toarray()
    step = real[None] - real[:, None]
    along = ((x[:, None, None] - real[None, :, None]) * step[None]).sum(-1) / np.maximum((step**2).sum(-1), 1e-9)
    nearest = real[None, :, None] + np.clip(along, 0, 1)[..., None] * step[None]
    assert np.linalg.norm(x[:, None, None] - nearest, axis=-1).min(axis=(1, 2)).max() < 1e-3


def test_types_of_two_cells_and_abundant_types_are_made(cells):
    rare = np.flatnonzero(cells.obs["cell_type"] == "rare")[:2]
    few = cells[np.concatenate([rare, np.flatnonzero(cells.obs["cell_type"] != "rare")])].copy()
    model = Smote().fit(few, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample({"rare": 5, "type_1": 300})
    assert (made.obs["cell_type"] == "rare").sum() == 5
    totals = np.asarray(made.X.sum(axis=1)).ravel()
    real = np.asarray(few.X.sum(axis=1)).ravel()
    assert 0.5 * real.min() < totals.min() <= totals.max() < 1.5 * real.max()


def test_settings_out_of_range():
    with pytest.raises(InputError, match="n_neighbors must be at least 1"):
        Smote(n_neighbors=0)
