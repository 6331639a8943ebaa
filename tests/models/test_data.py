import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Garage, load
from scgarage.models.data import MAX_COMBINATIONS, batch_name, combinations, joined, levels_of, split_up

SHORT = {"n_top_genes": 40, "n_factors": 3, "n_sweeps": 3, "n_kept": 2, "refine": False}


@pytest.fixture(scope="module")
def cells():
    """Donor b was never stimulated."""
    cells = sg.datasets.simulate(n_cells=240, n_genes=60, n_types=3, random_state=0)
    cells.obs["donor"] = np.repeat(["a", "b"], 120)
    cells.obs["state"] = np.where((np.arange(240) % 2 == 1) & (cells.obs["donor"] == "a"), "stim", "rest")
    return cells


@pytest.fixture(scope="module")
def model(cells):
    return Garage(**SHORT).fit(
        cells, labels_key="cell_type", batch_key=["donor", "state"], options=FitOptions(progress=False)
    )


def test_names_go_there_and_back():
    obs = pd.DataFrame({"donor": ["a", "b"], "state": ["rest", "stim"]})
    names = combinations(obs, ["donor", "state"])
    assert names == ("a | rest", "a | stim", "b | rest", "b | stim")
    assert joined(obs, ["donor", "state"]).tolist() == ["a | rest", "b | stim"]
    assert split_up(names, ["donor", "state"])["state"].tolist() == ["rest", "stim", "rest", "stim"]
    assert levels_of(names, 2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert combinations(obs, ["donor"]) == ("a", "b")
    assert levels_of(("a", "b"), 1).tolist() == [[0], [1]]
    assert levels_of((), 0).tolist() == [[0]]


def test_many_combinations_are_only_those_seen():
    n_values = int(MAX_COMBINATIONS**0.5) + 1
    obs = pd.DataFrame({"donor": [f"d{n}" for n in range(n_values)], "plate": [f"p{n}" for n in range(n_values)]})
    assert len(combinations(obs, ["donor", "plate"])) == n_values


def test_cells_come_in_the_combination_asked_for_with_a_column_each(model):
    made = model.sample({"type_1": 7}, batch={"state": "stim", "donor": "a"})
    assert made.obs["donor"].unique().tolist() == ["a"]
    assert made.obs["state"].unique().tolist() == ["stim"]
    assert made.n_obs == 7
    everything = model.sample(120)
    assert not ((everything.obs["donor"] == "b") & (everything.obs["state"] == "stim")).any()
    table = pd.DataFrame({"a | rest": [3], "b | rest": [2]}, index=["type_2"])
    assert model.sample(table).obs.groupby(["donor", "state"], observed=True).size().tolist() == [3, 2]


def test_a_combination_never_seen_is_made_with_a_warning(model, tmp_path):
    with pytest.warns(UserWarning, match=r"type_1 in b \| stim"):
        made = model.sample({"type_1": 30}, batch="b | stim")
    assert made.n_obs == 30
    with pytest.warns(UserWarning, match="no training cell"):
        again = load(model.save(tmp_path / "model")).sample({"type_1": 30}, batch="b | stim")
    assert (made.X != again.X).nnz == 0
    made.write_h5ad(tmp_path / "made.h5ad")


def test_what_cannot_be_is_refused(cells, model):
    with pytest.raises(InputError, match=r"names the columns donor; .* donor, state"):
        model.sample(5, batch={"donor": "a"})
    with pytest.raises(InputError, match=r"no batch 'c \| rest'"):
        model.sample(5, batch="c | rest")
    with pytest.raises(InputError, match="no 'plate'; pass batch_key= one of"):
        Garage().fit(cells, labels_key="cell_type", batch_key=["donor", "plate"])
    with pytest.raises(InputError, match="both 'cell_type'"):
        Garage().fit(cells, labels_key="cell_type", batch_key=["donor", "cell_type"])
    with pytest.raises(InputError, match="several different ones"):
        Garage().fit(cells, labels_key="cell_type", batch_key=["donor", "donor"])
    with pytest.raises(InputError, match="fitted without batch_key"):
        batch_name("a", (), ())
    with pytest.raises(InputError, match="stands between columns"):
        joined(pd.DataFrame({"donor": ["a | b"], "state": ["rest"]}), ["donor", "state"])
