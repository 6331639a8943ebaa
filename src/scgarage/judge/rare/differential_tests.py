"""What synthetic cells do to a differential test of two groups that do not differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import false_discovery_control

from scgarage.errors import InputError, check_numbers
from scgarage.io.result import FileResult
from scgarage.judge.rare.augmenters import Augmenter, RealCells, make_cells
from scgarage.pp import select_hvg


def wilcoxon(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Return two-sided p-values of the rank-sum test of two groups of cells, gene by gene.

    .. math:: z = \frac{U - n_1 n_2 / 2 \mp 1/2}{\sqrt{\tfrac{n_1 n_2}{12}
        \left(n + 1 - \tfrac{\sum_j (t_j^3 - t_j)}{n (n - 1)}\right)}}

    The normal approximation with the correction for ties :math:`t_j`, which matters: most values of a gene are
    zeros.

    Parameters
    ----------
    first, second
        Expression of the groups, (n_cells, n_genes), in the same units.

    Returns
    -------
    numpy.ndarray
        p-values, (n_genes,); 1 for a gene with one and the same value in all cells.

    Raises
    ------
    InputError
        If a group is empty or the numbers of genes differ.

    References
    ----------
    Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the other, 1947,
    doi:10.1214/aoms/1177730491.
    """
    if first.ndim != 2 or second.ndim != 2 or not len(first) or not len(second) or first.shape[1] != second.shape[1]:
        msg = f"the groups have shapes {first.shape} and {second.shape}; expected (n_cells, n_genes), cells in both"
        raise InputError(msg)
    p_values = np.ones(first.shape[1])
    lowest = np.minimum(first.min(axis=0), second.min(axis=0))
    varies = lowest < np.maximum(first.max(axis=0), second.max(axis=0))
    if varies.any():
        tested = stats.mannwhitneyu(first[:, varies], second[:, varies], axis=0, method="asymptotic")
        p_values[varies] = tested.pvalue
    return p_values


FALSE_DISCOVERY_RATE = 0.05
REAL_ONLY, MIXED = "real only", "real and synthetic"


@dataclass(frozen=True, eq=False, repr=False)
class DENullCheck(FileResult):
    """Genes called different where nothing differs.

    Attributes
    ----------
    table
        Two rows for each run, columns ``run``, ``type``, ``cells`` (``"real only"`` or ``"real and synthetic"``),
        ``n_real`` and ``n_synthetic`` (cells of each group), ``n_genes`` (tested), ``n_called`` and ``share``.
    """

    def shares(self) -> pd.DataFrame:
        """Return the mean share of genes called, and the share of runs with a call, by ``cells``."""
        groups = self.table.groupby("cells", sort=False)
        called = (self.table["n_called"] > 0).groupby(self.table["cells"], sort=False).mean()
        return pd.DataFrame({"genes_called": groups["share"].mean(), "runs_with_a_call": called})

    def sentence(self) -> str:
        """Return what follows."""
        real, mixed = self.shares()["genes_called"].loc[[REAL_ONLY, MIXED]].to_numpy(dtype=np.float64)
        first, n_runs = self.table.iloc[0], self.table["run"].nunique()
        numbers = (
            f"Between two groups of one and the same type, a Wilcoxon test calls {mixed:.1%} of the genes different "
            f"when synthetic cells are counted and {real:.1%} with the real cells alone (Benjamini-Hochberg 5 %, "
            f"{int(first['n_real'])} real cells a group, {n_runs} runs)."
        )
        return f"{numbers} Synthetic cells are no new samples: keep them out of tests (sg.guard)."

    def words(self) -> str:
        """Return the sentence."""
        return self.sentence()

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.shares()]

    def _content(self) -> dict[str, Any]:
        return {"sentence": self.sentence(), "table": self.table}


