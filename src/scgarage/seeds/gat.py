"""The graph attention network over the kNN graph, and the attention that each cell sends."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scgarage.errors import InputError
from scgarage.io.matrix import dense
from scgarage.seeds.quotas import top_per_type, type_quotas
from scgarage.training import Batch, Batches, Losses, Phase, TrainResult, TrainSettings, seeded, train


@dataclass(frozen=True)
class GATSettings:
    """Settings of the graph attention network.

    Sources: *documents* are the method's description, *code* the published repository, *ours* a choice of
    this package.

    Attributes
    ----------
    n_neighbors
        Neighbours that each cell attends to (documents: 5).
    hidden, heads
        Width of a head and number of heads of the first layer (code: 32 and 8); the second layer has one
        head.
    priority_weight
        The hidden features of cells of rare types are multiplied by one plus this (code: 2).
    learning_rate
        Of Adam (code: 5e-3).
    n_epochs
        Largest number of full-batch epochs (code: 7501).
    patience
        Validations without a better loss on held-out cells before training stops, the best weights being
        kept (ours: 10; on PBMC3k the loss is best after 15 to 25 epochs). ``None`` trains all epochs on all
        cells, as published.
    validate_every
        Epochs between two validations (ours: 5).
    validation_fraction
        Share of the cells, stratified by type, whose types are held out for early stopping (ours: 0.1).
        They stay in the graph; no type gives its last cell.
    max_cells
        Largest number of cells to train on, which limits memory; beyond it a subsample is used that keeps
        rare types (ours).
    chunk_size
        Cells whose attention is computed at a time after training, which limits memory (ours).
    accelerator
        Passed to Lightning Fabric (ours: the CPU, where the same seed gives the same bytes; a GPU adds the
        messages of the neighbours in any order).
    progress
        Progress bar on, off, or on a terminal only (``None``).

    Raises
    ------
    InputError
        When a number is out of its range.
    """

    n_neighbors: int = 5
    hidden: int = 32
    heads: int = 8
    priority_weight: float = 2.0
    learning_rate: float = 5e-3
    n_epochs: int = 7501
    patience: int | None = 10
    validate_every: int = 5
    validation_fraction: float = 0.1
    max_cells: int = 50_000
    chunk_size: int = 5_000
    accelerator: str = "cpu"
    progress: bool | None = None

    def __post_init__(self) -> None:
        smallest = {"n_neighbors": 1, "hidden": 1, "heads": 1, "n_epochs": 1, "max_cells": 2, "chunk_size": 1}
        smallest |= {"priority_weight": 0} | ({} if self.patience is None else {"patience": 1})
        for name, bound in smallest.items():
            if getattr(self, name) < bound:
                msg = f"{name} must be at least {bound}; found {getattr(self, name)}"
                raise InputError(msg)
        if not self.learning_rate > 0 or not 0 < self.validation_fraction < 1:
            msg = (
                "learning_rate must be above 0 and validation_fraction between 0 and 1; "
                f"found {self.learning_rate} and {self.validation_fraction}"
            )
            raise InputError(msg)


class GraphAttention(nn.Module):
    r"""Two graph attention layers that predict types of cells from their own and neighbours' expression.

    .. math::
        h_i = \mathrm{ReLU}\big((1 + \pi r_i) \, \mathrm{GAT}_1(x)_i\big), \qquad
        \ell_i = \sum_{j \in N(i) \cup \{i\}} \alpha_{ij} W h_j + b, \qquad
        \alpha_{ij} = \mathrm{softmax}_{j} \, \mathrm{LeakyReLU}(a_s^\top W h_j + a_t^\top W h_i)

    with the priority weight :math:`\pi` of rare cells (:math:`r_i = 1`). The attention :math:`\alpha_{ij}`
    that cell :math:`i` pays to its neighbours :math:`N(i)` and itself adds up to one. The priority tells
    the network which cells are rare, so its accuracy on rare types, held-out cells included, is better than
    expression alone allows.

    Parameters
    ----------
    n_genes, n_types
        Numbers of input features and of cell types.
    settings
        Widths and priority weight.

    References
    ----------
    Veličković et al., ICLR 2018, arXiv:1710.10903; Ganguly et al., bioRxiv 2025,
    doi:10.1101/2025.09.28.679012.
    """

    def __init__(self, n_genes: int, n_types: int, settings: GATSettings) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # torch_geometric compiles classes on import with a function that new versions of torch deprecate.
            warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=DeprecationWarning)
            from torch_geometric.nn import GATConv

        self.priority_weight = settings.priority_weight
        self.first = GATConv(n_genes, settings.hidden, heads=settings.heads)
        self.second = GATConv(settings.hidden * settings.heads, n_types, heads=1)

    def hidden(self, log_expr: Tensor, edges: Tensor, rare: Tensor) -> Tensor:
        """Return the features between the layers, shape ``(n_cells, heads * hidden)``.

        Parameters
        ----------
        log_expr
            log1p CP10k, shape ``(n_cells, n_genes)``.
        edges
            Edges (source, target) without self-loops, shape ``(2, n_edges)``.
        rare
            Mask of the cells of rare types, shape ``(n_cells,)``.
        """
        priority = 1.0 + self.priority_weight * rare.to(log_expr.dtype)
        return torch.relu(self.first(log_expr, edges) * priority[:, None])  # (n_cells, heads * hidden)

    def attend(self, hidden: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Apply the second layer.

        Returns
        -------
        Logits ``(n_cells, n_types)``; the edges with a self-loop of every cell added,
        ``(2, n_edges + n_cells)``; and the attention on each of them, summed over heads,
        ``(n_edges + n_cells,)``.
        """
        logits, (all_edges, alpha) = self.second(hidden, edges, return_attention_weights=True)
        return logits, all_edges, alpha.sum(dim=1)

    def forward(self, log_expr: Tensor, edges: Tensor, rare: Tensor) -> Tensor:
        """Return the logits of the types, shape ``(n_cells, n_types)``."""
        logits: Tensor = self.second(self.hidden(log_expr, edges, rare), edges)
        return logits


