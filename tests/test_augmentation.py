import pickle

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.augmentation import FIRST, GAINS, ModelAugmenter, augmentation_evidence, cells_wanted
from scgarage.errors import InputError
from scgarage.models import FitOptions, NBIndependent


def test_cells_are_those_of_the_model_fitted_to_the_training_cells():
    cells = sg.datasets.simulate(n_cells=120, n_genes=40, n_types=3, rare_fraction=0.1, random_state=0)
    augment = pickle.loads(pickle.dumps(ModelAugmenter("nb-independent", "cell_type")))
    made = augment(cells, {"rare": 7}, 3)
    model = NBIndependent(random_state=3)
    model.fit(cells, labels_key="cell_type", validation=None, options=FitOptions(progress=False))
    np.testing.assert_array_equal(made.X.toarray(), model.sample({"rare": 7}, random_state=3).X.toarray())
    assert (made.obs["cell_type"] == "rare").all()


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=240, n_genes=80, n_types=3, rare_fraction=0.04)
    adata.obs["batch"] = "one"
    return adata


@pytest.fixture(scope="module")
def model(cells):
    model = sg.models.GarageFaithful(
        n_iterations=2, gat_epochs=2, n_top_genes=50, generator_hidden=(8,), critic_hidden=(8,), label_threshold=0.0
    )
    return model.fit(cells, labels_key="cell_type", validation=None, options=FitOptions(progress=False))


def made_type(model):
    return model.sample(300).obs["cell_type"].value_counts().index[0]


def test_only_rare_types_below_the_number_are_topped_up():
    labels = pd.Series(["T"] * 90 + ["B"] * 6 + ["pDC"] * 4)
    assert cells_wanted(labels, 10) == {"pDC": 6}
    assert cells_wanted(labels, 10, rare_fraction=0.1) == {"pDC": 6, "B": 4}
    assert cells_wanted(labels, 4) == {}
    assert cells_wanted(labels, 95, types=["T"]) == {"T": 5}


def test_real_cells_come_first_unchanged_and_synthetic_ones_are_marked(cells, model):
    name = made_type(model)
    target = int((cells.obs["cell_type"] == name).sum()) + 7
    joined = sg.augment(cells, model, min_cells=target, types=[name])
    assert joined.n_obs == cells.n_obs + 7
    assert (joined.X[: cells.n_obs] != cells.X).nnz == 0
    assert list(joined.var_names) == list(cells.var_names)
    assert list(joined.obs["source"]) == ["real"] * cells.n_obs + ["synthetic"] * 7
    assert list(joined.obs["cell_type"][-7:]) == [name] * 7
    assert joined.obs["batch"].isna().sum() == 7
    assert joined.obs_names.is_unique
    assert joined.uns["scgarage"]["augmented"]["added"] == {name: 7}
    np.testing.assert_array_equal(joined.X.toarray(), joined.layers["counts"].toarray())


def test_nothing_to_add_gives_the_real_cells(cells, model):
    joined = sg.augment(cells, model, min_cells=1)
    assert joined.n_obs == cells.n_obs
    assert (joined.obs["source"] == "real").all()


def test_another_name_of_the_label_column(cells, model):
    renamed = cells.copy()
    renamed.obs = renamed.obs.rename(columns={"cell_type": "annotation"})
    name = made_type(model)
    target = int((renamed.obs["annotation"] == name).sum()) + 2
    joined = sg.augment(renamed, model, min_cells=target, types=[name], labels_key="annotation")
    assert list(joined.obs["annotation"][-2:]) == [name] * 2
    assert "cell_type" not in joined.obs


def test_misuse_is_refused(cells, model):
    with pytest.raises(InputError, match="at least 1"):
        sg.augment(cells, model, min_cells=0)
    with pytest.raises(InputError, match="no real cells of 'pDC'"):
        sg.augment(cells, model, types=["pDC"])
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(logged.X)
    with pytest.raises(InputError, match="log-normalised"):
        sg.augment(logged, model)
    twice = cells.copy()
    twice.obs["source"] = "synthetic"
    with pytest.raises(InputError, match="synthetic already"):
        sg.augment(twice, model)
    with pytest.raises(InputError, match="gene"):
        sg.augment(cells[:, :40].copy(), model)


@pytest.mark.parametrize("classifier", list(GAINS))
@pytest.mark.parametrize(("n_cells", "near"), [(1, 5), (9, 10), (14, 10), (400, 20), (None, 10)])
def test_the_number_of_the_nearest_experiment_is_given(classifier, n_cells, near):
    text = augmentation_evidence(classifier, n_cells=n_cells)
    assert f"{near} training cells: {GAINS[classifier][1][near][0]:+.3f}" in text
    assert ("expect less" in text) == (n_cells == 400)
    assert text.endswith(FIRST)


def test_intervals_hold_their_gains():
    for _, gains in GAINS.values():
        assert all(low <= gain <= high for gain, low, high in gains.values())


def test_without_a_classifier_all_are_named_and_another_is_refused():
    assert "linear classifiers .00 to .01" in augmentation_evidence()
    with pytest.raises(InputError, match=r"'svm'.*'forest'"):
        augmentation_evidence("svm")


def test_type_that_the_model_never_saw_does_not_stop_the_others():
    cells = sg.datasets.simulate(n_cells=200, n_genes=40, n_types=3, rare_fraction=0.06)
    labels = cells.obs["cell_type"].astype(str).to_numpy().astype(object)
    rare = str(cells.obs["cell_type"].value_counts().index[-1])
    labels[0] = "singleton"
    model = sg.models.model_class("copula")().fit(cells, labels_key="cell_type", validation=None)
    cells.obs["cell_type"] = labels
    with pytest.warns(UserWarning, match=rf"no cells of 'singleton', which stay as they are; '{rare}' are topped up"):
        joined = sg.augment(cells, model, min_cells=30, rare_fraction=0.1)
    assert (joined.obs["cell_type"] == rare).sum() == 30
    assert (joined.obs["cell_type"] == "singleton").sum() == 1
    assert joined.uns["scgarage"]["augmented"]["added"] == {rare: 30 - int((labels == rare).sum())}
    with pytest.raises(InputError, match=r"no cells of 'singleton', and no other type.*--types"):
        sg.augment(cells, model, min_cells=30, types=["singleton"])
