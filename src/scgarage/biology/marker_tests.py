"""Whether cells with high scores express more of the markers of a type than cells with low scores."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.biology.enrichment import corrected
from scgarage.biology.marker_tables import MarkerTable
from scgarage.errors import InputError
from scgarage.utility import wilcoxon

__all__ = ["ALL_CELLS", "WITHIN_TYPE", "marker_tests", "positive_rates"]

ALL_CELLS, WITHIN_TYPE = "all cells", "within type"
"""Top against bottom of all cells, where the types differ too; and of the cells of one type alone."""

TEST_COLUMNS = (
    "scope", "type", "gene", "n_top", "n_bottom", "mean_top", "mean_bottom", "log2_fold_change", "p_value", "q_value",
)  # fmt: skip
RATE_COLUMNS = ("scope", "type", "n_markers", "n_top", "n_bottom", "rate_top", "rate_bottom", "rate_all")


def marker_tests(
    log_expr: sparse.csr_matrix,
    genes: NDArray[np.str_],
    markers: MarkerTable,
    groups: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    scope: str = ALL_CELLS,
) -> pd.DataFrame:
    r"""Compare the markers of each type in top and bottom cells, gene by gene.

    .. math:: \ell_g = \log_2 (1 + \bar c_{\mathrm{top}, g}) - \log_2 (1 + \bar c_{\mathrm{bottom}, g})

    with mean CP10k :math:`\bar c`; p-values are those of Wilcoxon's rank-sum test on log1p CP10k, two-sided.

    Parameters
    ----------
    log_expr
        log1p CP10k, ``(n_cells, n_genes)``.
    genes
        Names of the genes, ``(n_genes,)``.
    markers
        Genes by type; genes that the data lack are left out.
    groups
        Masks of the top and the bottom cells, ``(n_cells,)`` each.
    scope
        What stands in the column of that name.

    Returns
    -------
    pandas.DataFrame
        A row for each type and marker: ``scope``, ``type``, ``gene``, ``n_top``, ``n_bottom``, ``mean_top`` and
        ``mean_bottom`` (CP10k), ``log2_fold_change``, ``p_value`` and ``q_value`` (Benjamini-Hochberg over the rows).

    Raises
    ------
    InputError
        If a group is empty.
    """
    pairs = _known(markers, genes)
    columns = np.unique([column for _, _, column in pairs]).astype(np.int64)
    values = [_dense(log_expr, mask, columns) for mask in _checked(groups)]
    p_values = wilcoxon(values[0], values[1]) if len(columns) else np.empty(0)
    means = [np.expm1(side).mean(axis=0) for side in values]
    rows = []
    for name, gene, column in pairs:
        place = int(np.searchsorted(columns, column))
        high, low = float(means[0][place]), float(means[1][place])
        about = {"scope": scope, "type": name, "gene": gene, "n_top": len(values[0]), "n_bottom": len(values[1])}
        change = float(np.log2(1 + high) - np.log2(1 + low))
        measured = {"mean_top": high, "mean_bottom": low, "log2_fold_change": change}
        rows.append(about | measured | {"p_value": float(p_values[place])})
    table = pd.DataFrame(rows, columns=[name for name in TEST_COLUMNS if name != "q_value"])
    return table.assign(q_value=corrected(table["p_value"].to_numpy(dtype=np.float64)))


def positive_rates(
    log_expr: sparse.csr_matrix,
    genes: NDArray[np.str_],
    markers: MarkerTable,
    groups: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    scope: str = ALL_CELLS,
) -> pd.DataFrame:
    """Return how often the markers of each type are found at all in top and bottom cells.

    Parameters
    ----------
    log_expr, genes, markers, groups, scope
        As in :func:`marker_tests`.

    Returns
    -------
    pandas.DataFrame
        A row for each type with a marker in the data: ``scope``, ``type``, ``n_markers``, ``n_top``, ``n_bottom``, and
        the mean over markers of the share of cells above zero: ``rate_top``, ``rate_bottom`` and ``rate_all`` (of
        both groups and the cells between them), in [0, 1].

    Raises
    ------
    InputError
        If a group is empty.
    """
    top, bottom = _checked(groups)
    rows = []
    pairs = _known(markers, genes)
    for name in dict.fromkeys(name for name, _, _ in pairs):
        columns = np.array([column for other, _, column in pairs if other == name], dtype=np.int64)
        found = sparse.csr_matrix(log_expr[:, columns] > 0, dtype=np.float64)
        rates = [float(found[mask].mean()) for mask in (top, bottom)]
        about = {"scope": scope, "type": name, "n_markers": len(columns), "n_top": top.sum(), "n_bottom": bottom.sum()}
        rows.append(about | {"rate_top": rates[0], "rate_bottom": rates[1], "rate_all": float(found.mean())})
    return pd.DataFrame(rows, columns=list(RATE_COLUMNS))


def _known(markers: MarkerTable, genes: NDArray[np.str_]) -> list[tuple[str, str, int]]:
    """Return type, gene and column of the markers that the data have."""
    listed = [(name, gene) for name, members in markers.items() for gene in members]
    places = pd.Index(genes).get_indexer(pd.Index([gene for _, gene in listed], dtype=object))
    return [(name, gene, int(place)) for (name, gene), place in zip(listed, places, strict=True) if place >= 0]


def _checked(groups: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if not all(mask.any() for mask in groups):
        sizes = [int(mask.sum()) for mask in groups]
        msg = f"the top and bottom groups have {sizes[0]} and {sizes[1]} cells; expected cells in both"
        raise InputError(msg)
    return groups


def _dense(log_expr: sparse.csr_matrix, mask: NDArray[np.bool_], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(log_expr[np.flatnonzero(mask)][:, columns].toarray(), dtype=np.float64)
