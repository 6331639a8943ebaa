import pickle

import numpy as np

import scgarage as sg
from scgarage.augmentation import ModelAugmenter
from scgarage.models import FitOptions, NBIndependent


def test_cells_are_those_of_the_model_fitted_to_the_training_cells():
    cells = sg.datasets.simulate(n_cells=120, n_genes=40, n_types=3, rare_fraction=0.1, random_state=0)
    augment = pickle.loads(pickle.dumps(ModelAugmenter("nb-independent", "cell_type")))
    made = augment(cells, {"rare": 7}, 3)
    model = NBIndependent(random_state=3)
    model.fit(cells, labels_key="cell_type", validation=None, options=FitOptions(progress=False))
    np.testing.assert_array_equal(made.X.toarray(), model.sample({"rare": 7}, random_state=3).X.toarray())
    assert (made.obs["cell_type"] == "rare").all()
