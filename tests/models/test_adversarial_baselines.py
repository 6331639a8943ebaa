"""What sets the adversarial baselines apart from each other, and their presets."""

import numpy as np
import pytest
import torch

import scgarage as sg
from scgarage.errors import InputError
from scgarage.losses import FGAN, Fisher
from scgarage.models import MODELS, Fgan, FitOptions, Gan, LshGan, ScGan, Wgan
from scgarage.models.scgan import JointSpace
from scgarage.nn.layers import ConditionalBatchNorm

QUIET = FitOptions(progress=False, accelerator="cpu")
SMALL = {"n_iterations": 3, "n_top_genes": 40, "generator_hidden": (16,), "critic_hidden": (16,)}


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def test_weights_of_the_clipped_critic_stay_inside(cells):
    model = Wgan(clip=0.02, **SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    largest = max(float(p.detach().abs().max()) for p in model.networks["critic"].parameters())
    assert 0.015 < largest <= 0.02 + 1e-7
    assert max(float(p.detach().abs().max()) for p in model.networks["generator"].parameters()) > 0.02


def test_divergences_of_fgan():
    assert Fgan().objective() == Fisher("penalty", 10.0)
    assert Fgan(divergence="kl").objective() == FGAN("kl")
    with pytest.raises(InputError, match="divergence must be one of 'fisher'"):
        Fgan(divergence="cosine")


def test_seeds_of_lsh_gan_thin_out_dense_regions(cells):
    model = LshGan(n_dropped=4, **SMALL).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    seeds = model.networks["generator"].source.seeds
    assert cells.n_obs / 5 <= len(seeds) < 0.6 * cells.n_obs
    assert len(model.parts["seeds"].labels) == len(seeds)
    assert float(seeds.max()) == 1.0


def test_scgan_heeds_the_type_and_makes_zeros(cells):
    model = ScGan(**SMALL | {"n_iterations": 30, "n_latent": 8, "generator_learning_rate": 1e-2, "ema_decay": None})
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    generator = model.networks["generator"]
    same_noise = [generator(torch.full((50,), number), generator=torch.Generator().manual_seed(0)) for number in (0, 1)]
    assert float((same_noise[0] - same_noise[1]).detach().abs().max()) > 0.05
    assert float((same_noise[0] == 0).float().mean()) > 0.05


def test_conditional_batch_norm_is_batch_norm_before_it_learns():
    torch.manual_seed(0)
    x = torch.randn(64, 5) * 3 + 1
    y = ConditionalBatchNorm(5, 3)(x, torch.arange(64) % 3)
    torch.testing.assert_close(y, torch.nn.BatchNorm1d(5)(x).detach(), atol=1e-5, rtol=1e-5)


def test_cells_of_the_wrong_type_are_far_in_the_joint_space(cells):
    log_expr = sg.pp.log1p_cp10k(cells.X)
    labels = cells.obs["cell_type"].astype("category").cat.codes.to_numpy().astype(np.int64)
    space = JointSpace.fit(log_expr, labels, 3, random_state=0)
    first = log_expr[::2]
    generator = torch.Generator()
    right = space.distance(first.toarray(), first, labels[::2], generator.manual_seed(0))
    shuffled = np.random.default_rng(0).permutation(first.toarray())
    wrong = space.distance(shuffled, first, labels[::2], generator.manual_seed(0))
    assert right < 1e-5
    assert wrong > 0.01
    assert space.distance(shuffled, first, np.zeros(75, dtype=int), generator.manual_seed(0)) < 1e-5


@pytest.mark.parametrize("name", [name for name, kind in MODELS.items() if hasattr(kind.Config, "PRESETS")])
def test_presets_are_settings_and_the_default_is_the_tuned_one(name):
    kind = MODELS[name]
    assert set(kind.Config.PRESETS) == {"published", "tuned"}
    assert kind(**kind.Config.PRESETS["tuned"]).config == kind.Config()
    kind(**kind.Config.PRESETS["published"]).config  # noqa: B018  (raises for a setting that does not exist)


def test_settings_out_of_range():
    for settings, match in [
        ({"activation": "sine"}, "activation must be"),
        ({"optimizer": "sgd"}, "optimizer must be"),
        ({"n_latent": 0}, "n_latent must be"),
    ]:
        with pytest.raises(InputError, match=match):
            Gan(**settings)
    with pytest.raises(InputError, match="n_dropped must be"):
        LshGan(n_dropped=0)
