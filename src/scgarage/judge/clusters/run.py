"""Cluster one set of labelled cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError, check_numbers
from scgarage.judge.clusters.clustering import RESOLUTIONS, Choose, ClusterSettings, score_structure, typed_cells
from scgarage.judge.clusters.selection import SELECTIONS, Selection, choose_selections, rank_genes, select_genes
from scgarage.judge.evaluation.cells import Cells, Index, NullGenerator, PoissonNull
from scgarage.judge.evaluation.inputs import Inputs, choose_labels_key, comparison_inputs
from scgarage.pp import Split
from scgarage.schema import UNSURE

COLUMNS = (
    "selection",
    "n_genes",
    "resolution",
    "n_clusters",
    "ari",
    "nmi",
    "macro_f1",
    "silhouette",
    "repeat",
    "chosen_by",
    "n_cells",
    "n_unsure",
)
"""Columns of the table, in order."""


def score_clusters(
    cells: AnnData,
    *,
    labels_key: str,
    selection: Selection = "all",
    n_top_genes: int | Sequence[int] = (100,),
    choose: Choose = "silhouette",
    legacy: bool = False,
    n_types: int | None = None,
    resolutions: Sequence[float] = RESOLUTIONS,
    layer: str | None = None,
    max_cells: int = 2000,
    n_repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure how well Leiden clusters of selected genes find the cell types.

    Genes are selected on these very cells, which are then clustered in their own 20 principal components at
    every resolution. The labels score the clusters; they do not choose them, unless ``legacy=True``.

    Parameters
    ----------
    cells
        Real or synthetic cells, counts or log-normalised values; not changed.
    labels_key
        Column of ``obs`` with the types. Cells without one or labelled "unsure" are clustered, not scored.
    selection
        ``"cv2"``, ``"fano"``, ``"pca_loading"`` or ``"all"`` three.
    n_top_genes
        Numbers of genes; fewer where fewer are expressed.
    choose
        Resolution: ``"silhouette"``, the highest mean silhouette; or ``"n_types"``, the number of clusters
        nearest to ``n_types``.
    legacy
        The resolution with the best ARI against the labels, as published. Optimistic; the table says so.
    n_types
        Number of types to expect, used by ``choose="n_types"`` only; by default as many as labels.
    resolutions
        Leiden resolutions.
    layer
        Layer with the values; ``X`` by default.
    max_cells
        Cells that a repeat clusters at most, drawn anew each time.
    n_repeats
        Number of repeats. With ``max_cells`` cells or fewer only the seeds of the algorithms differ.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        One row for each selection, number of genes and repeat: ``selection``, ``n_genes`` (used),
        ``resolution``, ``n_clusters``, ``ari``, ``nmi``, ``macro_f1`` (clusters matched to types),
        ``silhouette``, ``repeat``, ``chosen_by``, ``n_cells`` and ``n_unsure`` of them that are not scored.

    Raises
    ------
    InputError
        If labels are missing, values cannot be used or an argument is out of range.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.clusters import score_clusters
    >>> cells = sg.datasets.simulate(120, 60, 3)
    >>> table = score_clusters(cells, labels_key="cell_type", selection="fano", n_top_genes=30, n_repeats=1)
    >>> bool(table.loc[0, "ari"] > 0.8), table.loc[0, "chosen_by"]
    (True, 'silhouette')
    """
    check_numbers(n_repeats=n_repeats, max_cells=max_cells)
    wanted = choose_selections(selection, n_top_genes)
    known = typed_cells(cells, labels_key, layer)
    types = tuple(np.unique(known.labels[known.labels != UNSURE]).tolist())
    settings = ClusterSettings(
        types=types, n_types=len(types) if n_types is None else n_types, choose=choose, legacy=legacy,
        resolutions=resolutions,
    )  # fmt: skip
    rows = []
    for name, number in wanted:
        genes = select_genes(known.log_expr, number, selection=name)  # type: ignore[arg-type]
        narrow = Cells(known.log_expr[:, genes], known.labels)
        for repeat, seed in enumerate(np.random.SeedSequence(random_state).spawn(n_repeats)):
            rng = np.random.default_rng(seed)
            sample = narrow.draw(max_cells, rng) if len(narrow) > max_cells else narrow
            scores = score_structure(sample, settings, random_state=int(rng.integers(2**31)))
            about = {"selection": name, "n_genes": len(genes), "repeat": repeat, "chosen_by": settings.chosen_by}
            sizes = {"n_cells": len(sample), "n_unsure": int((sample.labels == UNSURE).sum())}
            rows.append(about | scores | sizes)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n_clusters": int})


