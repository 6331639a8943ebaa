"""Whether differential tests find what was planted, and only that."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from scgarage.errors import InputError, check_numbers, listed
from scgarage.io.cells import log1p_cp10k
from scgarage.io.result import FileResult
from scgarage.models import GenerativeModel, load
from scgarage.schema import UNS_KEY
from scgarage.simulation.plan import Plan
from scgarage.simulation.simulate import simulate
from scgarage.simulation.truth import truth

Method: TypeAlias = Callable[[ad.AnnData], NDArray[np.floating]]
"""Cells of one type with counts in ``X``, ``obs["group"]`` of two categories and, with donors, ``obs["donor"]``, in;
a p-value for each gene out."""


def _sides(cells: ad.AnnData) -> NDArray[np.bool_]:
    """Say which cells are in the second group."""
    return np.asarray(cells.obs["group"].cat.codes == 1)


def wilcoxon(cells: ad.AnnData) -> NDArray[np.floating]:
    """Return p-values of rank tests on the cells' log1p CP10k; cells of one donor count as independent."""
    values, second = log1p_cp10k(cells.X).toarray(), _sides(cells)
    return np.asarray(stats.mannwhitneyu(values[~second], values[second]).pvalue)


def t_test(cells: ad.AnnData) -> NDArray[np.floating]:
    """Return p-values of Welch's t-tests on the cells' log1p CP10k; cells of one donor count as independent."""
    values, second = log1p_cp10k(cells.X).toarray(), _sides(cells)
    return _welch(values[~second], values[second])


def pseudobulk_t(cells: ad.AnnData) -> NDArray[np.floating]:
    """Return p-values of Welch's t-tests on log counts per million of the donors' sums."""
    if "donor" not in cells.obs:
        msg = "pseudobulk-t compares donors; set groups.donors of the plan to at least 2"
        raise InputError(msg)
    donors, code = np.unique(cells.obs["donor"].astype(str), return_inverse=True)
    sums = np.stack([np.asarray(cells.X[code == number].sum(axis=0)).ravel() for number in range(len(donors))])
    logs = np.log2(1e6 * (sums + 0.5) / (sums.sum(axis=1, keepdims=True) + 1.0))
    second = np.array([_sides(cells)[code == number][0] for number in range(len(donors))])
    if min(second.sum(), (~second).sum()) < 2:
        msg = "pseudobulk-t needs two donors with cells of the type in each group; raise groups.donors or cells.n"
        raise InputError(msg)
    return _welch(logs[~second], logs[second])


