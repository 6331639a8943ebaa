import numpy as np
import pytest
import torch
from scipy import sparse
from torch.nn.functional import cross_entropy

from scgarage.errors import InputError
from scgarage.pp.graph import knn_graph
from scgarage.seeds import GATSettings, GraphAttention, sent_attention, train_gat
from scgarage.training import seeded

SMALL = GATSettings(hidden=4, heads=2, n_epochs=60, accelerator="cpu", progress=False)


def problem(n_cells: int = 90, n_genes: int = 6, seed: int = 0):
    """Three types that differ in their mean expression, on the graph of their expression."""
    rng = np.random.default_rng(seed)
    types = np.arange(n_cells) % 3
    log_expr = (rng.normal(size=(n_cells, n_genes)) + 3.0 * np.eye(3, n_genes)[types]).astype(np.float32)
    return torch.from_numpy(log_expr), knn_graph(log_expr), types


def network_gat(n_genes: int = 6, settings: GATSettings = SMALL) -> GraphAttention:
    with seeded(0):
        return GraphAttention(n_genes, 3, settings)


def by_hand(module: GraphAttention, log_expr: np.ndarray, edges: np.ndarray, rare: np.ndarray):
    """Logits and the attention of the second layer, cell by cell from the equations."""

    def layer(conv, values):
        heads, width = conv.heads, conv.out_channels
        weight = conv.lin.weight.detach().numpy().astype(np.float64)
        projected = (values @ weight.T).reshape(len(values), heads, width)
        sent = (projected * conv.att_src.detach().numpy()).sum(-1)
        taken = (projected * conv.att_dst.detach().numpy()).sum(-1)
        output, attention = np.zeros((len(values), heads, width)), np.zeros((len(values), len(values), heads))
        for i in range(len(values)):
            near = [*edges[0][edges[1] == i], i]
            logit = sent[near] + taken[i]
            logit = np.where(logit > 0, logit, 0.2 * logit)
            alpha = np.exp(logit) / np.exp(logit).sum(axis=0)
            attention[i, near] = alpha
            output[i] = (alpha[:, :, None] * projected[near]).sum(axis=0)
        return output.reshape(len(values), -1) + conv.bias.detach().numpy(), attention

    hidden, _ = layer(module.first, log_expr)
    hidden = np.maximum(hidden * (1 + module.priority_weight * rare)[:, None], 0)
    logits, attention = layer(module.second, hidden)
    return logits, attention.sum(axis=2)


