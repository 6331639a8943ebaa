"""Attention scores of cells and the selectors that follow them."""

from dataclasses import dataclass, field
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from scgarage.errors import InputError
from scgarage.io.cells import read_cells, recorded_totals
from scgarage.io.matrix import Matrix, as_matrix, row_sums
from scgarage.pp import communities
from scgarage.pp.graph import knn_graph
from scgarage.schema import COUNTS_LAYER
from scgarage.seeds.gat import GATSettings, SentAttention, dense_rows, sent_attention, train_gat
from scgarage.seeds.quotas import CellTypes, QuotaSelector, Seeds, check_n_seeds, top_cells, top_per_type, type_quotas
from scgarage.seeds.selectors import coordinates, log_normalised
from scgarage.training import TrainResult


@dataclass(frozen=True, eq=False)
class AttentionScores:
    """Scores of all cells, with what is needed to judge them.

    Attributes
    ----------
    scores
        Attention each cell sends to others, in all or for each cell that lists it, float64, shape ``(n_cells,)``.
    types
        The cell types, or without labels the communities, that the network learned.
    diagnostics
        - ``n_epochs``, ``best_epoch``: epochs trained, and the one whose weights were kept.
        - ``accuracy``, ``accuracy_held_out``: share of cells whose type is predicted, of all cells and of the
          held-out ones.
        - ``attention_to_self``: mean attention that a cell pays to itself.
        - ``spearman_out_degree``: rank correlation of the score with the number of cells that list the
          cell as a neighbour. Near one, the score says little that the graph alone does not.
        - ``spearman_genes_detected``, ``spearman_library_size``: the same with the genes found in a cell, and
          with its total counts (layer ``"counts"`` or ``obs["total_counts"]``, else ``NaN``).
    history
        Training history, with ``step``, ``gat/loss``, ``gat/accuracy`` and ``validation/score``.
    """

    scores: NDArray[np.float64]
    types: CellTypes
    diagnostics: dict[str, float]
    history: pd.DataFrame


def attention_scores(
    adata: ad.AnnData,
    *,
    labels_key: str | None,
    use_rep: str | None = "X_pca",
    settings: GATSettings | None = None,
    correct_degree: bool = False,
    rare_fraction: float = 0.05,
    rare_threshold: int | None = None,
    random_state: int = 0,
) -> AttentionScores:
    r"""Train a graph attention network on cell types and score each cell by the attention it sends.

    Data sets of more than ``settings.max_cells`` cells are trained on a subsample: half of its places are
    shared equally among the types, the others go to cells of rare types first. The scores are computed for
    all cells on the graph of all cells.

    Without labels the network learns Leiden communities (resolution 2) of the same representation: what it then knows
    of types, it has from the graph.

    Attention that a cell sends is the sum over the cells that list it as a neighbour, and their number is most of what
    it says (docs/research/log.md). With ``correct_degree`` it is divided by that number,

    .. math:: s'_j = \frac{s_j + a}{d_j + 1}

    with :math:`d_j` cells that list cell :math:`j`, and the mean attention :math:`a` of an edge added once so that
    cells that nobody lists have a score.

    Parameters
    ----------
    adata
        log1p CP10k of the highly variable genes in ``X``, a representation in ``obsm[use_rep]``, cell types
        in ``obs``. Not changed.
    labels_key
        Column of ``obs`` with the cell types; ``None`` for communities in their place.
    use_rep
        Slot of ``obsm`` that the neighbour graph is built on; ``None`` for components of ``X`` in which every type
        counts the same.
    settings
        Network and training.
    correct_degree
        Whether to take out the number of cells that list a cell.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed; on the CPU, the same seed gives the same scores.

    Returns
    -------
    Scores of all cells, with the types, diagnostics and the training history.

    Raises
    ------
    InputError
        When cell types or the representation are missing, there is only one type, or ``X`` holds counts.

    Examples
    --------
    >>> import numpy as np, anndata as ad
    >>> rng = np.random.default_rng(0)
    >>> adata = ad.AnnData(rng.gamma(1.0, size=(40, 8)).astype("float32"))
    >>> adata.obs["cell_type"] = np.repeat(["B", "T"], 20)
    >>> adata.obsm["X_pca"] = adata.X[:, :3]
    >>> attention_scores(adata, labels_key="cell_type", settings=GATSettings(n_epochs=2)).scores.shape
    (40,)
    """
    settings = settings or GATSettings()
    rare = {"rare_fraction": rare_fraction, "rare_threshold": rare_threshold}
    points, types = _coordinates_and_types(adata, labels_key, use_rep, rare, random_state)
    log_expr = log_normalised(adata)
    edges = knn_graph(points, settings.n_neighbors, random_state=random_state)
    rows = _training_cells(types, settings.max_cells, random_state)
    whole = len(rows) == adata.n_obs
    network, result, held_out = train_gat(
        dense_rows(log_expr, rows),
        edges if whole else knn_graph(points[rows], settings.n_neighbors, random_state=random_state),
        types.codes[rows],
        rare=types.rare,
        settings=settings,
        random_state=random_state,
    )
    sent = sent_attention(network, log_expr, edges, rare=types.rare_cells, chunk_size=settings.chunk_size)
    scores = _per_edge(sent.scores, edges) if correct_degree else sent.scores
    diagnostics = _training_diagnostics(sent, result, types, rows[held_out]) | _correlations(
        scores, log_expr, _totals(adata), edges
    )
    return AttentionScores(scores, types, diagnostics, result.history)


