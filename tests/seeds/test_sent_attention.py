import numpy as np
import pytest
import torch
from scipy import sparse

from scgarage.pp.graph import knn_graph
from scgarage.seeds import GATSettings, GraphAttention, sent_attention
from scgarage.training import seeded

SETTINGS = GATSettings(hidden=4, heads=3)


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    log_expr = rng.normal(size=(70, 9)).astype(np.float32)
    return log_expr, knn_graph(log_expr[:, :4]), rng.random(70) < 0.2


@pytest.fixture
def network() -> GraphAttention:
    with seeded(0):
        return GraphAttention(9, 5, SETTINGS)


def test_scores_are_the_attention_on_outgoing_edges(graph, network):
    log_expr, edges, rare = graph
    hidden = network.hidden(torch.from_numpy(log_expr), edges, torch.from_numpy(rare))
    logits, all_edges, alpha = network.attend(hidden, edges)
    expected = np.zeros(70)
    for (source, target), attention in zip(all_edges.T.tolist(), alpha.tolist(), strict=True):
        expected[source] += attention if source != target else 0.0
    sent = sent_attention(network, log_expr, edges, rare=rare)
    np.testing.assert_allclose(sent.scores, expected, rtol=1e-6)
    assert np.array_equal(sent.predicted, logits.argmax(dim=1).numpy())


def test_attention_is_conserved(graph, network):
    log_expr, edges, rare = graph
    sent = sent_attention(network, log_expr, edges, rare=rare)
    assert sent.scores.sum() == pytest.approx(70 - sent.kept.sum(), rel=1e-6)
    assert (sent.kept > 0).all()
    assert (sent.kept < 1).all()


def test_cells_that_nobody_lists_send_nothing(graph, network):
    log_expr, edges, rare = graph
    out_degree = np.bincount(edges[0], minlength=70)
    assert (out_degree == 0).any()
    sent = sent_attention(network, log_expr, edges, rare=rare)
    assert np.array_equal(sent.scores == 0, out_degree == 0)


@pytest.mark.parametrize("chunk_size", [1, 7, 69, 70])
def test_chunks_give_what_the_whole_graph_gives(graph, network, chunk_size):
    log_expr, edges, rare = graph
    whole = sent_attention(network, log_expr, edges, rare=rare, chunk_size=1_000)
    chunked = sent_attention(network, log_expr, edges, rare=rare, chunk_size=chunk_size)
    np.testing.assert_allclose(chunked.scores, whole.scores, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(chunked.kept, whole.kept, rtol=1e-5)
    assert np.array_equal(chunked.predicted, whole.predicted)


def test_sparse_expression_gives_what_dense_gives(graph, network):
    log_expr, edges, rare = graph
    log_expr = np.maximum(log_expr, 0)
    dense = sent_attention(network, log_expr, edges, rare=rare, chunk_size=20)
    csr = sent_attention(network, sparse.csr_matrix(log_expr), edges, rare=rare, chunk_size=20)
    assert np.array_equal(dense.scores, csr.scores)


@pytest.mark.parametrize("chunk_size", [16, 1_000])
def test_permuted_cells_have_the_permuted_scores(graph, network, chunk_size):
    log_expr, edges, rare = graph
    order = np.random.default_rng(1).permutation(70)
    place = torch.from_numpy(np.argsort(order))  # where each old row went
    original = sent_attention(network, log_expr, edges, rare=rare)
    permuted = sent_attention(network, log_expr[order], place[edges], rare=rare[order], chunk_size=chunk_size)
    np.testing.assert_allclose(permuted.scores, original.scores[order], rtol=1e-5, atol=1e-7)
    # A score made of row numbers does not move with the cells.
    by_number = np.bincount(edges[0], weights=edges[1].numpy(), minlength=70)
    by_new_number = np.bincount(place[edges][0], weights=place[edges][1].numpy(), minlength=70)
    assert not np.allclose(by_new_number, by_number[order])
