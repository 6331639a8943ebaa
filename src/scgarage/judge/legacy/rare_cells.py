"""How tables of the published evaluation are marked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, recall_score

from scgarage.errors import InputError, SamplingError, TrainingError, check_numbers, listed
from scgarage.judge.rare import Augmenter
from scgarage.judge.rare.augmenters import Comparator, RealCells, TrainingSet, make_cells, nothing, ros
from scgarage.pp import select_hvg

PROTOCOL = "legacy"
"""Value of the column ``protocol``."""


FORESTS: Mapping[str, Mapping[str, Any]] = {
    "10 trees, depth 5": {"n_estimators": 10, "max_depth": 5, "max_features": 0.25, "bootstrap": False},
    "100 trees": {"n_estimators": 100},
}
"""The two published forests by name. GARAGE always got the second; the first, weakened one went to "Real only" (Yan,
Pollen), GAN (Pollen) and LSH-GAN (Pollen, CBMC). Here every method gets both."""


def score_forests(
    train: TrainingSet, test: NDArray[np.float32], codes: NDArray[np.intp], target: int, *, random_state: int
) -> dict[str, dict[str, float]]:
    """Train both forests and score how well they find a type."""
    scores = {}
    for name, parameters in FORESTS.items():
        forest = RandomForestClassifier(**parameters, random_state=random_state, n_jobs=1)
        called = forest.fit(train.log_expr, train.codes).predict(test)
        only = {"labels": [target], "average": "macro", "zero_division": 0}
        scores[name] = {
            "rare_recall": float(recall_score(codes, called, **only)),
            "rare_f1": float(f1_score(codes, called, **only)),
            "macro_f1": float(f1_score(codes, called, average="macro", zero_division=0)),
        }
    return scores


NO_CELLS, COPIES = "no synthetic cells", "real copies (random oversampling)"
CONTROLS: Mapping[str, Comparator] = {NO_CELLS: nothing, COPIES: ros}
SCORES = ("rare_recall", "rare_f1", "macro_f1")
KEYS = (
    "method", "kind", "forest", "rare_type", "n_train_rare", "n_test_rare", "n_added", "randomised_labels",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Halves:
    """Real cells, half of each type for training, and what is done to them."""

    real: RealCells
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    target: int
    n_added: int
    randomised_labels: float
    random_state: int


def legacy_rare_cells(
    real: AnnData,
    augmenters: Mapping[str, Augmenter],
    *,
    labels_key: str = "cell_type",
    rare_type: str | None = None,
    layer: str | None = None,
    n_repeats: int = 5,
    added_per_cell: int = 10,
    randomised_labels: float = 0.0,
    n_top_genes: int | None = 2000,
    max_cells: int = 10_000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Hold out half of the rarest type, add synthetic cells of it to the other half, and train a forest, as published.

    In each repeat half of the cells of every type train (the larger half of an odd number) and the others test. Each
    generator is fitted to the training cells of the repeat and makes 10 cells for each rare one among them. Cells that
    a model made from *all* cells cannot be used: it has seen the test cells, which is why this takes generators and no
    files. The published scripts gave the weakened forest, and synthetic cells with half of their labels randomised, to
    competitors only; here all rows get the same treatment. They had one repeat; labelled every synthetic cell as rare,
    whatever the model had made (here models are asked for rare cells); and used all genes of their files as they were,
    for Yan 50 components (here log1p CP10k of highly variable genes). :func:`scgarage.judge.rare.rare_utility` is
    the experiment to draw conclusions from.

    Parameters
    ----------
    real
        Real cells, counts or log-normalised.
    augmenters
        Generators by name, see :data:`scgarage.judge.rare.Augmenter`. May be empty: then there are the controls only.
    labels_key
        Column of ``obs`` with the types.
    rare_type
        The type to find; by default the one of fewest cells (published: 2cell, GW21, pDCs, endothelial).
    layer
        Layer with the values; ``X`` by default.
    n_repeats
        Divisions of the cells.
    added_per_cell
        Cells added for each rare training cell.
    randomised_labels
        Share of the added cells that get the label of another type, drawn at random (published: 0.5, for some
        competitors). It applies to every row, the real copies too.
    n_top_genes
        Highly variable genes, selected on the real training cells of each repeat; ``None`` for all genes.
    max_cells
        Cells at most, drawn at random once; all published data sets are smaller.
    random_state
        Seed of the divisions, generators and forests.

    Returns
    -------
    pandas.DataFrame
        A row for each method and forest (:data:`FORESTS`). Methods are ``"no synthetic cells"``, ``"real copies (random
        oversampling)"`` and the generators; ``kind`` is ``"control"`` or ``"synthetic"``. Mean and sd over repeats of
        ``rare_recall``, ``rare_f1`` and ``macro_f1``, as ``NAME`` and ``NAME_sd`` (n - 1); ``protocol``, ``rare_type``,
        ``n_train_rare``, ``n_test_rare``, ``n_added`` (asked for), ``randomised_labels``, ``n_repeats`` (those that
        worked) and ``note``: why a generator made no cells.

    Raises
    ------
    InputError
        If values, labels, a generator's cells or an argument cannot be used.

    Warns
    -----
    UserWarning
        If types of fewer than four cells are left out.

    References
    ----------
    Ganguly et al. 2025, doi:10.1101/2025.09.28.679012, and its repository, biological_analysis/rare_cell_utility.py.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.rare import poisson_by_type
    >>> cells = sg.datasets.simulate(120, 40, 3, 0.1)
    >>> table = legacy_rare_cells(cells, {"poisson": poisson_by_type("cell_type")}, n_repeats=2)
    >>> table["method"].unique().tolist()
    ['no synthetic cells', 'real copies (random oversampling)', 'poisson']
    """
    _check(augmenters, n_repeats=n_repeats, added_per_cell=added_per_cell, randomised_labels=randomised_labels)
    cells = RealCells.of(real, labels_key=labels_key, layer=layer, max_cells=max_cells, random_state=random_state)
    target = _rare_type(cells, rare_type)
    rows: list[dict[str, Any]] = []
    for repeat in range(n_repeats):
        train, test = _halve(cells.codes, np.random.default_rng([random_state, repeat]))
        seed = int(np.random.SeedSequence([random_state, repeat, 1]).generate_state(1)[0])
        n_added = added_per_cell * int((cells.codes[train] == target).sum())
        halves = _Halves(cells, train, test, target, n_added, randomised_labels, seed)
        rows += _score(halves, augmenters, n_top_genes)
    table = _summarise(pd.DataFrame(rows))
    table.insert(0, "protocol", PROTOCOL)
    return table


