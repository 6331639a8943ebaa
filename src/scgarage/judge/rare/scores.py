"""Scores of a fold and differences over folds, with intervals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import precision_recall_curve

from scgarage.errors import InputError, check_numbers
from scgarage.judge.rare.augmenters import Augmenter, Comparator, RealCells, TrainingSet, make_cells
from scgarage.judge.rare.pipelines import Pipeline, Tuning, choose_inverse_penalty
from scgarage.pp import select_hvg


@dataclass(frozen=True, kw_only=True)
class UtilitySettings:
    """Sizes of the rare-cell utility experiment; the defaults are those of the protocol.

    Attributes
    ----------
    n_splits
        Divisions into training and test cells; fewer than 20 give intervals that say little.
    n_training_cells
        Training cells that an abundant type is cut down to.
    n_added
        Cells that resampling and generators add to each target type. 50 to 100 are enough, 300 cost precision
        (measured before this package).
    n_top_genes
        Highly variable genes, selected on the real training cells of each split.
    train_share
        Share of the cells of each type that train, apart from types that are cut down.
    prevalence
        Share that the test cells of a type that was cut down are weighted to.
    n_targets
        Types that are cut down at the same time; they take turns from split to split.
    rare_fraction
        Share of all cells below which a type is rare.
    n_trees
        Trees of a forest.
    max_cells
        Cells of a data set at most, drawn at random once.
    """

    n_splits: int = 20
    n_training_cells: tuple[int, ...] = (5, 10, 20, 50)
    n_added: int = 100
    n_top_genes: int = 500
    train_share: float = 0.5
    prevalence: float = 0.01
    n_targets: int = 2
    rare_fraction: float = 0.05
    n_trees: int = 80
    max_cells: int = 4000

    def __post_init__(self) -> None:
        names = ("n_splits", "n_added", "n_top_genes", "n_targets", "n_trees", "max_cells")
        check_numbers(**{name: getattr(self, name) for name in names})
        if not self.n_training_cells or min(self.n_training_cells) < 3:
            msg = f"n_training_cells is {self.n_training_cells}; expected numbers of at least 3 cells"
            raise InputError(msg)
        for name in ("train_share", "prevalence", "rare_fraction"):
            if not 0 < getattr(self, name) < 1:
                msg = f"{name} is {getattr(self, name)}; expected a share between 0 and 1"
                raise InputError(msg)
        if self.prevalence * self.n_targets >= 1:
            msg = f"{self.n_targets} targets of prevalence {self.prevalence} leave nothing for other types; lower one"
            raise InputError(msg)


QUICK = UtilitySettings(n_splits=2, n_training_cells=(10,), n_added=30, n_top_genes=200, n_trees=20)
"""A trial run in seconds; its numbers mean nothing."""


SCORES = {
    "auprc": "AUPRC",
    "f1": "F1",
    "recall": "recall",
    "macro_f1": "macro-F1",
    "f1_best_threshold": "F1 at the best threshold",
}
"""Names of the scores and how sentences call them; the first is the one to read first."""


def prevalence_weights(
    codes: NDArray[np.intp], targets: NDArray[np.intp], prevalence: float | None
) -> NDArray[np.float64]:
    r"""Return weights of test cells with which every target has the given prevalence.

    .. math:: w_i = \frac{p \, n_0}{(1 - p \, T) \, n_t} \text{ for cells of target } t, \quad 1 \text{ otherwise}

    with :math:`T` targets and :math:`n_0` cells of other types.
    """
    weights = np.ones(len(codes))
    if prevalence is None:
        return weights
    n_others = int((~np.isin(codes, targets)).sum())
    for target in targets:
        of_target = codes == target
        weights[of_target] = prevalence * n_others / (1 - prevalence * len(targets)) / of_target.sum()
    return weights


def score_type(
    probabilities: NDArray[np.float64], codes: NDArray[np.intp], target: int, weights: NDArray[np.float64]
) -> dict[str, float]:
    r"""Score how well a type is found.

    AUPRC, :math:`\sum_k (R_k - R_{k-1}) P_k`, uses the ranking of the cells by the target's probability and no
    threshold. F1 and recall use the threshold that the classifier comes with: the most probable type wins.

    References
    ----------
    Saito and Rehmsmeier, The precision-recall plot is more informative than the ROC plot when evaluating binary
    classifiers on imbalanced datasets, 2015, doi:10.1371/journal.pone.0118432.
    """
    is_target, score = codes == target, probabilities[:, target]
    called, n_types = probabilities.argmax(axis=1), probabilities.shape[1]
    right = np.where(called == codes, weights, 0.0)
    hits = np.bincount(codes, right, n_types)
    found, there = (np.bincount(each, weights, n_types) for each in (called, codes))
    f1 = 2 * hits / np.maximum(found + there, np.finfo(float).tiny)
    precisions, recalls, _ = precision_recall_curve(is_target, score, sample_weight=weights)
    best = 2 * precisions * recalls / np.maximum(precisions + recalls, np.finfo(float).tiny)
    return {
        "auprc": float(-np.diff(recalls) @ precisions[:-1]),
        "f1": float(f1[target]),
        "recall": float(hits[target] / there[target]),
        "macro_f1": float(f1[np.unique(codes)].mean()),
        "f1_best_threshold": float(best.max()),
    }


Design: TypeAlias = Literal["as it is", "down-sampling"]

AS_IT_IS: Design = "as it is"
DESIGNS: tuple[Design, ...] = ("down-sampling", AS_IT_IS)
MIN_TRAIN = 3
"""Fewest training cells of a target: resampling needs neighbours."""

MIN_TEST = 5
"""Fewest test cells of a rare type as it is."""

MIN_TEST_CUT = 20
"""Fewest test cells of a type that is cut down."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of the cells."""

    setting: str  # "as it is" or, for example, "5 training cells"
    split: int  # number of the split
    train: NDArray[np.intp]  # row numbers of the cells
    test: NDArray[np.intp]
    targets: NDArray[np.intp]  # numbers of the target types
    weights: NDArray[np.float64]  # weight of each test cell


