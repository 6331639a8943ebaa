"""A file as it was found made fit for every other command, with a list of what was done."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.sparse as sp
from anndata import AnnData

from scgarage.errors import InputError, examples
from scgarage.io.cells import TARGET_SUM, expression_matrix, recognise, validate_expression, validate_labels
from scgarage.io.features import Features, genes_only
from scgarage.io.matrix import as_matrix, compact, row_sums, stored_values
from scgarage.io.recovery import RecoveredCounts, counts_from_log_normalised
from scgarage.io.tables import as_text_labels, missing_labels
from scgarage.io.values import (
    Values,
    describe_values,
    find_alternative,
    find_knee,
    name_of_logarithm,
    other_matrices,
    recognise_values,
)
from scgarage.schema import COUNTS_LAYER, UNS_KEY, UNSURE

Rounding: TypeAlias = Literal["nearest", "stochastic"]
"""Ways to make fractional counts whole."""

_SAME_TARGET = 0.01
_MAX_EXPONENT = 60.0


def recover_counts(
    adata: AnnData,
    *,
    layer: str | None = None,
    use_raw: bool = False,
    base: float | None = None,
    tolerance: float = 0.25,
) -> AnnData:
    """Recover the counts behind log-normalised values.

    The smallest non-zero value of a cell is taken as one count; the rest follows, and is accepted only when
    it comes out as whole numbers, see :func:`scgarage.io.counts_from_log_normalised`. Any factor per cell
    is allowed (CP10k, CPM, median depth, scran), and any selection of genes that leaves each cell a gene
    with one count.

    Parameters
    ----------
    adata
        Data set with log-normalised values; it is not changed.
    layer
        Layer to use, ``X`` when None.
    use_raw
        Whether to use ``adata.raw``, whose genes then replace those of ``adata``.
    base
        Base of the logarithm: ``math.e`` for ``sc.pp.log1p``, 2 for scran and scater; by default what the values, or
        else ``uns["log1p"]``, say.
    tolerance
        Largest accepted distance from a whole number, in counts.

    Returns
    -------
    New data set, shape ``(n_cells, n_genes)``, with

    ``X`` and ``layers["counts"]``
        Counts, CSR float32 (float64 when counts exceed 2**24).
    ``uns["scgarage"]``
        ``value_kind`` "counts" and ``recovered``: the base and the largest deviation from a whole number.

    The record of the logarithm in ``uns["log1p"]`` is left out; everything else is copied.

    Raises
    ------
    InputError
        If the values are counts already, hold negative values, or are no log-normalised counts.

    Warns
    -----
    UserWarning
        If the input is rounded so that large counts are known only approximately.

    Examples
    --------
    >>> import anndata, numpy as np, scanpy as sc
    >>> adata = anndata.AnnData(np.array([[1.0, 4.0, 0.0], [2.0, 1.0, 7.0]]))
    >>> sc.pp.normalize_total(adata, target_sum=1e4)
    >>> sc.pp.log1p(adata)
    >>> recover_counts(adata).X.toarray().astype(int).tolist()
    [[1, 4, 0], [2, 1, 7]]
    """
    source = _source(adata, layer=layer, use_raw=use_raw)
    layer = None if use_raw else layer
    X = expression_matrix(source, layer)
    values = recognise(source, X, layer)
    kind, base = values.kind, base or values.base or math.e
    if kind in ("counts", "scaled"):
        hint = find_alternative(adata, ["log-normalised", "counts"], layer=layer) if kind == "scaled" else None
        reason = "they are counts already" if kind == "counts" else "expected: log-normalised values"
        msg = f"no counts can be recovered ({values.sentence}): {reason}{f'; {hint}' if hint else ''}"
        raise InputError(msg)
    found = counts_from_log_normalised(X, base=base, tolerance=tolerance, cell_names=list(source.obs_names))
    _warn_if_uncertain(found)
    return _with_counts(source, found, base)


def _source(adata: AnnData, *, layer: str | None, use_raw: bool) -> AnnData:
    """Return the data set whose ``X`` or layer is to be used."""
    if not use_raw:
        return adata
    if adata.raw is None:
        msg = "adata.raw is empty; leave use_raw out"
        raise InputError(msg)
    if layer is not None:
        msg = f"both use_raw=True and layer={layer!r} are given; adata.raw has no layers: pass one of the two"
        raise InputError(msg)
    return adata.raw.to_adata()


def _warn_if_uncertain(found: RecoveredCounts) -> None:
    if found.n_uncertain:
        msg = (
            f"{found.n_uncertain:,} counts, the smallest of them {found.first_uncertain:,}, may be off by "
            "one or more, because the values are rounded"
        )
        warnings.warn(msg, UserWarning, stacklevel=3)


def _with_counts(source: AnnData, found: RecoveredCounts, base: float) -> AnnData:
    """Copy a data set with other values."""
    counts = compact(found.counts)
    recovered = source.copy()
    recovered.X = sp.csr_matrix(counts)
    recovered.layers[COUNTS_LAYER] = recovered.X.copy()
    recovered.uns.pop("log1p", None)
    record = recovered.uns.get(UNS_KEY)
    recovered.uns[UNS_KEY] = {
        **(record if isinstance(record, Mapping) else {}),
        "value_kind": "counts",
        "recovered": {"base": float(base), "max_deviation": found.max_deviation},
    }
    return recovered


@dataclass(frozen=True)
class _How:
    """What a user says about the values."""

    rounding: Rounding | None
    log_base: float | None
    target_sum: float | None
    random_state: int


def prepare(
    adata: AnnData,
    *,
    labels_key: str | None = None,
    layer: str | None = None,
    rounding: Rounding | None = None,
    log_base: float | None = None,
    target_sum: float | None = None,
    features: Features = "genes",
    min_counts: int = 0,
    min_genes: int = 0,
    random_state: int = 0,
) -> AnnData:
    r"""Make a data set fit for use: put right what has one right way, and say what was done.

    - Values: counts if there are any. Where ``X`` holds something else, they are taken from a layer or ``raw``, or
      recovered from log-normalised or normalised values; where no counts can be recovered, logarithms of another base
      or target sum become log1p CP10k. Counts with rounding noise are rounded.
    - Names of cells and genes that occur more than once are numbered.
    - Features that are no genes (antibodies, guides, hashtags, spike-ins) are left out.
    - Cells without a label are dropped (missing, empty, ``"NA"``, ``"nan"``, ``"None"``, ``"N/A"``, ``"<NA>"``, or the
      reserved ``"unsure"``), and cells
      without expression.

    What has no one right way is refused as everywhere: NaN, values that are neither counts nor logarithms.

    Parameters
    ----------
    adata
        Data set in memory, shape ``(n_cells, n_genes)``. Not changed.
    labels_key
        Column of ``obs`` with the cell types; ``None`` looks at no labels.
    layer
        Layer to take the values from, instead of those found.
    rounding
        Make counts of fractional ones: ``"nearest"``, or ``"stochastic"``, which is up with the probability that the
        fraction says, so that sums stay what they are on average. Fractional counts are refused without.
    log_base, target_sum
        Base of the logarithm and total of a cell before it, where the values do not show them.
    features
        ``"genes"`` leaves out antibodies, guides, hashtags and spike-ins; ``"all"`` keeps them.
    min_counts, min_genes
        Cells with fewer counts, or fewer genes, are dropped, such as the empty droplets of an unfiltered matrix.
    random_state
        Seed of stochastic rounding.

    Returns
    -------
    New data set with the values in ``X`` and, in ``uns["scgarage"]["prepared"]``, one sentence for each thing that was
    done; everything else is copied.

    Raises
    ------
    InputError
        If the column or the layer is missing, nothing is left, or the values cannot be used.

    Warns
    -----
    UserWarning
        If the matrix looks unfiltered, with the knee of its barcode ranks.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> obs = pd.DataFrame({"cell_type": ["T", None, "B", "B"]}, index=["c1", "c2", "c3", "c4"])
    >>> found = anndata.AnnData(np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 5.0], [0.0, 0.0]]), obs=obs)
    >>> cells = prepare(found, labels_key="cell_type")
    >>> print(*cells.uns["scgarage"]["prepared"], sep="\n")
    1 of 4 cells have no label in 'cell_type' and were dropped (first: 'c2')
    1 of 3 cells have no expression and were dropped (first: 'c4')
    """
    _check_how(rounding, log_base, target_sum)
    how = _How(rounding, log_base, target_sum, random_state)
    done: list[str] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(Variable|Observation) names are not unique")  # mended here
        cells = _with_values(adata, layer, how, done)
    _number_names(cells, done)
    if features == "genes":
        cells, left_out = genes_only(cells)
        done += [] if left_out is None else [left_out]
    if labels_key is not None:
        cells = _labelled(cells, labels_key, done)
    cells = _without_small(cells, min_counts, min_genes, done)
    silent = row_sums(expression_matrix(cells)) == 0
    cells = _without(cells, silent, "have no expression", done)
    kind = validate_expression(cells, warn_silent_genes=False)
    if kind == "counts":
        knee = find_knee(row_sums(expression_matrix(cells)))
        if knee is not None:
            warnings.warn(knee.sentence, UserWarning, stacklevel=2)
        cells.uns.pop("log1p", None)  # speaks of the values that were there before
    if labels_key is not None:
        validate_labels(cells, labels_key, min_cells_per_type=1)
    record = cells.uns.get(UNS_KEY)
    known: dict[str, Any] = dict(record) if isinstance(record, Mapping) else {}
    cells.uns[UNS_KEY] = {**known, "value_kind": kind, "prepared": done}
    return cells


def _check_how(rounding: str | None, log_base: float | None, target_sum: float | None) -> None:
    if rounding not in (None, "nearest", "stochastic"):
        msg = f"rounding is {rounding!r}; expected 'nearest' or 'stochastic', or None"
        raise InputError(msg)
    if log_base is not None and not log_base > 1:
        msg = f"log_base is {log_base!r}; a number above 1 is expected, such as math.e, 2 or 10"
        raise InputError(msg)
    if target_sum is not None and not target_sum > 0:
        msg = f"target_sum is {target_sum!r}; a number above 0 is expected, such as 1e4 or 1e6"
        raise InputError(msg)


_OWN_NAMES = ("counts", "raw_counts", "raw", "umi", "umis")
_NOT_EXPRESSION = ("unspliced", "ambiguous")


def _with_values(adata: AnnData, layer: str | None, how: _How, done: list[str]) -> AnnData:
    """Copy the data set with the best values that it has in ``X``."""
    if layer is not None:
        cells = adata.copy()
        cells.X = compact(expression_matrix(adata, layer)).copy()
        done.append(f"the values were taken from layer '{layer}'")
        return _usable(cells, recognise_values(cells.X), how, done)
    places = _places(adata)
    found = {name: values for name, (_, values) in places.items()}
    fractional = [name for name, values in found.items() if values.what == "fractional"]
    name = _best_place(found, how)
    if name is None:
        return adata.copy()  # refused in the end
    cells = adata.copy()
    if name != "adata.X":
        cells = _taken_from(adata, name, places[name][0], found[name], done)
    cells = _usable(cells, found[name], how, done)
    if how.rounding is None and found[name].kind == "log-normalised" and fractional and fractional[0] != name:
        done.append(
            f"{fractional[0]} holds fractional counts and was not used; --round (rounding=) takes and rounds them"
        )
    return cells


def _places(adata: AnnData) -> "dict[str, tuple[Any, Values]]":
    """Return all matrices of a data set that can be read, with what they hold; ``X`` first."""
    matrices = [] if adata.X is None else [("adata.X", adata.X)]
    others = [(name, X) for name, X, _ in other_matrices(adata, None)]
    skipped = [f'adata.layers["{name}"]' for name in _NOT_EXPRESSION]
    own = [f'adata.layers["{name}"]' for name in _OWN_NAMES]
    others = sorted((item for item in others if item[0] not in skipped), key=lambda item: item[0] not in own)
    places = {}
    for name, X in matrices + others:
        try:
            matrix = as_matrix(X, what=name)
            values = recognise(adata, matrix, None) if name == "adata.X" else recognise_values(matrix)
        except InputError:
            if name == "adata.X":
                raise
            continue
        places[name] = (matrix, values)
    return places


def _best_place(found: "dict[str, Values]", how: _How) -> str | None:
    """Return the matrix that counts, or else logarithms, are taken from."""
    wanted = ["counts", "noisy", "logarithms", "linear"]
    if how.rounding is not None:
        wanted[2:2] = ["fractional"]
    if how.log_base is not None:
        wanted.insert(0, "told")
    for what in wanted:
        for name, values in found.items():
            told = what == "told" and name == "adata.X" and values.kind in ("log-normalised", "unknown")
            if values.what == what or told:
                return name
    return "adata.X" if how.rounding is not None and "adata.X" in found else None


def _taken_from(adata: AnnData, name: str, X: Any, values: Values, done: list[str]) -> AnnData:
    """Copy a data set with another of its matrices in ``X``, and say what is left out."""
    noun = {"counts": "counts", "noisy": "counts", "fractional": "fractional counts", "linear": "normalised values"}
    described = "nothing" if adata.X is None else describe_values(adata.X)
    cells = adata.raw.to_adata() if name == "adata.raw" else adata.copy()
    cells.X = compact(X).copy()
    left = [] if adata.X is None else ["X"]
    if name == "adata.raw":
        left += [f"layer '{key}'" for key in adata.layers] + [f"varm '{key}'" for key in adata.varm]
    lost = f"; left out: {', '.join(left)}" if left else ""
    done.append(f"{noun.get(values.what, 'log-normalised values')} were taken from {name}; in X: {described}{lost}")
    return cells


def _usable(cells: AnnData, values: Values, how: _How, done: list[str]) -> AnnData:
    """Make counts of what ``X`` holds, or log1p CP10k."""
    if values.what == "noisy" or (how.rounding is not None and values.what in ("fractional", "unclear")):
        return _rounded(cells, values, how, done)
    told = how.log_base is not None and values.what in ("unclear", "shares", "fractional")
    if told and how.log_base is not None:
        if stored_values(as_matrix(cells.X)).max(initial=0) * math.log(how.log_base) > _MAX_EXPONENT:
            msg = f"log_base is {how.log_base:g}, but the values are too large for that ({values.sentence})"
            raise InputError(msg)
        record = cells.uns.get(UNS_KEY)
        known = dict(record) if isinstance(record, Mapping) else {}
        cells.uns[UNS_KEY] = {**known, "value_kind": "log-normalised"}  # told, where the values leave it open
    if values.what == "logarithms" or told:
        return _from_logarithms(cells, values, how, done)
    if values.what == "linear":
        return _from_linear(cells, values, how, done)
    return cells


def _rounded(cells: AnnData, values: Values, how: _How, done: list[str]) -> AnnData:
    """Round counts; zeros stay zeros, so sparse values stay sparse."""
    X = as_matrix(cells.X)
    X = X.copy()
    stored = stored_values(X)
    exact = stored.astype(np.float64)
    if values.what == "noisy" or how.rounding == "nearest":
        stored[:] = np.rint(exact)
        way = "the nearest whole number"
    else:
        rng = np.random.default_rng(how.random_state)
        stored[:] = np.floor(exact + rng.random(exact.size))
        way = f"a whole number, up with the probability that the fraction says (seed {how.random_state})"
    noun = "counts with rounding noise" if values.what == "noisy" else "fractional counts"
    done.append(f"{noun} were rounded to {way}: {exact.sum():,.1f} counts before, {stored.sum(dtype=float):,.0f} after")
    cells.X = compact(X)
    return cells


def _from_logarithms(cells: AnnData, values: Values, how: _How, done: list[str]) -> AnnData:
    """Recover counts, or turn the values into log1p CP10k where base and target sum are known."""
    base, target = how.log_base or values.base, how.target_sum or values.target_sum
    if values.known and None not in (how.log_base, values.base) and not math.isclose(base or 0, values.base or 0):
        msg = f"log_base is {how.log_base:g}, but adata.X holds {name_of_logarithm(values.base, values.target_sum)}"
        raise InputError(msg)
    name = name_of_logarithm(base, target)
    try:
        counts = recover_counts(cells, base=base or math.e)
    except InputError:
        return _as_log1p_cp10k(cells, base, target, done)
    done.append(f"the counts were recovered from the log-normalised values ({name}){_replaced(cells)}")
    return counts


def _replaced(cells: AnnData) -> str:
    return f"; layers['{COUNTS_LAYER}'] held others and was replaced" if COUNTS_LAYER in cells.layers else ""


def _as_log1p_cp10k(cells: AnnData, base: float | None, target: float | None, done: list[str]) -> AnnData:
    start = "the values stay log-normalised: no counts can be recovered from them"
    name = name_of_logarithm(base, target)
    natural = base is None or math.isclose(base, math.e)
    if target is None and natural:
        done.append(
            f"{start}; {name}, taken as natural ones; if not so: --log-base, --target-sum (log_base=, target_sum=)"
        )
        return cells
    if target is not None and natural and abs(target / TARGET_SUM - 1) < _SAME_TARGET:
        done.append(f"{start} ({name})")
        return cells
    X = as_matrix(cells.X).copy()
    X = X.astype(np.float64)
    stored = stored_values(X)
    undone = np.expm1(stored * math.log(base or math.e))
    stored[:] = np.log1p(undone * (TARGET_SUM / target if target else 1.0))
    made = "log1p CP10k" if target else "natural logarithms"
    done.append(f"{start}; {name}, were turned into {made}")
    cells.X = compact(X)
    cells.uns.pop("log1p", None)
    return cells


def _from_linear(cells: AnnData, values: Values, how: _How, done: list[str]) -> AnnData:
    """Recover counts from normalised values that were not log-transformed, or make log1p CP10k of them."""
    target = how.target_sum or values.target_sum
    X = as_matrix(cells.X).astype(np.float64)
    scale = (TARGET_SUM if target is None else target) / TARGET_SUM
    logs: Any = X.copy()
    stored = stored_values(logs)
    stored[:] = np.log1p(stored / scale)
    made = cells.copy()
    made.X = logs
    try:
        counts = recover_counts(made, base=math.e)
    except InputError:
        if target is None:
            return cells  # refused in the end
        made.X = compact(logs)
        made.uns.pop("log1p", None)
        done.append(
            f"the values were normalised to {target:,.6g} per cell and not log-transformed: log1p CP10k were made"
        )
        return made
    done.append(f"the counts were recovered from normalised values that were not log-transformed{_replaced(cells)}")
    return counts


def _number_names(cells: AnnData, done: list[str]) -> None:
    """Make names unique, in place."""
    for noun, names, number in (
        ("cell", cells.obs_names, cells.obs_names_make_unique),
        ("gene", cells.var_names, cells.var_names_make_unique),
    ):
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            number()
            done.append(f"repeated {noun} names were numbered: {examples(repeated)}")


def _labelled(cells: AnnData, labels_key: str, done: list[str]) -> AnnData:
    """Turn labels into text and drop the cells without."""
    if labels_key not in cells.obs:
        validate_labels(cells, labels_key)  # says which columns there are
    labels = as_text_labels(cells.obs[labels_key])
    missing = missing_labels(labels) | (labels == UNSURE).to_numpy(dtype=bool)
    texts = sorted(set(labels[missing].dropna().astype(str)) - {""})
    written = f" (written as {', '.join(map(repr, texts))})" if texts else ""
    cells.obs[labels_key] = labels
    left = _without(cells, missing, f"have no label in '{labels_key}'{written}", done)
    if hasattr(left.obs[labels_key], "cat"):
        left.obs[labels_key] = left.obs[labels_key].cat.remove_unused_categories()
    return left


def _without_small(cells: AnnData, min_counts: int, min_genes: int, done: list[str]) -> AnnData:
    """Drop cells with few counts or few genes."""
    if min_counts < 0 or min_genes < 0:
        msg = f"min_counts is {min_counts} and min_genes {min_genes}; numbers of at least 0 are expected"
        raise InputError(msg)
    if min_counts > 0:
        values = recognise(cells, expression_matrix(cells), None)
        if values.kind != "counts":
            msg = f"min_counts needs counts, and these are none ({values.sentence}); leave it out, or use min_genes"
            raise InputError(msg)
        few = row_sums(expression_matrix(cells)) < min_counts
        cells = _without(cells, few, f"have fewer than {min_counts:,} counts", done)
    if min_genes > 0:
        n_genes = row_sums(sp.csr_matrix(expression_matrix(cells)).astype(bool))
        cells = _without(cells, n_genes < min_genes, f"have fewer than {min_genes:,} genes", done)
    return cells


def _without(cells: AnnData, dropped: "np.ndarray[Any, np.dtype[np.bool_]]", why: str, done: list[str]) -> AnnData:
    """Drop cells, unless that were all."""
    if not dropped.any():
        return cells
    first = cells.obs_names[np.flatnonzero(dropped)[0]]
    found = f"{int(dropped.sum()):,} of {cells.n_obs:,} cells {why}"
    if dropped.all():
        msg = f"{found}: nothing would be left"
        raise InputError(msg)
    done.append(f"{found} and were dropped (first: '{first}')")
    return cells[~dropped].copy()
