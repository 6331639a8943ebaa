"""The terms of the two variational autoencoders, and their likelihoods."""

import numpy as np
import pytest
import torch
from scipy.stats import nbinom
from torch.distributions import Normal, kl_divergence

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models import FitOptions, ScVae, Vae
from scgarage.models.vae import HurdleNormal, NegativeBinomialLikelihood, kl_to_standard_normal

QUIET = FitOptions(progress=False, accelerator="cpu")


def test_kl_is_torchs():
    mean, log_variance = torch.randn(6, 4), torch.randn(6, 4)
    reference = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0, 1)).sum(dim=1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), reference)


def test_count_likelihood_is_scipys():
    likelihood = NegativeBinomialLikelihood(3)
    logits, library = torch.randn(4, 3), torch.tensor([10.0, 20.0, 5.0, 100.0])
    counts = torch.tensor([[1.0, 0, 4], [7, 2, 0], [0, 0, 5], [90, 1, 1]])
    mean = (torch.softmax(logits, dim=1) * library[:, None]).double().numpy()
    theta = torch.nn.functional.softplus(torch.zeros(3)).double().numpy()
    reference = nbinom.logpmf(counts, theta, theta / (theta + mean)).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(logits, counts, library).detach(), reference, rtol=1e-4)


def test_hurdle_likelihood_and_draws():
    likelihood = HurdleNormal(2)
    likelihood.highest.fill_(10)
    logits = torch.tensor([[0.5, -1.0, 3.0, 2.0]])
    values = torch.tensor([[2.5, 0.0]])
    p = torch.sigmoid(torch.tensor([0.5, -1.0]))
    normal = Normal(3.0, 1.0).log_prob(torch.tensor(2.5)) + 0.5 * np.log(2 * np.pi)
    expected = p[0].log() + normal + (1 - p[1]).log()
    torch.testing.assert_close(likelihood.log_prob(logits, values, torch.ones(1)), expected[None])
    drawn = likelihood.draw(logits.repeat(20_000, 1), torch.ones(1), torch.Generator().manual_seed(0)).detach()
    torch.testing.assert_close((drawn > 0).float().mean(dim=0), p, atol=0.02, rtol=0)
    assert abs(float(drawn[:, 0][drawn[:, 0] > 0].mean()) - 3) < 0.03


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, rare_fraction=0.1, random_state=3)


def test_scvae_learns_means_of_types_and_library_sizes(cells):
    model = ScVae(n_iterations=300, n_top_genes=40, hidden=(32,), n_latent=4, learning_rate=5e-3)
    model.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert model.history["autoencoder/loss"].iloc[-1] < model.history["autoencoder/loss"].iloc[0]
    for name in model.types:
        made, real = model.sample({name: 300}).X, cells.X[(cells.obs["cell_type"] == name).to_numpy()]
        assert 0.75 < made.sum() / 300 / (real.sum() / real.shape[0]) < 1.3
        means = [np.log1p(np.asarray(x.mean(axis=0)).ravel()) for x in (made, real)]
        assert np.corrcoef(means)[0, 1] > 0.9


def test_noise_of_the_vae_is_learned_and_drawn(cells):
    settings = {"n_iterations": 100, "hidden": (16,), "n_latent": 4, "n_top_genes": 40, "learning_rate": 1e-2}
    noisy = Vae(**settings).fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    plain = Vae(**settings, likelihood="squared-error")
    plain.fit(cells, labels_key="cell_type", validation=None, options=QUIET)
    assert "log_noise" not in dict(plain.networks["autoencoder"].named_parameters())
    spread = [m.generate(300, torch.Generator().manual_seed(0))[0].std(axis=0).mean() for m in (noisy, plain)]
    real = sg.pp.log1p_cp10k(cells.X).toarray().std(axis=0).mean()
    assert spread[1] < spread[0] < 1.5 * real


def test_settings_out_of_range():
    with pytest.raises(InputError, match="likelihood must be"):
        Vae(likelihood="poisson")
    with pytest.raises(InputError, match="activation must be"):
        Vae(activation="sine")
    with pytest.raises(InputError, match="beta must be"):
        ScVae(beta=-1)