def _welch(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return p-values by gene; NaN for genes without variance."""
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Precision loss occurred")
        return np.asarray(stats.ttest_ind(first, second, equal_var=False).pvalue)


METHODS: dict[str, Method] = {"wilcoxon": wilcoxon, "t-test": t_test, "pseudobulk-t": pseudobulk_t}
"""Differential tests by name."""


def method_named(name: str) -> Method:
    """Return a test in :data:`METHODS`, or your own as ``module:function``.

    Raises
    ------
    InputError
        When there is none of that name.
    """
    if name in METHODS:
        return METHODS[name]
    module, _, function = name.partition(":")
    try:
        found: Method = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        msg = f"there is no method {name!r}; available: {listed(METHODS)}, or your own as module:function ({error})"
        raise InputError(msg) from error
    return found


@dataclass(frozen=True, eq=False, repr=False)
class MethodCheck(FileResult):
    """Power and false discoveries of differential tests; ``table`` has a row for each method and replicate."""

    alpha: float
    about: Mapping[str, Any]

    def summary(self) -> pd.DataFrame:
        """Return the mean of each number by method, with 95 % intervals over the replicates (Student's t)."""
        rows: dict[str, dict[str, float]] = {}
        for name, own in self.table.groupby("method", sort=False):
            row: dict[str, float] = {}
            for column in ("power", "false_discoveries", "null_below_alpha"):
                values = own[column].dropna().to_numpy(dtype=np.float64)
                mean, half = float(values.mean()) if len(values) else np.nan, np.nan
                if len(values) > 1:
                    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
                row |= {column: mean, f"{column}_low": max(mean - half, 0), f"{column}_high": min(mean + half, 1)}
            rows[str(name)] = row
        return pd.DataFrame.from_dict(rows, orient="index")

    def words(self) -> str:
        """Return which methods keep to their level."""
        summary, said = self.summary(), []
        for name, row in summary.iterrows():
            level = f"{row['null_below_alpha']:.1%} of the genes without a difference have p < {self.alpha:g}"
            found = "" if np.isnan(row["power"]) else (
                f"; finds {row['power']:.0%} of those planted, {row['false_discoveries']:.0%} of what it finds is false"
            )  # fmt: skip
            said.append(f"{name}: {level}{found}.")
        return "\n".join(said)

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:  # noqa: ARG002
        return [self.summary()]

    def _content(self) -> dict[str, Any]:
        return {"alpha": self.alpha, **self.about, "summary": self.summary().reset_index(), "table": self.table}


def check_methods(
    model: GenerativeModel | str | Path,
    plan: Plan | Mapping[str, Any] | str | Path,
    methods: Sequence[str] | Mapping[str, Method] = tuple(METHODS),
    *,
    cell_type: str | None = None,
    n_replicates: int = 5,
    alpha: float = 0.05,
    random_state: int = 0,
) -> MethodCheck:
    """Let differential tests look for what a plan plants, in several simulations.

    Parameters
    ----------
    model, plan
        As for :func:`scgarage.simulate`; the plan must have groups, of which the first two are compared.
    methods
        Names in :data:`METHODS` or ``module:function``; or functions by name.
    cell_type
        Type whose cells are tested; the most frequent one by default.
    n_replicates
        Number of simulations, with the seeds ``random_state`` and following.
    alpha
        Level of the tests, and of Benjamini and Hochberg's false discovery rate.
    random_state
        First seed.

    Returns
    -------
    Power and false discoveries among the genes below the false discovery rate ``alpha``, and the share of the genes
    without a difference whose p-value lies below ``alpha``, by method and replicate. Genes without counts are left out.

    Raises
    ------
    InputError
        For a plan without two groups, an unknown method or type, or a method that returns no number for each gene.
    """
    plan = Plan.of(plan)
    check_numbers(n_replicates=n_replicates)
    if plan.groups is None or len(plan.groups.names) < 2:
        msg = "plan: groups is missing or has one name; allowed: two names or more, whose cells are compared"
        raise InputError(msg)
    if isinstance(model, str | Path):
        model = load(model)
    if cell_type is not None and cell_type not in model.types:
        msg = f"cell_type is {cell_type!r}; the model knows: {listed(model.types)}"
        raise InputError(msg)
    chosen = dict(methods) if isinstance(methods, Mapping) else {name: method_named(name) for name in methods}
    rows = []
    for replicate in range(n_replicates):
        cells = simulate(model, plan, random_state=random_state + replicate)
        key = cells.uns[UNS_KEY].get("labels_key")
        if key in cells.obs:
            cell_type = cell_type or str(cells.obs[key].value_counts().index[0])
            genes = truth(cells).genes.query("type == @cell_type")
            cells = cells[cells.obs[key] == cell_type]
        else:
            genes = truth(cells).genes
        names = list(plan.groups.names[:2])
        cells = cells[cells.obs["group"].isin(names)].copy()
        cells.obs["group"] = cells.obs["group"].cat.set_categories(names)
        planted = genes.query("group == @names[1]")["planted"].to_numpy() != 0
        seen = np.asarray(cells.X.sum(axis=0)).ravel() > 0
        for name, method in chosen.items():
            p = np.asarray(method(cells), dtype=np.float64)
            if p.shape != (cells.n_vars,):
                expected = f"expected a p-value for each gene, ({cells.n_vars},)"
                msg = f"method {name!r} returned an array of shape {p.shape}; {expected}"
                raise InputError(msg)
            rows.append({"method": name, "replicate": replicate} | _scores(p[seen], planted[seen], alpha))
    return MethodCheck(pd.DataFrame(rows), alpha, {"plan": plan.as_dict(), "cell_type": cell_type})


def _scores(p: NDArray[np.float64], planted: NDArray[np.bool_], alpha: float) -> dict[str, float]:
    """Score p-values against the truth; a missing one finds nothing."""
    p = np.where(np.isfinite(p), p, 1.0)
    found = stats.false_discovery_control(p) <= alpha
    return {
        "n_planted": int(planted.sum()),
        "n_found": int(found.sum()),
        "power": float(found[planted].mean()) if planted.any() else np.nan,
        "false_discoveries": float((found & ~planted).sum() / max(found.sum(), 1)),
        "null_below_alpha": float((p[~planted] < alpha).mean()) if (~planted).any() else np.nan,
    }