def folds(codes: NDArray[np.intp], design: Design, settings: UtilitySettings, *, random_state: int) -> Iterator[Fold]:
    """Divide the cells of one data set again and again."""
    eligible = eligible_types(codes, design, settings)
    # Two types must be left whole: with fewer, the task is no longer to find one type among others.
    n_targets = min(settings.n_targets, len(eligible), int(codes.max()) - 1)
    turns = _turns(eligible, n_targets, settings.n_splits, random_state)
    for split in range(settings.n_splits):
        rng = np.random.default_rng([random_state, split])
        shuffled = [rng.permutation(np.flatnonzero(codes == code)) for code in range(codes.max() + 1)]
        if design == AS_IT_IS:
            yield _divide(codes, shuffled, eligible, settings, n_train=None, split=split)
            continue
        for n_train in settings.n_training_cells:
            yield _divide(codes, shuffled, turns[split], settings, n_train=n_train, split=split)


def eligible_types(codes: NDArray[np.intp], design: Design, settings: UtilitySettings) -> NDArray[np.intp]:
    """Return the numbers of the types that can be targets; arguments and errors as for :func:`folds`."""
    counts = np.bincount(codes)
    rare = counts < settings.rare_fraction * len(codes)
    if design == AS_IT_IS:
        n_train = np.rint(counts * settings.train_share)
        eligible = np.flatnonzero(rare & (n_train >= MIN_TRAIN) & (counts - n_train >= MIN_TEST))
        wanted = f"below {settings.rare_fraction:.0%} of the cells with {MIN_TRAIN} training and {MIN_TEST} test cells"
    else:
        needed = max(settings.n_training_cells) + MIN_TEST_CUT
        eligible = np.flatnonzero(~rare & (counts >= needed))
        wanted = f"of at least {needed} cells (lower n_training_cells?) and {settings.rare_fraction:.0%} of all"
    if not len(eligible) or len(counts) < 3:
        msg = (
            f"design '{design}' needs 3 types, one of them {wanted}; found types of {sorted(counts.tolist())} cells; "
            "leave it out of designs="
        )
        raise InputError(msg)
    return eligible


def _turns(eligible: NDArray[np.intp], n_targets: int, n_splits: int, random_state: int) -> list[NDArray[np.intp]]:
    """Deal the types out to the splits, each as often as any other but for one."""
    rng = np.random.default_rng([random_state, n_targets, len(eligible)])
    turns: list[NDArray[np.intp]] = []
    waiting: list[int] = []
    for _ in range(n_splits):
        chosen: list[int] = []
        while len(chosen) < n_targets:
            if all(code in chosen for code in waiting):
                waiting += rng.permutation(eligible).tolist()
            chosen.append(waiting.pop(next(i for i, code in enumerate(waiting) if code not in chosen)))
        turns.append(np.array(sorted(chosen), dtype=np.intp))
    return turns