def de_null_check(
    train: AnnData,
    augmenter: Augmenter,
    *,
    labels_key: str,
    layer: str | None = None,
    n_real: int = 10,
    n_synthetic: int = 100,
    n_runs: int = 15,
    n_top_genes: int | None = 500,
    random_state: int = 0,
) -> DENullCheck:
    """Test a type against itself, with and without synthetic cells.

    In each run ``2 * n_real`` cells of one type are divided at random into two groups, which are given to the
    generator as two types beside the cells of all other types. The generator adds ``n_synthetic`` cells to each.
    No gene differs in truth, so every gene called is a false one.

    Parameters
    ----------
    train
        Real cells, counts or log-normalised; not changed.
    augmenter
        Generator, see :data:`scgarage.judge.rare.Augmenter`; it is fitted in every run.
    labels_key
        Column of ``obs`` with the types; those with at least ``2 * n_real`` cells take turns.
    layer
        Layer with the values; ``X`` by default.
    n_real
        Real cells of each group.
    n_synthetic
        Synthetic cells added to each group.
    n_runs
        Number of runs.
    n_top_genes
        Highly variable genes that are tested; ``None`` tests all genes.
    random_state
        Seed.

    Returns
    -------
    DENullCheck
        The share of genes called at a Benjamini-Hochberg false discovery rate of 5 %, on log1p CP10k.

    Raises
    ------
    InputError
        If an argument is out of range, no type has enough cells or the generator's cells cannot be used.

    References
    ----------
    Benjamini and Hochberg, Controlling the false discovery rate, 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.rare import poisson_by_type
    >>> cells = sg.datasets.simulate(n_cells=150, n_genes=60, n_types=3, rare_fraction=0.1)
    >>> check = de_null_check(cells, poisson_by_type("cell_type"), labels_key="cell_type", n_runs=2)
    >>> bool(check.shares().loc["real and synthetic", "genes_called"] > 0)
    True
    """
    check_numbers(minimum=2, n_real=n_real)
    check_numbers(n_synthetic=n_synthetic, n_runs=n_runs)
    real = RealCells.of(train, labels_key=labels_key, layer=layer, max_cells=train.n_obs)
    counts = np.bincount(real.codes)
    eligible = np.flatnonzero(counts >= 2 * n_real)
    if not len(eligible):
        msg = f"no type has 2 x {n_real} cells; found at most {counts.max()}: lower n_real"
        raise InputError(msg)
    genes = np.flatnonzero(select_hvg(real.log_expr, n_top_genes))
    rows: list[dict[str, Any]] = []
    for run in range(n_runs):
        rng = np.random.default_rng([random_state, run])
        code = int(eligible[run % len(eligible)])
        groups = rng.permutation(np.flatnonzero(real.codes == code))[: 2 * n_real].reshape(2, n_real)
        called = _called(real, augmenter, groups, genes, n_synthetic=n_synthetic, rng=rng)
        about = {"run": run, "type": str(real.types[code]), "n_real": n_real, "n_genes": len(genes)}
        for cells, n_made, n_called in zip((REAL_ONLY, MIXED), (0, n_synthetic), called, strict=True):
            shares = {"cells": cells, "n_synthetic": n_made, "n_called": n_called, "share": n_called / len(genes)}
            rows.append(about | shares)
    return DENullCheck(pd.DataFrame(rows))


def _called(
    real: RealCells,
    augmenter: Augmenter,
    groups: NDArray[np.intp],
    genes: NDArray[np.intp],
    *,
    n_synthetic: int,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Return the number of genes called with real cells only and with synthetic ones among them."""
    divided, rows, codes = _divide_type(real, groups)
    wanted = dict.fromkeys(codes, n_synthetic)
    seed = int(rng.integers(2**31))
    made, made_codes = make_cells(
        augmenter, divided, rows, wanted, needed=np.array(codes, dtype=np.intp), random_state=seed
    )
    first, second = (real.log_expr[group][:, genes].toarray() for group in groups)
    made_first, made_second = (made[made_codes == code][:, genes].toarray() for code in codes)
    mixed = (np.concatenate([first, made_first]), np.concatenate([second, made_second]))
    return _n_called(first, second), _n_called(*mixed)


def _divide_type(real: RealCells, groups: NDArray[np.intp]) -> tuple[RealCells, NDArray[np.intp], tuple[int, int]]:
    """Make two types of two groups of cells."""
    name = str(real.types[real.codes[groups[0, 0]]])
    labels = real.types[real.codes].astype(object)
    halves = (f"{name} (first half)", f"{name} (second half)")
    for half, group in zip(halves, groups, strict=True):
        labels[group] = half
    rows = np.flatnonzero(labels != name)
    adata = real.adata.copy()
    adata.obs[real.labels_key] = pd.Categorical(labels.astype(np.str_))
    types, codes = np.unique(labels.astype(np.str_), return_inverse=True)
    divided = RealCells(adata, real.log_expr, types, codes, real.labels_key, real.layer, real.value_kind)
    first, second = np.searchsorted(types, halves)
    return divided, rows, (int(first), int(second))


def _n_called(first: NDArray[np.floating], second: NDArray[np.floating]) -> int:
    return int((false_discovery_control(wilcoxon(first, second)) < FALSE_DISCOVERY_RATE).sum())