def test_forward_pass_against_the_equations():
    log_expr, edges, types = problem(20)
    module, rare = network_gat(), types == 1
    logits, expected = by_hand(module, log_expr.numpy(), edges.numpy(), rare)
    hidden = module.hidden(log_expr, edges, torch.from_numpy(rare))
    found, all_edges, alpha = module.attend(hidden, edges)
    attention = np.zeros((20, 20))
    attention[all_edges[1], all_edges[0]] = alpha.detach().numpy()
    np.testing.assert_allclose(found.detach().numpy(), logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(attention, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(module(log_expr, edges, torch.from_numpy(rare)), found)


def test_published_network_has_the_published_shapes():
    module = GraphAttention(50, 7, GATSettings())
    assert module.first.lin.weight.shape == (8 * 32, 50)
    assert module.second.lin.weight.shape == (7, 256)
    assert (module.second.heads, module.priority_weight) == (1, 2.0)


def test_priority_multiplies_the_hidden_features_of_rare_cells_only():
    log_expr, edges, types = problem()
    rare = torch.from_numpy(types == 2)
    module = network_gat()
    plain, raised = (module.hidden(log_expr, edges, mask) for mask in (torch.zeros_like(rare), rare))
    torch.testing.assert_close(raised[rare], 3 * plain[rare])
    torch.testing.assert_close(raised[~rare], plain[~rare])


def test_every_parameter_gets_a_gradient():
    log_expr, edges, types = problem()
    module = network_gat()
    cross_entropy(module(log_expr, edges, torch.from_numpy(types == 2)), torch.from_numpy(types)).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_training_learns_types_and_keeps_the_best_weights():
    log_expr, edges, types = problem()
    rare = np.array([False, False, False])
    module, result, held_out = train_gat(log_expr, edges, types, rare=rare, settings=SMALL)
    logits = module(log_expr, edges, torch.zeros(90, dtype=torch.bool)).detach()
    assert (logits.argmax(dim=1).numpy() == types).mean() > 0.85
    scores = result.history["validation/score"].dropna()
    loss = cross_entropy(logits[held_out], torch.from_numpy(types[held_out]))
    assert float(loss) == pytest.approx(scores.min(), abs=1e-5)
    assert {"step", "gat/loss", "gat/accuracy", "validation/score"} <= set(result.history)


def test_training_stops_when_patience_runs_out():
    log_expr, edges, types = problem()
    types = np.random.default_rng(0).permutation(types)  # nothing to learn that holds for held-out cells
    settings = GATSettings(hidden=4, heads=2, n_epochs=2_000, patience=2, progress=False, accelerator="cpu")
    _, result, _ = train_gat(log_expr, edges, types, rare=np.zeros(3, dtype=bool), settings=settings)
    assert result.stopped_early
    assert result.n_iterations == result.best_step + 2 * settings.validate_every


def test_without_patience_all_cells_are_trained_on_for_all_epochs():
    log_expr, edges, types = problem()
    settings = GATSettings(hidden=4, heads=2, n_epochs=12, patience=None, progress=False, accelerator="cpu")
    _, result, held_out = train_gat(log_expr, edges, types, rare=np.zeros(3, dtype=bool), settings=settings)
    assert (result.n_iterations, result.best_step, len(held_out)) == (12, 12, 0)
    assert "validation/score" not in result.history


def test_held_out_cells_are_a_share_of_each_type_and_never_all_of_it():
    log_expr, edges, _ = problem(100)
    types = np.repeat([0, 1, 2], [79, 20, 1])
    settings = GATSettings(hidden=4, heads=2, n_epochs=1, validation_fraction=0.2, progress=False, accelerator="cpu")
    _, _, held_out = train_gat(log_expr, edges, types, rare=np.zeros(3, dtype=bool), settings=settings)
    assert np.bincount(types[held_out], minlength=3).tolist() == [16, 4, 0]


def test_same_seed_same_weights_and_other_seed_others():
    log_expr, edges, types = problem()
    settings = GATSettings(hidden=4, heads=2, n_epochs=10, progress=False, accelerator="cpu")
    networks = [
        train_gat(log_expr, edges, types, rare=np.zeros(3, dtype=bool), settings=settings, random_state=seed)[0]
        for seed in (1, 1, 2)
    ]
    weights = [network.first.lin.weight.detach() for network in networks]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    log_expr, edges, types = problem()
    train_gat(log_expr, edges, types, rare=np.zeros(3, dtype=bool), settings=GATSettings(n_epochs=1, accelerator="cpu"))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "setting",
    [
        {"n_neighbors": 0}, {"hidden": 0}, {"heads": 0}, {"n_epochs": 0}, {"patience": 0}, {"max_cells": 1},
        {"chunk_size": 0}, {"priority_weight": -1.0}, {"learning_rate": 0.0}, {"validation_fraction": 1.0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        GATSettings(**setting)


SETTINGS = GATSettings(hidden=4, heads=3)


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    log_expr = rng.normal(size=(70, 9)).astype(np.float32)
    return log_expr, knn_graph(log_expr[:, :4]), rng.random(70) < 0.2


@pytest.fixture
def network_sent_attention() -> GraphAttention:
    with seeded(0):
        return GraphAttention(9, 5, SETTINGS)


def test_scores_are_the_attention_on_outgoing_edges(graph, network_sent_attention):
    log_expr, edges, rare = graph
    hidden = network_sent_attention.hidden(torch.from_numpy(log_expr), edges, torch.from_numpy(rare))
    logits, all_edges, alpha = network_sent_attention.attend(hidden, edges)
    expected = np.zeros(70)
    for (source, target), attention in zip(all_edges.T.tolist(), alpha.tolist(), strict=True):
        expected[source] += attention if source != target else 0.0
    sent = sent_attention(network_sent_attention, log_expr, edges, rare=rare)
    np.testing.assert_allclose(sent.scores, expected, rtol=1e-6)
    assert np.array_equal(sent.predicted, logits.argmax(dim=1).numpy())


def test_attention_is_conserved(graph, network_sent_attention):
    log_expr, edges, rare = graph
    sent = sent_attention(network_sent_attention, log_expr, edges, rare=rare)
    assert sent.scores.sum() == pytest.approx(70 - sent.kept.sum(), rel=1e-6)
    assert (sent.kept > 0).all()
    assert (sent.kept < 1).all()


def test_cells_that_nobody_lists_send_nothing(graph, network_sent_attention):
    log_expr, edges, rare = graph
    out_degree = np.bincount(edges[0], minlength=70)
    assert (out_degree == 0).any()
    sent = sent_attention(network_sent_attention, log_expr, edges, rare=rare)
    assert np.array_equal(sent.scores == 0, out_degree == 0)


@pytest.mark.parametrize("chunk_size", [1, 7, 69, 70])
def test_chunks_give_what_the_whole_graph_gives(graph, network_sent_attention, chunk_size):
    log_expr, edges, rare = graph
    whole = sent_attention(network_sent_attention, log_expr, edges, rare=rare, chunk_size=1_000)
    chunked = sent_attention(network_sent_attention, log_expr, edges, rare=rare, chunk_size=chunk_size)
    np.testing.assert_allclose(chunked.scores, whole.scores, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(chunked.kept, whole.kept, rtol=1e-5)
    assert np.array_equal(chunked.predicted, whole.predicted)


def test_sparse_expression_gives_what_dense_gives(graph, network_sent_attention):
    log_expr, edges, rare = graph
    log_expr = np.maximum(log_expr, 0)
    dense = sent_attention(network_sent_attention, log_expr, edges, rare=rare, chunk_size=20)
    csr = sent_attention(network_sent_attention, sparse.csr_matrix(log_expr), edges, rare=rare, chunk_size=20)
    assert np.array_equal(dense.scores, csr.scores)


@pytest.mark.parametrize("chunk_size", [16, 1_000])
def test_permuted_cells_have_the_permuted_scores(graph, network_sent_attention, chunk_size):
    log_expr, edges, rare = graph
    order = np.random.default_rng(1).permutation(70)
    place = torch.from_numpy(np.argsort(order))  # where each old row went
    original = sent_attention(network_sent_attention, log_expr, edges, rare=rare)
    permuted = sent_attention(
        network_sent_attention, log_expr[order], place[edges], rare=rare[order], chunk_size=chunk_size
    )
    np.testing.assert_allclose(permuted.scores, original.scores[order], rtol=1e-5, atol=1e-7)
    # A score made of row numbers does not move with the cells.
    by_number = np.bincount(edges[0], weights=edges[1].numpy(), minlength=70)
    by_new_number = np.bincount(place[edges][0], weights=place[edges][1].numpy(), minlength=70)
    assert not np.allclose(by_new_number, by_number[order])