def _divide(
    codes: NDArray[np.intp],
    shuffled: list[NDArray[np.intp]],
    targets: NDArray[np.intp],
    settings: UtilitySettings,
    *,
    n_train: int | None,
    split: int,
) -> Fold:
    train, test = [], []
    for code, cells in enumerate(shuffled):
        first = last = int(np.clip(np.rint(len(cells) * settings.train_share), 1, len(cells) - 1))
        if n_train is not None and code in targets:
            first, last = n_train, max(settings.n_training_cells)
        train.append(cells[:first])
        test.append(cells[last:])
    rows = np.concatenate(test)
    prevalence = None if n_train is None else settings.prevalence
    return Fold(
        setting=AS_IT_IS if n_train is None else f"{n_train} training cells",
        split=split,
        train=np.concatenate(train),
        test=rows,
        targets=targets,
        weights=prevalence_weights(codes[rows], targets, prevalence),
    )


COMPARATOR, GENERATOR, ONLY_SYNTHETIC = "comparator", "synthetic", "synthetic-only"
"""Kinds of training sets: real cells weighted or resampled, real and synthetic cells, synthetic cells alone."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who takes part."""

    comparators: Mapping[str, Comparator]  # by name
    augmenters: Mapping[str, Augmenter]
    pipelines: Mapping[str, Pipeline]
    synthetic_only: bool  # whether classifiers are trained on synthetic cells alone as well
    settings: UtilitySettings  # sizes


def score_fold(name: str, real: RealCells, fold: Fold, contest: Contest, *, random_state: int) -> list[dict[str, Any]]:
    """Fit every pipeline on every training set and score the targets among the test cells."""
    train_expr = real.log_expr[fold.train]
    genes = np.flatnonzero(select_hvg(train_expr, contest.settings.n_top_genes))
    train = TrainingSet(train_expr[:, genes].toarray(), real.codes[fold.train], len(real.types))
    test = real.log_expr[fold.test][:, genes].toarray()
    tuning = Tuning(
        inverse_penalty=choose_inverse_penalty(train, random_state=random_state),
        n_trees=contest.settings.n_trees,
        random_state=random_state,
    )
    rows = []
    for kind, contestant, training_set in _training_sets(real, fold, train, genes, contest, random_state=random_state):
        for pipeline, classify in contest.pipelines.items():
            probabilities = classify(training_set, test, tuning)
            shared = {"comparator": contestant, "kind": kind, "pipeline": pipeline}
            rows += _rows(name, real, fold, probabilities, shared)
    return rows


def _training_sets(
    real: RealCells, fold: Fold, train: TrainingSet, genes: NDArray[np.intp], contest: Contest, *, random_state: int
) -> Iterator[tuple[str, str, TrainingSet]]:
    targets = {int(code): contest.settings.n_added for code in fold.targets}
    for name, comparator in contest.comparators.items():
        yield COMPARATOR, name, comparator(train, targets, random_state)
    counts = np.bincount(train.codes, minlength=train.n_types)
    everything = {code: int(n_cells) for code, n_cells in enumerate(counts)} | targets
    wanted = everything if contest.synthetic_only else targets
    for name, augmenter in contest.augmenters.items():
        log_expr, codes = make_cells(
            augmenter, real, fold.train, wanted, needed=fold.targets, random_state=random_state
        )
        made = log_expr[:, genes].toarray()
        of_target = np.isin(codes, fold.targets)
        yield GENERATOR, name, train.with_added(made[of_target], codes[of_target])
        if contest.synthetic_only:
            yield ONLY_SYNTHETIC, f"{name} alone", TrainingSet(made, codes, train.n_types)


