import pytest
import torch
from torch import nn

from scgarage.errors import InputError
from scgarage.losses import SpectralNorm
from scgarage.nn import HybridInput, ProjectionCritic, mlp


def seeds(n=6, n_genes=4):
    return torch.arange(n).float()[:, None].expand(n, n_genes) + 100


def test_share_of_seed_rows_and_their_place():
    rows = HybridInput(seeds(), leakage=0.25)(20)
    assert rows.shape == (20, 4)
    assert (rows[:15].abs() < 50).all()
    assert (rows[15:] >= 100).all()


def test_new_seeds_are_drawn_for_each_batch():
    source = HybridInput(seeds(), leakage=1.0)
    drawn = torch.stack([source(6)[:, 0] for _ in range(20)])
    assert len(drawn.unique(dim=0)) > 10
    assert set(drawn.unique().tolist()) == set((torch.arange(6) + 100.0).tolist())


def test_only_chosen_seeds_are_drawn():
    rows = HybridInput(seeds(), leakage=1.0)(50, among=torch.tensor([2, 4]))
    assert set(rows[:, 0].tolist()) == {102.0, 104.0}


def test_no_seeds_gives_noise_of_the_asked_size():
    assert HybridInput(torch.zeros(0, 3), leakage=0.5)(7).shape == (7, 3)
    assert HybridInput(seeds(), leakage=0.5)(7, among=torch.tensor([], dtype=torch.long)).shape == (7, 4)


def test_noise_has_the_moments_of_its_distribution():
    torch.manual_seed(0)
    normal = HybridInput(torch.zeros(0, 50), leakage=0)(2000)
    uniform = HybridInput(torch.zeros(0, 50), leakage=0, noise="uniform")(2000)
    assert normal.mean().item() == pytest.approx(0, abs=0.02)
    assert normal.var().item() == pytest.approx(1, abs=0.02)
    assert uniform.var().item() == pytest.approx(1 / 3, abs=0.01)
    assert uniform.abs().max() <= 1


def test_generator_makes_it_reproducible():
    source = HybridInput(seeds(), leakage=0.5)
    draws = [source(9, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    torch.testing.assert_close(*draws)


@pytest.mark.parametrize("bad", [{"leakage": 1.5}, {"leakage": -0.1}, {"noise": "cauchy"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(InputError, match=r"leakage|noise"):
        HybridInput(seeds(), **bad)


def test_layers_and_activations():
    net = mlp(3, [8, 5], 2, activation=nn.Tanh)
    assert [type(layer) for layer in net] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert net(torch.randn(4, 3)).shape == (4, 2)


def test_every_parameter_gets_a_gradient():
    net = mlp(3, [8], 2)
    net(torch.randn(16, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_without_hidden_layers_it_is_linear():
    net = mlp(3, [], 2)
    x = torch.randn(5, 3)
    torch.testing.assert_close(net(2 * x) - net(torch.zeros(5, 3)), 2 * (net(x) - net(torch.zeros(5, 3))))


def critic(n_categories=(3, 2), n_genes=4, n_features=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = ProjectionCritic(
            nn.Sequential(nn.Linear(n_genes, n_features), nn.ReLU()), n_features, n_categories=n_categories
        )
        for embedding in made.embeddings:
            nn.init.normal_(embedding.weight)
    return made


def test_score_is_the_published_formula():
    network = critic()
    cells, labels = torch.randn(5, 4), torch.tensor([[0, 1], [2, 0], [1, 1], [0, 0], [2, 1]])
    phi = network.features(cells)
    first, second = (embedding.weight for embedding in network.embeddings)
    expected = network.score(phi).ravel()
    for row, (a, b) in enumerate(labels.tolist()):
        expected[row] += phi[row] @ first[a] + phi[row] @ second[b]
    torch.testing.assert_close(network(cells, labels).ravel(), expected)


def test_score_is_the_log_density_ratio_of_linear_softmax_models():
    # log p(y|x) - log q(y|x) = <w_p[y] - w_q[y], phi> + constant: the embedding is the difference of the weights.
    network = critic(n_categories=(3,))
    w_p, w_q = torch.randn(3, 6), torch.randn(3, 6)
    with torch.no_grad():
        network.embeddings[0].weight.copy_(w_p - w_q)
    cells = torch.randn(1, 4)
    phi = network.features(cells)
    ratio = torch.log_softmax(phi @ w_p.T, dim=1) - torch.log_softmax(phi @ w_q.T, dim=1)
    scores = torch.cat([network(cells, torch.tensor([y])) for y in range(3)], dim=1)
    torch.testing.assert_close(scores - scores[:, :1], ratio - ratio[:, :1], rtol=1e-4, atol=1e-5)


def test_unknown_and_absent_conditions_add_nothing():
    network = critic()
    cells = torch.randn(3, 4)
    unknown = torch.full((3, 2), -1)
    torch.testing.assert_close(network(cells, unknown), network(cells))
    half = torch.tensor([[1, -1]] * 3)
    only = critic(n_categories=(3,))
    only.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("embeddings.1")})
    torch.testing.assert_close(network(cells, half), only(cells, half[:, 0]))


def test_order_of_cells_does_not_matter_and_every_parameter_learns():
    network = critic()
    cells, labels = torch.randn(12, 4), torch.stack([torch.arange(12) % 3, torch.arange(12) % 2], dim=1)
    order = torch.randperm(12)
    torch.testing.assert_close(network(cells[order], labels[order]), network(cells, labels)[order])
    network(cells, labels).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_spectral_normalisation_reaches_all_parts():
    network = ProjectionCritic(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), 6, n_categories=(3, 2))
    SpectralNorm().apply_to(network)
    for _ in range(50):
        network(torch.zeros(2, 4))
    scores = network.eval()(torch.randn(5, 4), torch.zeros(5, 2, dtype=torch.long))
    assert torch.isfinite(scores).all()
    weights = [network.score.weight, network.features[0].weight, *[e.weight for e in network.embeddings]]
    sizes = [torch.linalg.matrix_norm(weight.detach(), ord=2).item() for weight in weights]
    assert sizes == pytest.approx([1.0] * 4, abs=1e-2)


def test_wrong_conditions_are_refused():
    with pytest.raises(InputError, match=r"\(5, 2\); found \(5,\)"):
        critic()(torch.randn(5, 4), torch.zeros(5, dtype=torch.long))
    with pytest.raises(InputError, match=r"\(5, 2\); found \(4, 2\)"):
        critic()(torch.randn(5, 4), torch.zeros(4, 2, dtype=torch.long))