def _check(
    augmenters: Mapping[str, Augmenter], *, n_repeats: int, added_per_cell: int, randomised_labels: float
) -> None:
    check_numbers(n_repeats=n_repeats, added_per_cell=added_per_cell)
    if not 0 <= randomised_labels <= 1:
        msg = f"randomised_labels is {randomised_labels}; expected a share between 0 and 1"
        raise InputError(msg)
    if taken := [name for name in augmenters if name in CONTROLS]:
        msg = f"augmenters has the names {listed(taken)}, which controls have; choose others"
        raise InputError(msg)


def _rare_type(cells: RealCells, name: str | None) -> int:
    """Return the number of the type to find."""
    counts = np.bincount(cells.codes, minlength=len(cells.types))
    if len(counts) < 2:
        msg = f"adata.obs['{cells.labels_key}'] has {len(counts)} type with enough cells; expected at least 2"
        raise InputError(msg)
    if name is None:
        return int(counts.argmin())
    if name not in cells.types:
        msg = f"rare_type {name!r} is not among the types with enough cells; expected one of: {listed(cells.types)}"
        raise InputError(msg)
    return int(np.searchsorted(cells.types, name))


def _halve(codes: NDArray[np.intp], rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide the cells of each type into training and test cells."""
    train, test = [], []
    for code in range(codes.max() + 1):
        shuffled = rng.permutation(np.flatnonzero(codes == code))
        test.append(shuffled[: len(shuffled) // 2])
        train.append(shuffled[len(shuffled) // 2 :])
    return np.concatenate(train), np.concatenate(test)


def _score(halves: _Halves, augmenters: Mapping[str, Augmenter], n_top_genes: int | None) -> list[dict[str, Any]]:
    """Score every method with every forest in one repeat."""
    real, codes = halves.real, halves.real.codes[halves.test]
    train_expr = real.log_expr[halves.train]
    genes = np.flatnonzero(select_hvg(train_expr, n_top_genes))
    train = TrainingSet(train_expr[:, genes].toarray(), real.codes[halves.train], len(real.types))
    test = real.log_expr[halves.test][:, genes].toarray()
    about = {
        "rare_type": str(real.types[halves.target]),
        "n_train_rare": int((train.codes == halves.target).sum()),
        "n_test_rare": int((codes == halves.target).sum()),
        "randomised_labels": halves.randomised_labels,
    }
    rows = []
    for kind, method, training_set in _training_sets(halves, train, genes, augmenters):
        shared = {"method": method, "kind": kind, "n_added": 0 if method == NO_CELLS else halves.n_added} | about
        if isinstance(training_set, str):
            rows += [shared | {"forest": forest, "failure": training_set} for forest in FORESTS]
            continue
        scores = score_forests(training_set, test, codes, halves.target, random_state=halves.random_state)
        rows += [shared | {"forest": forest} | values for forest, values in scores.items()]
    return rows


def _training_sets(
    halves: _Halves, train: TrainingSet, genes: NDArray[np.intp], augmenters: Mapping[str, Augmenter]
) -> Iterator[tuple[str, str, TrainingSet | str]]:
    """Yield kind, name and training set of each method; a text in its place says why there is none."""
    wanted = {halves.target: halves.n_added}
    for name, control in CONTROLS.items():
        yield "control", name, _randomise(control(train, wanted, halves.random_state), halves)
    for name, augmenter in augmenters.items():
        try:
            made, codes = make_cells(
                augmenter, halves.real, halves.train, wanted, needed=np.array([halves.target]),
                random_state=halves.random_state,
            )  # fmt: skip
        except (SamplingError, TrainingError) as error:
            yield "synthetic", name, str(error)
            continue
        yield "synthetic", name, _randomise(train.with_added(made[:, genes].toarray(), codes), halves)


def _randomise(training_set: TrainingSet, halves: _Halves) -> TrainingSet:
    """Give a share of the added cells the labels of other types, the same draw for every method."""
    n_real = len(halves.train)
    n_added = len(training_set.codes) - n_real
    rng = np.random.default_rng([halves.random_state, 2])
    chosen = n_real + rng.permutation(n_added)[: round(halves.randomised_labels * n_added)]
    others = np.delete(np.arange(training_set.n_types), halves.target)
    codes = training_set.codes.copy()
    codes[chosen] = rng.choice(others, size=len(chosen))
    return replace(training_set, codes=codes)


def _summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean and sd over the repeats, a row for each method and forest."""
    rows = rows.reindex(columns=[*KEYS, *SCORES, "failure"])
    groups = rows.groupby(list(KEYS), sort=False)
    columns: dict[str, Any] = {"n_repeats": groups["rare_f1"].count()}
    for name in SCORES:
        columns |= {name: groups[name].mean(), f"{name}_sd": groups[name].std()}
    columns["note"] = groups["failure"].agg(_say_failures)
    return pd.DataFrame(columns).reset_index()


def _say_failures(failures: "pd.Series[str]") -> str:
    found = failures.dropna()
    return f"{len(found)} of {len(failures)} repeats failed: {found.iloc[0]}" if len(found) else ""
