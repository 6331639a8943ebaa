"""The toys of docs/contributing.md, written to files and registered exactly as the page shows them."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import scgarage as sg
from scgarage.imputation import IMPUTERS
from scgarage.losses import OBJECTIVES
from scgarage.metrics import METRICS
from scgarage.models import MODELS, FitOptions
from scgarage.seeds import SELECTORS

PAGE = Path(__file__).parents[1] / "docs" / "contributing.md"
REGISTRIES = {
    "MODELS": MODELS, "METRICS": METRICS, "OBJECTIVES": OBJECTIVES, "IMPUTERS": IMPUTERS, "SELECTORS": SELECTORS,
}  # fmt: skip
QUIET = FitOptions(progress=False, accelerator="cpu")
SECTIONS = dict(
    re.findall(r"^## An? (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Make a file of a section's toy, import it and run its registry line; undone after the test."""

    def added(section):
        toy, line = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
        assert len(toy.splitlines()) <= 40
        assert len(line.splitlines()) == 1
        name = f"toy_{section.replace(' ', '_')}"
        file = tmp_path / f"{name}.py"
        file.write_text(toy, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        registry, key = re.match(r'(\w+)\["([\w-]+)"\]', line).groups()
        monkeypatch.setitem(REGISTRIES[registry], key, None)  # taken out again in the end
        exec(line, vars(module) | REGISTRIES)
        return key

    return added


@pytest.fixture
def cells():
    return sg.datasets.simulate(n_cells=240, n_genes=80, n_types=3, rare_fraction=0.05, random_state=0)


def test_the_page_has_a_toy_of_each_kind():
    assert set(SECTIONS) == {"model", "metric", "objective", "imputer", "seed selector"}


def test_model(add, cells, tmp_path):
    name = add("model")
    model = sg.models.model_class(name)().fit(cells, labels_key="cell_type", options=QUIET)
    made = model.sample({"rare": 30, "type_1": 200}, random_state=1)
    assert list(made.obs["cell_type"]) == ["rare"] * 30 + ["type_1"] * 200
    real = cells[cells.obs["cell_type"] == "type_1"].X.mean(axis=0)
    assert np.corrcoef(np.asarray(real).ravel(), np.asarray(made[30:].X.mean(axis=0)).ravel())[0, 1] > 0.95
    back = sg.load(model.save(tmp_path / "model")).sample({"rare": 30, "type_1": 200}, random_state=1)
    assert (made.X != back.X).nnz == 0
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(sg.errors.InputError, match="poisson-means models counts; found log-normalised"):
        sg.models.model_class(name)().fit(logged, labels_key="cell_type", options=QUIET)


def test_metric(add, cells):
    name = add("metric")
    split = sg.pp.split(cells, labels_key="cell_type")
    row = sg.evaluate(split.train, split, metrics=[name], n_repeats=2).table.iloc[0]
    assert row["title"] == "Detected genes: relative error"
    assert row["floor"] < row["null"]


def test_objective(add, cells):
    name = add("objective")
    small = {"n_iterations": 4, "n_top_genes": 40, "generator_hidden": (8,), "critic_hidden": (8,), "n_latent": 4}
    model = sg.models.Gan(objective=f"{name}:factor=3", **small)
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert model.game().objective.factor == 3
    assert model.sample(10).n_obs == 10


def test_imputer(add, cells):
    name = add("imputer")
    made = sg.impute(cells, method=name, zero_chance=1.0)
    values = made.layers["imputed"]
    values = values.toarray() if hasattr(values, "toarray") else values
    zero = cells.X.toarray() == 0
    assert (values[zero] > 0).mean() > 0.95


def test_seed_selector(add, cells):
    name = add("seed selector")
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    seeds = SELECTORS[name](labels_key="cell_type").select(logged, 24)
    assert len(set(seeds.indices)) == len(seeds) == 24
    assert seeds.scores.dtype == np.float64
    assert "rare" in set(cells.obs["cell_type"].iloc[seeds.indices])
    faithful = sg.models.GarageFaithful(selector=name, n_iterations=2, n_top_genes=40, generator_hidden=(8,))
    faithful.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert len(faithful.seeds) == np.ceil(0.2 * cells.n_obs)
    settings = {"n_sweeps": 2, "n_kept": 1, "n_factors": 3, "refine": False, "n_top_genes": 40}
    model = sg.models.Garage(seeds=name, seed_share=0.2, **settings)
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert 0.15 < len(model.seed_names) / cells.n_obs < 0.25