def _coordinates_and_types(
    adata: ad.AnnData, labels_key: str | None, use_rep: str | None, rare: dict[str, Any], random_state: int
) -> tuple[NDArray[np.floating], CellTypes]:
    """Return the coordinates for the graph, and the types or the communities in their place."""
    if labels_key is not None:
        types = CellTypes.read(adata, labels_key, purpose="attention scores", min_types=2, **rare)
        return coordinates(adata, use_rep, labels=types.names[types.codes], random_state=random_state), types
    points = coordinates(adata, use_rep, random_state=random_state)
    types = CellTypes.of(communities(points, random_state=random_state)[0].astype(str), **rare)
    if len(types.names) < 2:
        msg = "all cells are one community, so there is nothing to learn; pass labels_key= or take another selector"
        raise InputError(msg)
    return points, types


def _per_edge(scores: NDArray[np.float64], edges: Tensor) -> NDArray[np.float64]:
    """Divide the attention sent by the number of cells it is sent to."""
    listed_by = np.bincount(edges[0], minlength=len(scores))
    return np.asarray((scores + scores.sum() / listed_by.sum()) / (listed_by + 1))


def _training_cells(types: CellTypes, max_cells: int, random_state: int) -> NDArray[np.int64]:
    n_cells = len(types.codes)
    if n_cells <= max_cells:
        return np.arange(n_cells)
    rng = np.random.default_rng(random_state)
    # A boost beyond any ratio of counts fills the rare types before the others get more than their minimum.
    quotas = type_quotas(
        types.counts, max_cells, rare=types.rare, rare_boost=1e9, minimum=max(1, max_cells // (2 * len(types.names)))
    )
    return np.sort(top_per_type(types.codes, rng.random(n_cells), quotas, rng))


def _training_diagnostics(
    sent: SentAttention, result: TrainResult, types: CellTypes, held_out: NDArray[np.int64]
) -> dict[str, float]:
    correct = sent.predicted == types.codes
    return {
        "n_epochs": float(result.n_iterations),
        "best_epoch": float(result.best_step),
        "accuracy": float(correct.mean()),
        "accuracy_held_out": float(correct[held_out].mean()) if len(held_out) else float("nan"),
        "attention_to_self": float(sent.kept.mean()),
    }


def _correlations(
    scores: NDArray[np.float64], log_expr: Matrix, totals: NDArray[np.float64], edges: Tensor
) -> dict[str, float]:
    out_degree = np.bincount(edges[0], minlength=len(scores))
    against = {"out_degree": out_degree, "genes_detected": row_sums(as_matrix(log_expr != 0)), "library_size": totals}
    return {f"spearman_{name}": spearman(scores, values) for name, values in against.items()}


def spearman(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the rank correlation of two lists of numbers; NaN when one is constant."""
    from scipy.stats import spearmanr

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def _totals(adata: ad.AnnData) -> NDArray[np.float64]:
    """Return total counts, all zero where they are not known."""
    if COUNTS_LAYER in adata.layers:
        return row_sums(read_cells(adata, layer=COUNTS_LAYER).matrix)
    known = recorded_totals(adata)
    return np.zeros(adata.n_obs) if known is None else known


@dataclass(frozen=True)
class AttentionSelector(QuotaSelector):
    """Quotas per cell type, filled with the cells that send most attention.

    Most of the score is the number of cells that list a cell as their neighbour, and it finds rare cells no better than
    chance; the quotas give rare types their seeds (docs/research/log.md).

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types; without, the network learns communities and the highest scores of all
        cells are taken.
    use_rep
        Slot of ``obsm`` that the neighbour graph is built on; ``None`` for components of ``X`` in which every type
        counts the same.
    gat
        Network and training.
    correct_degree
        Whether to take the number of cells that list a cell out of its score, see
        :func:`scgarage.seeds.attention_scores`.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.
    """

    use_rep: str | None = "X_pca"
    gat: GATSettings = field(default_factory=GATSettings)
    correct_degree: bool = False

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, or as :func:`attention_scores`.
        """
        check_n_seeds(adata, n)
        attention = attention_scores(
            adata, labels_key=self.labels_key, use_rep=self.use_rep, settings=self.gat,
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
            random_state=self.random_state, correct_degree=self.correct_degree,
        )  # fmt: skip
        types, scores = attention.types, attention.scores
        rng = np.random.default_rng(self.random_state)
        if self.labels_key is None:
            return Seeds(top_cells(scores, n, rng), scores, attention.diagnostics, attention.history)
        indices = top_per_type(types.codes, scores, self.quotas(types, n), rng)
        return Seeds(indices, scores, attention.diagnostics | types.describe(indices), attention.history)


@dataclass(frozen=True)
class GlobalTopSelector:
    """The cells that send most attention, without quotas: any type may be left without a seed.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types, which the network learns; without, it learns communities.
    use_rep
        Slot of ``obsm`` that the neighbour graph is built on.
    gat
        Network and training.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    References
    ----------
    Ganguly et al., bioRxiv 2025, doi:10.1101/2025.09.28.679012.
    """

    labels_key: str | None = None
    use_rep: str = "X_pca"
    gat: GATSettings = field(default_factory=GATSettings)
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, or as :func:`scgarage.seeds.attention_scores`.
        """
        check_n_seeds(adata, n)
        attention = attention_scores(
            adata, labels_key=self.labels_key, use_rep=self.use_rep, settings=self.gat,
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
            random_state=self.random_state,
        )  # fmt: skip
        indices = top_cells(attention.scores, n, np.random.default_rng(self.random_state))
        rare = {} if self.labels_key is None else attention.types.describe(indices)
        return Seeds(indices, attention.scores, attention.diagnostics | rare, attention.history)