METRICS = ("ari", "nmi", "macro_f1", "silhouette", "n_clusters")
"""What is compared."""

COMPARED_COLUMNS = (
    "selection", "n_genes", "metric", "value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score",
    "chosen_by", "n_repeats", "n_cells", "n_unsure", "note",
)  # fmt: skip
"""Columns of the table, in order."""

MIN_REPEATS = 3
"""Fewest repeats that give a standard deviation worth showing."""

MIN_CELLS = 30
"""Fewest cells of a sample: twice the neighbours of the graph."""

SHARE = 0.8
"""Share of the smaller set that a repeat draws, so that repeats see other cells."""

ROLES = ("value", "floor", "null")

NO_SCORE = "no score: floor and null differ by no more than their noise; compare value and floor"
"""What the note says where a score would divide by noise."""


@dataclass(frozen=True)
class _Sources:
    """Cells of the genes that any selection uses: synthetic, held-out real and null."""

    value: Cells
    floor: Cells
    null: NullGenerator
    columns: Mapping[tuple[str, int], Index]

    def draw(self, n_cells: int, rng: np.random.Generator) -> dict[str, Cells]:
        """Return as many cells of each."""
        value, floor = self.value.draw(n_cells, rng), self.floor.draw(n_cells, rng)
        return {"value": value, "floor": floor, "null": self.null.sample(n_cells, rng)}


