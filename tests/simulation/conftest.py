import pytest

import scgarage as sg

SMALL = {"n_factors": 4, "n_sweeps": 3, "n_kept": 2}


@pytest.fixture(scope="session")
def models():
    """Fitted models of the factor family by name; "batches" is a garage that knows four batches."""
    cells = sg.datasets.simulate(600, 120, 3, 0.08, depth=900, n_batches=4)
    flow = SMALL | {"n_iterations": 20, "hidden": (16,), "n_steps": 4, "validate_every": 10}
    return {
        "garage": sg.models.Garage(**SMALL).fit(cells, labels_key="cell_type"),
        "copula": sg.models.Copula().fit(cells, labels_key="cell_type"),
        "flow": sg.models.Flow(**flow).fit(cells, labels_key="cell_type"),
        "batches": sg.models.Garage(**SMALL).fit(cells, labels_key="cell_type", batch_key="batch"),
        "unlabelled": sg.models.Garage(**SMALL).fit(cells),
        "bootstrap": sg.models.Bootstrap().fit(cells, labels_key="cell_type"),
    }
