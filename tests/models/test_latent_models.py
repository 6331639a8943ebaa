"""The linear latent space, the flow and the diffusion on distributions that are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, Flow, ScDiffusion
from scgarage.models.diffusion import LatentSpace
from scgarage.models.timed import TimedNetwork

QUIET = FitOptions(progress=False, accelerator="cpu")


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


@pytest.fixture(scope="module")
def space(cells):
    return LatentSpace.fit(sg.pp.log1p_cp10k(cells.X), 10)


def test_positions_have_unit_variance_and_come_back(cells, space):
    fitted, latents = space
    np.testing.assert_allclose(latents.std(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(fitted.encode(sg.pp.log1p_cp10k(cells.X)), latents, atol=1e-4)
    full, all_latents = LatentSpace.fit(sg.pp.log1p_cp10k(cells.X), 59)
    assert np.abs(full.decode(all_latents) - sg.pp.log1p_cp10k(cells.X).toarray()).mean() < 0.03


def test_counts_have_the_means_of_the_training_cells(cells, space):
    fitted, latents = space
    totals = np.asarray(cells.X.sum(axis=1)).ravel().astype(float)
    drawn = fitted.counts(fitted.decode(latents), totals, np.random.default_rng(0))
    real = cells.X.toarray()
    cp10k = [(x / totals[:, None] * 1e4).mean(axis=0) for x in (drawn, real)]
    expressed = real.mean(axis=0) > 0.5
    np.testing.assert_allclose(cp10k[0][expressed], cp10k[1][expressed], rtol=0.15)


def test_log_values_have_the_zeros_of_the_training_cells(cells, space):
    fitted, latents = space
    made = fitted.sparse_log_expr(fitted.decode(latents))
    np.testing.assert_allclose((made == 0).mean(axis=0), (cells.X.toarray() == 0).mean(axis=0), atol=0.02)


class Exact(TimedNetwork):
    """The velocity (or the noise) for data N(2, 0.5^2) in every dimension, whatever the type."""

    def __init__(self, schedule=None):
        super().__init__(1, 2, (4,))
        self.schedule = schedule

    def forward(self, positions, times, types):
        t = times[:, None]
        if self.schedule is None:
            variance = (1 - t) ** 2 + 0.25 * t**2
            return 2 + (0.25 * t - (1 - t)) / variance * (positions - 2 * t)
        signal = self.schedule.signal.float()[(t * self.schedule.n_steps).round().long() - 1]
        return (1 - signal).sqrt() * (positions - 2 * signal.sqrt()) / (0.25 * signal + 1 - signal)


@pytest.mark.parametrize("kind", [Flow, ScDiffusion])
def test_the_best_network_gives_the_data_back(kind):
    model = kind(n_steps=200)
    wide = np.full(1, 50, dtype=np.float32)
    model.parts = {"space": SimpleNamespace(lowest=-wide, highest=wide)}
    network = Exact(model.schedule if kind is ScDiffusion else None)
    drawn = model.draw_latents(network, torch.zeros(5000, dtype=torch.long), torch.Generator().manual_seed(0))
    assert abs(float(drawn.mean()) - 2) < 0.03
    assert abs(float(drawn.std()) - 0.5) < 0.03


@pytest.mark.parametrize("kind", [Flow, ScDiffusion])
def test_the_best_network_has_the_lowest_loss(kind):
    model = kind()
    network = Exact(model.schedule if kind is ScDiffusion else None)
    data = 2 + 0.5 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    types = torch.zeros(20_000, dtype=torch.long)

    def loss(change):
        torch.manual_seed(0)
        return float(model.target_loss(lambda *given: network(*given) + change, data, types).detach())

    assert loss(0.0) < loss(0.1)
    assert loss(0.0) < loss(-0.1)


def test_guidance_of_zero_is_the_conditional_field():
    network = TimedNetwork(3, 2, (8,))
    x, t, y = torch.randn(5, 3), torch.rand(5), torch.tensor([0, 1, 0, 1, 1])
    told, untold = network(x, t, y), network(x, t, torch.full_like(y, -1))
    torch.testing.assert_close(network.guided(x, t, y, 0.0), told)
    torch.testing.assert_close(network.guided(x, t, y, 2.0), 3 * told - 2 * untold)


@pytest.mark.parametrize("kind", [Flow, ScDiffusion])
def test_types_differ_after_training(cells, kind):
    space = {"n_components": 5} if kind is ScDiffusion else {"n_factors": 5, "n_sweeps": 10}
    small = space | {"hidden": (32,), "n_steps": 20, "n_top_genes": None, "ema_decay": None}
    model = kind(n_iterations=300, learning_rate=5e-3, guidance=1.0, **small)
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    made = model.sample(dict.fromkeys(model.types, 100))
    log_expr = sg.pp.log1p_cp10k(made.X)
    means = {name: log_expr[(made.obs["cell_type"] == name).to_numpy()].mean(axis=0) for name in model.types}
    real = sg.pp.log1p_cp10k(cells.X)
    for name in model.types:
        own = real[(cells.obs["cell_type"] == name).to_numpy()].mean(axis=0)
        distances = {other: float(np.abs(np.asarray(means[other] - own)).mean()) for other in model.types}
        assert min(distances, key=distances.get) == name


@pytest.mark.parametrize("kind", [Flow, ScDiffusion])
def test_guidance_needs_hidden_types(kind):
    with pytest.raises(InputError, match="drop_label above 0"):
        kind(guidance=1.0, drop_label=0.0)
    with pytest.raises(InputError, match="drop_label is a share"):
        kind(drop_label=1.0)
    with pytest.raises(InputError, match="n_steps"):
        kind(n_steps=0)


def test_flow_differs_from_the_default_model_in_positions_only(cells):
    small = {"n_factors": 5, "n_sweeps": 10}
    flow = Flow(n_iterations=2, validate_every=2, **small).fit(cells, labels_key="cell_type", options=QUIET)
    default = sg.models.Garage(refine=False, **small).fit(cells, labels_key="cell_type", options=QUIET)
    for name in ("share", "slope", "weights"):
        np.testing.assert_array_equal(
            getattr(flow.parts["marginal"], name), getattr(default.parts["marginal"], name), err_msg=name
        )
    np.testing.assert_array_equal(flow.parts["decoder"].loadings, default.parts["decoder"].loadings)
    assert "latent" not in flow.parts