def compare_clusters(
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None = None,
    selection: Selection = "all",
    n_top_genes: int | Sequence[int] = (100,),
    choose: Choose = "silhouette",
    legacy: bool = False,
    n_types: int | None = None,
    resolutions: Sequence[float] = RESOLUTIONS,
    layer: str | None = None,
    max_cells: int = 1000,
    n_repeats: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Compare how well clusters find the types in synthetic and in held-out real cells.

    Genes are selected on the training cells, once. In each repeat samples of the same size are drawn from the
    synthetic cells (*value*), the test cells (*floor*) and independent Poisson genes given the type (*null*);
    each is clustered in its own principal components.

    .. math:: \text{score} = \frac{\text{value} - \text{floor}}{\text{null} - \text{floor}}

    The floor is the target, not the least good value: cells whose types are further apart than real ones
    give higher agreement and are as wrong as cells whose types blur. Real cells score 0, the null 1, and a
    negative score means a deviation opposite to the null's.

    Parameters
    ----------
    synthetic
        Synthetic cells with types and the genes of the real ones in any order.
    split
        Real cells.
    labels_key
        Column of ``obs`` with the types; by default the one that the split knows. Synthetic cells labelled
        "unsure" are clustered and not scored.
    selection, n_top_genes, choose, legacy, resolutions
        As in :func:`scgarage.judge.clusters.score_clusters`, the same for value, floor and null.
    n_types
        Number of types to expect; by default that of the training cells.
    layer
        Layer with the values; ``X`` by default.
    max_cells
        Cells of a sample at most.
    n_repeats
        Number of repeats, at least three. A sample holds 80 % of the smaller of test and synthetic cells, so
        that repeats differ in cells and seeds. They overlap: standard deviations are somewhat too small.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        One row for each selection, number of genes and metric (:data:`METRICS`): means over repeats and
        standard deviations (divisor n - 1) of value, floor and null; ``score``, NaN where null and floor
        differ by no more than twice their noise; ``chosen_by``; ``n_cells`` of a sample; ``n_unsure`` of
        all synthetic cells; ``note``. Macro-F1 averages over the types of the training cells.

    Raises
    ------
    InputError
        If the data cannot be compared, the synthetic cells have no types, there are too few cells or an
        argument is out of range.
    """
    check_numbers(n_repeats=n_repeats, minimum=MIN_REPEATS)
    wanted = choose_selections(selection, n_top_genes)
    labels_key = choose_labels_key(split, labels_key)
    inputs = comparison_inputs(synthetic, split, labels_key=labels_key, layer=layer, n_top_genes=split.train.n_vars)
    n_cells = _sample_size(inputs, max_cells)
    types = tuple(np.unique(inputs.train.labels).tolist())
    settings = ClusterSettings(
        types=types, n_types=len(types) if n_types is None else n_types, choose=choose, legacy=legacy,
        resolutions=resolutions,
    )  # fmt: skip
    sources = _narrow(inputs, wanted)
    repeats: list[dict[tuple[str, int], dict[str, dict[str, float]]]] = []
    for seed in np.random.SeedSequence(random_state).spawn(n_repeats):
        rng = np.random.default_rng(seed)
        samples, state = sources.draw(n_cells, rng), int(rng.integers(2**31))
        repeats.append(
            {key: _score_roles(samples, columns, settings, state) for key, columns in sources.columns.items()}
        )
    about = {
        "chosen_by": settings.chosen_by,
        "n_repeats": n_repeats,
        "n_cells": n_cells,
        "n_unsure": int((inputs.synthetic.labels == UNSURE).sum()),
    }
    notes = _notes(inputs, types)
    rows = [
        {"selection": name, "n_genes": number}
        | about
        | _summary([repeat[name, number] for repeat in repeats], metric, notes)
        for name, number in sources.columns
        for metric in METRICS
    ]
    return pd.DataFrame(rows, columns=list(COMPARED_COLUMNS))


def _sample_size(inputs: Inputs, max_cells: int) -> int:
    if not inputs.labelled:
        msg = (
            f"the synthetic cells have no obs[{inputs.labels_key!r}]; clusters can only be compared with types "
            "(a conditional model gives them)"
        )
        raise InputError(msg)
    n_cells = min(int(SHARE * min(len(inputs.test), len(inputs.synthetic))), max_cells)
    if n_cells < MIN_CELLS:
        msg = (
            f"a sample would have {n_cells} cells ({SHARE:.0%} of {len(inputs.test)} test and "
            f"{len(inputs.synthetic)} synthetic ones, at most max_cells={max_cells}); expected at least {MIN_CELLS}"
        )
        raise InputError(msg)
    return n_cells


def _narrow(inputs: Inputs, wanted: list[tuple[str, int]]) -> _Sources:
    """Select genes on train and keep those that any selection uses."""
    ranked = {name: rank_genes(SELECTIONS[name](inputs.train.log_expr)) for name, _ in wanted}
    chosen = {(name, len(genes)): genes for name, number in wanted for genes in [ranked[name][:number]]}
    check_numbers(n_top_genes=min(number for _, number in chosen), minimum=2)
    genes = np.unique(np.concatenate(list(chosen.values())))
    value, floor = (Cells(cells.log_expr[:, genes], cells.labels) for cells in (inputs.synthetic, inputs.test))
    columns = {key: np.searchsorted(genes, selected) for key, selected in chosen.items()}
    return _Sources(value, floor, inputs.null.narrowed(genes), columns)


def _score_roles(
    samples: Mapping[str, Cells], columns: Index, settings: ClusterSettings, random_state: int
) -> dict[str, dict[str, float]]:
    narrow = {role: Cells(cells.log_expr[:, columns], cells.labels) for role, cells in samples.items()}
    return {role: score_structure(cells, settings, random_state=random_state) for role, cells in narrow.items()}


def _summary(repeats: list[dict[str, dict[str, float]]], metric: str, notes: list[str]) -> dict[str, object]:
    """Return means, standard deviations and score of one metric, and what to know about them."""
    numbers = pd.DataFrame([{role: repeat[role][metric] for role in ROLES} for repeat in repeats])
    means = {role: float(numbers[role].mean()) for role in ROLES}
    deviations = {role: float(numbers[role].std()) for role in ROLES}
    placed = _place(means, deviations)
    if np.isnan(placed):
        notes = [*notes, NO_SCORE]
    row: dict[str, object] = {"metric": metric, "score": placed, "note": "; ".join(notes)}
    for role in ROLES:
        row |= {role: means[role], f"{role}_sd": deviations[role]}
    return row


def _place(means: Mapping[str, float], deviations: Mapping[str, float]) -> float:
    """Place a value between floor and null; unlike the judge's metrics the null may lie on either side."""
    gap = means["null"] - means["floor"]
    if not abs(gap) > 2 * np.hypot(deviations["floor"], deviations["null"]):
        return float("nan")
    return (means["value"] - means["floor"]) / gap + 0.0  # never -0.0


def _notes(inputs: Inputs, types: tuple[str, ...]) -> list[str]:
    labels = inputs.synthetic.labels
    n_unsure = int((labels == UNSURE).sum())
    missing = sorted(set(types) - set(labels))
    notes = []
    if n_unsure:
        notes.append(f"{n_unsure} of {len(labels)} synthetic cells unsure: clustered, not scored")
    if missing:
        notes.append(f"no synthetic cells of: {', '.join(missing)}")
    if not isinstance(inputs.null, PoissonNull):
        notes.append("null: independent normal log values, for want of counts")
    return notes
