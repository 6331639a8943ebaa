"""The monitor inside a training: a generator that is collapsed by construction, and one that is not."""

import numpy as np
import pandas as pd
import pytest
import torch

import scgarage as sg
from scgarage.models import FitOptions, Gan, ScGan, load
from scgarage.models.adversarial import diagnosis
from scgarage.report.words import model_words
from scgarage.training.monitor import MONITORED

QUIET = FitOptions(progress=False, accelerator="cpu")
SMALL = {
    "n_iterations": 4, "n_top_genes": 40, "generator_hidden": (16,), "critic_hidden": (16,), "n_latent": 8,
    "validate_every": 2, "ema_decay": None, "batch_size": 32, "generator_learning_rate": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, random_state=3)


class Stuck(Gan):
    """A generator that heeds its noise in no way."""

    def skeleton(self):
        networks = super().skeleton()
        for parameter in networks["generator"].layers.parameters():
            torch.nn.init.zeros_(parameter)
        return networks


class Faithful(Gan):
    """A generator that hands its input through: fed real cells, it makes real cells."""

    def seed_cells(self, data, options):
        return np.arange(data.n_cells)

    def source(self):
        from scgarage.nn import HybridInput

        return HybridInput(torch.zeros(self.sizes["n_seeds"], self.sizes["n_genes"]), leakage=1.0)

    def skeleton(self):
        networks = super().skeleton()
        networks["generator"].layers = Logit(self.sizes["n_genes"])
        return networks


class Logit(torch.nn.Module):
    def __init__(self, n_genes):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(n_genes))

    def forward(self, scaled):
        return torch.logit(scaled.clamp(1e-6, 1 - 1e-6)) + self.shift


def fitted(kind, cells, **settings):
    return kind(**SMALL | settings).fit(cells, labels_key="cell_type", validation=0.3, options=QUIET)


def test_collapse_by_construction_is_seen_and_advised_about(cells):
    model = fitted(Stuck, cells)
    found = model.about["diagnosis"]
    assert found["type_coverage"] <= 0.5
    assert found["neighbour_diversity"] < 0.01
    assert found["jacobian_rank"] == 0
    assert len(found["advice"]) == 3


def test_a_generator_of_real_cells_is_not_collapsed(cells):
    found = fitted(Faithful, cells).about["diagnosis"]
    assert found["type_coverage"] == 1
    assert found["neighbour_diversity"] > 0.5
    assert found["jacobian_rank"] > 3
    assert found["advice"][0].startswith("No sign of mode collapse")


@pytest.mark.parametrize("kind", [Gan, ScGan])
def test_history_holds_the_numbers_at_every_validation(kind, cells, tmp_path):
    model = fitted(kind, cells)
    measured = model.history[model.history["validation/score"].notna()]
    assert len(measured) == 2
    assert measured[list(MONITORED)].notna().all().all()
    back = load(model.save(tmp_path / "model"))
    assert back.about["diagnosis"] == model.about["diagnosis"]
    record = back.sample(5).uns["scgarage"]
    assert "monitor.jacobian_rank" in record["history"]
    assert any("of the types reached" in sentence for sentence in model_words(record))


def test_without_validation_nothing_is_said(cells):
    model = Gan(**SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert "diagnosis" not in model.about
    assert diagnosis(model.history, 4) == {}


def test_the_diagnosis_is_that_of_the_kept_step():
    history = pd.DataFrame({"step": [2, 4]} | {name: [0.1, 9.0] for name in MONITORED})
    assert diagnosis(history, 2)["jacobian_rank"] == 0.1
    assert diagnosis(history, 4)["type_coverage"] == 9.0
    assert diagnosis(history, 3) == {}
