"""Copies of training cells."""

import numpy as np
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import Bootstrap, FitOptions

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def test_unthinned_cells_are_training_cells_of_their_type(cells):
    model = Bootstrap(kept=1.0).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(80)
    real = {(row.tobytes(), name) for row, name in zip(cells.X.toarray(), cells.obs["cell_type"], strict=True)}
    assert {(row.tobytes(), name) for row, name in zip(made.X.toarray(), made.obs["cell_type"], strict=True)} <= real


def test_thinning_keeps_the_share_and_adds_nothing(cells):
    model = Bootstrap(kept=0.5).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(1500)
    assert abs(made.X.sum() / 1500 / (cells.X.sum() / cells.n_obs) - 0.5) < 0.03
    support = (cells.X > 0).astype(int)
    outside = (made.X[:200] > 0).astype(int) @ (1 - support.toarray()).T
    assert (np.asarray(outside).min(axis=1) == 0).all()


@pytest.mark.parametrize("kept", [0, 1.2])
def test_share_out_of_range(kept):
    with pytest.raises(InputError, match="kept is a share"):
        Bootstrap(kept=kept)