def _rows(
    name: str, real: RealCells, fold: Fold, probabilities: NDArray[np.float64], shared: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    for target in fold.targets:
        about = {
            "data_set": name,
            "setting": fold.setting,
            "split": fold.split,
            "target": str(real.types[target]),
            "k": int((real.codes[fold.train] == target).sum()),
        }
        scores = score_type(probabilities, real.codes[fold.test], int(target), fold.weights)
        rows += [about | shared | {"metric": metric, "value": value} for metric, value in scores.items()]
    return rows


BEST = "best comparator"
ONE_TO_BEAT = ("balanced-pca", "shrunk-lda")
"""Comparator and pipeline that needed no synthetic cell and lost to none, measured before this package."""

LEVEL = 0.95
N_BOOTSTRAPS = 2000
MIN_SPLITS = 5
"""With fewer splits a bootstrap over them says nothing, and there is no interval."""
KEYS = ["setting", "pipeline", "metric"]


def split_values(table: pd.DataFrame) -> pd.DataFrame:
    """Average over the targets of a split."""
    unit = [*KEYS, "data_set", "split"]
    return table.pivot_table(index=unit, columns="comparator", values="value", aggfunc="mean", sort=False)


def paired_difference(difference: "pd.Series[float]", *, random_state: int = 0) -> dict[str, float]:
    r"""Return the mean of paired differences with two intervals.

    .. math:: \bar\Delta = \frac1D \sum_d \frac1{S_d} \sum_s \Delta_{ds}
    """
    groups = [group.to_numpy() for _, group in difference.groupby(level="data_set", sort=False)]
    means = np.array([group.mean() for group in groups])
    low = high = t_low = t_high = np.nan
    if min(len(group) for group in groups) >= MIN_SPLITS:
        rng = np.random.default_rng(random_state)
        draws = [group[rng.integers(len(group), size=(N_BOOTSTRAPS, len(group)))].mean(axis=1) for group in groups]
        low, high = np.quantile(np.mean(draws, axis=0), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if len(means) > 1:
        half = stats.t.ppf((1 + LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
        t_low, t_high = means.mean() - half, means.mean() + half
    return {
        "difference": float(means.mean()),
        "low": float(low),
        "high": float(high),
        "t_low": float(t_low),
        "t_high": float(t_high),
        "n_splits": min(len(group) for group in groups),
        "n_data_sets": len(means),
        "n_positive": int((means > 0).sum()),
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each generator with each comparator and with the best of them, pipeline by pipeline.

    Parameters
    ----------
    table
        The tidy table.

    Returns
    -------
    pandas.DataFrame
        One row for each setting, pipeline, metric, generator and comparator: their means over data sets, and
        what :func:`paired_difference` returns. In the rows ``against == "best comparator"`` the column
        ``comparator`` names the one with the highest mean of that setting, pipeline and metric. It is chosen with
        the same numbers, which favours the comparators.
    """
    kinds = table.drop_duplicates("comparator").set_index("comparator")["kind"]
    comparators = [str(name) for name in kinds.index[kinds == COMPARATOR]]
    generators = [str(name) for name in kinds.index[kinds != COMPARATOR]]
    rows: list[dict[str, Any]] = []
    for keys, values in split_values(table).groupby(level=KEYS, sort=False):
        means = _means(values)
        best = max(comparators, key=means.__getitem__)
        for generator in generators:
            about = dict(zip(KEYS, keys, strict=True)) | {"synthetic": generator, "kind": kinds[generator]}
            for against, comparator in [*((name, name) for name in comparators), (BEST, best)]:
                compared = {"against": against, "comparator": comparator}
                level = {"value": means[generator], "comparator_value": means[comparator]}
                rows.append(about | compared | level | paired_difference(values[generator] - values[comparator]))
    return pd.DataFrame(rows)


def best_pipelines(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Compare the best pipeline without synthetic cells with the best one with them."""
    kinds = table.drop_duplicates("comparator").set_index("comparator")["kind"]
    rows: list[dict[str, Any]] = []
    for setting, group in table[table["metric"] == metric].groupby("setting", sort=False):
        wide = group.pivot_table(
            index=["data_set", "split"], columns=["comparator", "pipeline"], values="value", aggfunc="mean", sort=False
        )
        means = _means(wide)
        theirs = {pair: value for pair, value in means.items() if kinds[pair[0]] == COMPARATOR}
        ours = {pair: value for pair, value in means.items() if pair not in theirs}
        for against, rival in _rivals(theirs):
            row = {"setting": setting, "against": against, "comparator": rival[0], "comparator_pipeline": rival[1]}
            row["comparator_value"] = means[rival]
            if ours:
                best = max(ours, key=ours.__getitem__)
                row |= {"synthetic": best[0], "pipeline": best[1], "value": means[best]}
                row |= paired_difference(wide[best] - wide[rival])
            rows.append(row)
    return pd.DataFrame(rows)


def _rivals(means: dict[Any, float]) -> Iterator[tuple[str, Any]]:
    yield BEST, max(means, key=means.__getitem__)
    if ONE_TO_BEAT in means:
        yield " + ".join(ONE_TO_BEAT), ONE_TO_BEAT


def _means(values: pd.DataFrame) -> dict[Any, float]:
    """Return the mean over data sets of each column's mean in the data set, by column."""
    by_data_set = values.groupby(level="data_set").mean()
    return dict(zip(values.columns, by_data_set.mean().to_numpy(dtype=np.float64).tolist(), strict=True))