class _OnGraph(nn.Module):
    """The network with the cells and the graph it is trained on, so that all moves to the device at once."""

    def __init__(self, network: GraphAttention, log_expr: Tensor, edges: Tensor, rare: Tensor) -> None:
        super().__init__()
        self.network = network
        for name, tensor in {"log_expr": log_expr, "edges": edges, "rare": rare}.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self) -> Tensor:
        logits: Tensor = self.network(self.log_expr, self.edges, self.rare)
        return logits


def train_gat(
    log_expr: Tensor,
    edges: Tensor,
    types: NDArray[np.int64],
    *,
    rare: NDArray[np.bool_],
    settings: GATSettings | None = None,
    random_state: int = 0,
) -> tuple[GraphAttention, TrainResult, NDArray[np.int64]]:
    """Train the network to predict the types of all cells at once.

    Parameters
    ----------
    log_expr
        log1p CP10k, float32, shape ``(n_cells, n_genes)``.
    edges
        Edges (source, target), shape ``(2, n_edges)``, see :func:`scgarage.pp.graph.knn_graph`.
    types
        Type number of each cell, shape ``(n_cells,)``.
    rare
        Mask of the rare types, shape ``(n_types,)``.
    settings
        Network and training.
    random_state
        Seed of the initial weights and of the choice of held-out cells.

    Returns
    -------
    The network, on the CPU; the result of the training, with ``gat/loss`` and ``gat/accuracy`` of the cells
    trained on in its history; and the rows of the held-out cells.
    """
    settings = settings or GATSettings()
    held_out = _hold_out(types, len(rare), settings, random_state)
    with seeded(random_state):
        network = GraphAttention(log_expr.shape[1], len(rare), settings)
    task = _OnGraph(network, log_expr, edges, torch.from_numpy(rare[types]))
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    cells = np.setdiff1d(np.arange(len(types)), held_out)
    result = train(
        [Phase("gat", task, optimizer, _loss)],
        Batches({"cell": cells, "type": types[cells]}, batch_size=None),
        _train_settings(settings, random_state),
        validate=_Validation(task, held_out, types[held_out]) if len(held_out) else None,
    )
    return network, result, held_out


def _train_settings(settings: GATSettings, random_state: int) -> TrainSettings:
    return TrainSettings(
        n_iterations=settings.n_epochs,
        validate_every=settings.validate_every,
        patience=settings.patience,
        random_state=random_state,
        accelerator=settings.accelerator,
        progress=settings.progress,
        description="graph attention",
    )


def _loss(task: nn.Module, batch: Batch) -> Losses:
    logits = task()[batch["cell"]]
    accuracy = (logits.detach().argmax(dim=1) == batch["type"]).float().mean()
    return {"loss": cross_entropy(logits, batch["type"]), "accuracy": accuracy}


@dataclass
class _Validation:
    """Cross-entropy of the held-out cells."""

    task: _OnGraph
    cells: NDArray[np.int64]
    types: NDArray[np.int64]

    def __call__(self) -> float:
        logits = self.task()
        types = torch.from_numpy(self.types).to(logits.device)
        return float(cross_entropy(logits[torch.from_numpy(self.cells).to(logits.device)], types))


def _hold_out(types: NDArray[np.int64], n_types: int, settings: GATSettings, random_state: int) -> NDArray[np.int64]:
    """Draw the cells that decide when to stop, a share of every type and never all of its cells."""
    spare = np.maximum(np.bincount(types, minlength=n_types) - 1, 0)
    n_cells = min(round(settings.validation_fraction * len(types)), int(spare.sum()))
    if settings.patience is None or n_cells == 0:
        return np.empty(0, dtype=np.int64)
    rng = np.random.default_rng(random_state)
    quotas = type_quotas(spare, n_cells, minimum=0)
    return np.sort(top_per_type(types, rng.random(len(types)), quotas, rng))


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
    return torch.from_numpy(np.asarray(dense(log_expr[np.asarray(rows)]), dtype=np.float32))
