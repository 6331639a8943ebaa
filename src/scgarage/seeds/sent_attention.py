"""The attention that cells send, computed chunk by chunk."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.seeds.gat import GraphAttention

__all__ = ["SentAttention", "dense_rows", "sent_attention"]


class SentAttention(NamedTuple):
    """Attention of the second layer, by the cell it comes from.

    Attributes
    ----------
    scores
        Attention each cell sends to others, float64, shape ``(n_cells,)``.
    kept
        Attention each cell pays to itself, float64, shape ``(n_cells,)``. All scores and all of this add up
        to ``n_cells``.
    predicted
        Number of the type the network predicts, int64, shape ``(n_cells,)``.
    """

    scores: NDArray[np.float64]
    kept: NDArray[np.float64]
    predicted: NDArray[np.int64]


def sent_attention(
    network: GraphAttention,
    log_expr: sparse.csr_matrix | NDArray[np.floating],
    edges: Tensor,
    *,
    rare: NDArray[np.bool_],
    chunk_size: int = 5_000,
) -> SentAttention:
    r"""Sum the attention that each cell sends to others.

    .. math:: s_j = \sum_{i \neq j,\; j \in N(i)} \alpha_{ij}

    with the attention :math:`\alpha_{ij}` that cell :math:`i` pays to cell :math:`j` in the second layer,
    which adds up to one over the neighbours of :math:`i` and :math:`i` itself. The layers are applied one
    after the other, to some target cells and the neighbours they attend to at a time; the result does not
    depend on ``chunk_size``.

    Parameters
    ----------
    network
        Trained network, on the CPU.
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``; made dense one chunk at a time.
    edges
        Edges (source, target) without self-loops, shape ``(2, n_edges)``.
    rare
        Mask of the cells of rare types, shape ``(n_cells,)``.
    chunk_size
        Target cells at a time.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012. The published code sums the numbers of the
    nodes in place of their attention.
    """
    n_cells = log_expr.shape[0]
    scores, kept, predicted = np.zeros(n_cells), np.zeros(n_cells), np.empty(n_cells, dtype=np.int64)
    is_rare = torch.from_numpy(rare)
    with torch.inference_mode():
        hidden = torch.cat([
            network.hidden(dense_rows(log_expr, part.cells), part.edges, is_rare[part.cells])[part.position]
            for part in _parts(edges, n_cells, chunk_size)
        ])  # fmt: skip
        for part in _parts(edges, n_cells, chunk_size):
            logits, part_edges, alpha = network.attend(hidden[part.cells], part.edges)
            predicted[part.targets] = logits[part.position].argmax(dim=1)
            is_target = torch.zeros(len(part.cells), dtype=torch.bool)
            is_target[part.position] = True
            is_loop = part_edges[0] == part_edges[1]
            sources = part.cells[part_edges[0]]
            for total, wanted in ((scores, ~is_loop), (kept, is_loop)):
                chosen = wanted & is_target[part_edges[1]]
                total += np.bincount(sources[chosen], weights=alpha[chosen].double(), minlength=n_cells)
    return SentAttention(scores, kept, predicted)


class _Part(NamedTuple):
    """Some target cells with the cells they attend to."""

    targets: Tensor  # row numbers in the whole data
    cells: Tensor  # the same and their neighbours, row numbers in the whole data
    edges: Tensor  # edges that end in a target, numbered within cells
    position: Tensor  # where the targets are within cells


def _parts(edges: Tensor, n_cells: int, chunk_size: int) -> Iterator[_Part]:
    from torch_geometric.utils import k_hop_subgraph

    for start in range(0, n_cells, chunk_size):
        targets = torch.arange(start, min(start + chunk_size, n_cells))
        cells, part_edges, position, _ = k_hop_subgraph(
            targets, 1, edges, relabel_nodes=True, num_nodes=n_cells, directed=True
        )
        yield _Part(targets, cells, part_edges, position)


def dense_rows(log_expr: sparse.csr_matrix | NDArray[np.floating], rows: Tensor | NDArray[np.int64]) -> Tensor:
    """Return rows of an expression matrix as float32, shape ``(n_rows, n_genes)``."""
    taken = log_expr[np.asarray(rows)]
    dense = taken.toarray() if isinstance(taken, sparse.csr_matrix) else taken
    return torch.from_numpy(np.asarray(dense, dtype=np.float32))
