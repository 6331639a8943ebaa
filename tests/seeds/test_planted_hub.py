"""On a graph with known structure the score finds the cells that matter, unlike node order or degree."""

import numpy as np
import pytest
import torch

from scgarage.seeds import GATSettings, sent_attention, train_gat

N_TYPES, N_TARGETS, N_GENES = 3, 60, 8
N_DECOYS = 4 * N_TYPES


def planted(seed: int = 0):
    """Cells of three types whose own expression is noise, each with five neighbours.

    One neighbour is the hub of its type, which expresses the marker of the type; four are decoys drawn from
    one pool for all types, whose expression is noise. Hubs and decoys are listed by equally many cells, and
    the cells are in random order.
    """
    rng = np.random.default_rng(seed)
    n_ordinary = N_TYPES * N_TARGETS
    n_cells = n_ordinary + N_TYPES + N_DECOYS
    types = np.concatenate([np.arange(n_ordinary) % N_TYPES, np.arange(N_TYPES), rng.integers(0, N_TYPES, N_DECOYS)])
    log_expr = rng.normal(size=(n_cells, N_GENES))
    hubs, decoys = n_ordinary + np.arange(N_TYPES), n_ordinary + N_TYPES + np.arange(N_DECOYS)
    log_expr[hubs] += 3.0 * np.eye(N_TYPES, N_GENES)
    targets = np.arange(n_ordinary)
    pool = np.stack([np.roll(decoys, shift) for shift in rng.permutation(N_DECOYS)[:4]])
    sources = [hubs[types[targets]], *(row[targets // N_TYPES % N_DECOYS] for row in pool)]
    edges = np.stack([np.concatenate(sources), np.tile(targets, 5)])
    place = rng.permutation(n_cells)  # new number of each cell
    order = np.argsort(place)
    return log_expr[order].astype(np.float32), place[edges], types[order], place[hubs], place[decoys]


def score(seed: int, n_epochs: int) -> np.ndarray:
    log_expr, edges, types, _, _ = planted(seed)
    none_rare = np.zeros(N_TYPES, dtype=bool)
    settings = GATSettings(n_epochs=n_epochs, patience=None, accelerator="cpu", progress=False)
    network, _, _ = train_gat(
        torch.from_numpy(log_expr), torch.from_numpy(edges), types, rare=none_rare, settings=settings, random_state=seed
    )
    return sent_attention(network, log_expr, torch.from_numpy(edges), rare=none_rare[types]).scores


@pytest.fixture(scope="module", params=[0, 1, 2])
def trained(request):
    _, edges, _, hubs, decoys = planted(request.param)
    return score(request.param, 300), edges, hubs, decoys


def finds_the_hubs(scores, hubs) -> bool:
    return set(np.argsort(-scores)[: len(hubs)]) == set(hubs)


def test_hubs_and_decoys_are_listed_equally_often():
    _, edges, _, hubs, decoys = planted()
    out_degree = np.bincount(edges[0], minlength=edges.max() + 1)
    assert set(out_degree[hubs]) == {N_TARGETS}
    assert set(out_degree[decoys]) == {N_TARGETS}


def test_planted_hubs_have_the_highest_scores(trained):
    scores, _, hubs, _ = trained
    assert finds_the_hubs(scores, hubs)


def test_hubs_send_more_attention_per_edge_than_decoys(trained):
    scores, edges, hubs, decoys = trained
    per_edge = scores / np.maximum(np.bincount(edges[0], minlength=len(scores)), 1)
    assert per_edge[hubs].min() > 1.5 * per_edge[decoys].mean()
    assert per_edge[hubs].mean() > 1 / 6  # what uniform attention over five neighbours and itself would give


def test_node_order_and_degree_do_not_find_the_hubs(trained):
    scores, edges, hubs, _ = trained
    n_cells = len(scores)
    out_degree = np.bincount(edges[0], minlength=n_cells)
    # The published code sums the rows of the edge list, which are numbers of cells, where it means attention.
    mean_number = np.bincount(edges[0], weights=edges[1], minlength=n_cells) / np.maximum(out_degree, 1)
    for wrong in (np.arange(n_cells), -np.arange(n_cells), mean_number, out_degree):
        assert not finds_the_hubs(wrong.astype(float), hubs)


def test_an_untrained_network_does_not_find_the_hubs():
    assert not finds_the_hubs(score(0, 1), planted(0)[3])
