"""Parts of a report that other experiments fill: privacy, use for finding rare cells, structure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.io.result import as_sentence, records
from scgarage.report.tables import NOTHING, Light, decimals_for, number, with_sd
from scgarage.schema import AUDIT_CHECKS, AUDIT_GROUPS


class Recorded(Protocol):
    """A result that can be turned into plain values, such as an audit or an experiment with rare cells."""

    def record(self) -> dict[str, Any]:
        """Return everything as plain values."""


Given: TypeAlias = Recorded | Mapping[str, Any]
"""A result, or what its method ``record``, or ``save`` with a name in ``.json``, made of it."""

LEVELS = {"pass": Light("green", "pass"), "weak": Light("amber", "weak"), "fail": Light("red", "fail")}
PASSED = {"yes": Light("green", "passes"), "no": Light("red", "fails")}
CANNOT_SAY = Light("grey", "cannot say")

SELECTIONS = {"cv2": "CV²", "fano": "Fano factor", "pca_loading": "PCA loadings"}

STRUCTURE_COLUMNS = (
    "selection", "n_genes", "metric", "value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score",
    "chosen_by", "n_repeats", "n_cells", "note",
)  # fmt: skip
"""What the table of a comparison of clusters must have."""

STRUCTURE_TITLES = {
    "ari": "Adjusted Rand index",
    "nmi": "Normalised mutual information",
    "macro_f1": "Macro-F1",
    "silhouette": "Silhouette",
    "n_clusters": "Clusters",
}


@dataclass(frozen=True)
class Part:
    """A section: headline with its light, a table, the rest of the table behind a click, and sentences."""

    headline: str
    light: Light | None
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    sentences: list[str]
    caption: str = ""
    more: tuple[tuple[Any, ...], ...] = ()
    more_title: str = ""


def privacy_part(audit: Given) -> Part:
    """Lay out an audit: every check of all cells and every failed one, the others behind a click."""
    record = _record(audit, {"verdict", "sentences", "table"}, "audit", "sg.audit(synthetic, split)")
    if record["verdict"] not in LEVELS:
        msg = f"the audit's verdict is {record['verdict']!r}; expected one of: {', '.join(LEVELS)}"
        raise InputError(msg)
    headline, *others = [str(sentence) for sentence in record["sentences"]]
    # The table says the numbers; the sentences that repeat them are left out.
    sentences = [text for text in others if not text.startswith(tuple(AUDIT_CHECKS.values()))]
    table = pd.DataFrame(record["table"])
    words = {True: "yes", False: "no", None: "cannot say"}
    passed = [str(words.get(value, value)) for value in table["passed"].tolist()]
    rows = [(row, word) for row, word in zip(records(table), passed, strict=True)]
    shown = [_check(row, word) for row, word in rows if row["group"] == "all" or word == "no"]
    rest = [_check(row, word) for row, word in rows if row["group"] != "all" and word != "no"]
    return Part(
        headline, LEVELS[record["verdict"]],
        ("Check", "Cells", "Number", "Result", "95 % interval", "Fresh cells", "Limit", "Outcome"),
        shown, sentences,
        caption="A check fails when the whole interval lies beyond the limit, and passes when it excludes anything "
        "clearly worse; else nothing can be said. The limits are conventions, set before any model was measured.",
        more=tuple(rest), more_title=f"{len(rest)} checks of rare types, seed cells and donors",
    )  # fmt: skip


def utility_part(utility: Given) -> Part:
    """Lay out whether synthetic cells helped classifiers to find rare cells."""
    record = _record(utility, {"best_pipeline", "sentences"}, "utility", "rare_utility(...)")
    sentences = [str(text) for text in record["sentences"]]
    # The pipeline to beat often is the best one: then both rows say the same.
    rows = list(dict.fromkeys(_rivals(row) for row in records(pd.DataFrame(record["best_pipeline"]))))
    return Part(
        sentences[0], None,
        ("Setting", "Best without synthetic cells", "AUPRC", "Best with them", "AUPRC", "Difference", "95 % interval"),
        rows, sentences[1:],
        caption="Area under the precision-recall curve for rare cells among new real ones; differences are paired over "
        "splits. An interval that holds 0 shows nothing.",
    )  # fmt: skip


def structure_part(table: pd.DataFrame) -> Part:
    """Lay out how well clusters find the types."""
    missing = [column for column in STRUCTURE_COLUMNS if column not in table]
    if missing or table.empty:
        msg = f"structure lacks {', '.join(missing) or 'rows'}; pass what sg.judge.compare_clusters returns"
        raise InputError(msg)
    rows = [_structure_row(row) for row in records(table)]
    notes = list(dict.fromkeys(str(note) for note in table["note"] if isinstance(note, str) and note))
    first = table.iloc[0]
    return Part(
        "Clusters of the synthetic cells beside those of as many held-out real cells.", None,
        ("Genes", "Measure", "Synthetic", "Floor, real cells", "Null, independent genes", "Score"),
        rows, [as_sentence(note) for note in notes],
        caption=f"Leiden clusters against types, {first['n_cells']:,} cells, {first['n_repeats']} repeats, resolution "
        f"chosen by {first['chosen_by']}. The floor is the target: cells whose types are further apart than real ones "
        "are as wrong as cells whose types blur.",
    )  # fmt: skip


def _record(given: Given, needed: set[str], what: str, made_by: str) -> Mapping[str, Any]:
    """Return plain values after checking that they are what was asked for."""
    record = given if isinstance(given, Mapping) else given.record()
    if not needed <= set(record):
        msg = f"{what} holds {', '.join(map(str, record)) or 'nothing'}; pass what {made_by} returns"
        raise InputError(msg)
    return record


def _check(row: Mapping[str, Any], passed: str) -> tuple[Any, ...]:
    check, value = str(row["check"]), _float(row["value"])
    whole = check == "exact_copies"
    low, high = _float(row["low"]), _float(row["high"])
    interval = NOTHING if whole or not np.isfinite(low) else f"{low:.3f} to {high:.3f}"
    return (
        AUDIT_CHECKS.get(check, check),
        AUDIT_GROUPS.get(str(row["group"]), str(row["group"])),
        f"{int(row['n_cells']):,}",
        number(value, 0 if whole else 3),
        interval,
        number(_float(row["floor"]), 0 if whole else 3),
        f"{float(row['threshold']):g}",
        PASSED.get(passed, CANNOT_SAY),
    )


def _rivals(row: Mapping[str, Any]) -> tuple[Any, ...]:
    without = f"{row['comparator']}, {row['comparator_pipeline']}"
    left = (row["setting"], without, number(_float(row["comparator_value"]), 3))
    if _missing(row.get("synthetic")):
        return (*left, "none took part", NOTHING, NOTHING, NOTHING)
    low, high = _float(row.get("low")), _float(row.get("high"))
    interval = f"{low:+.3f} to {high:+.3f}" if np.isfinite(low) else "too few splits"
    difference = f"{_float(row['difference']):+.3f}"
    theirs = f"{row['synthetic']}, {row['pipeline']}"
    return (*left, theirs, number(_float(row["value"]), 3), _minus(difference), _minus(interval))


def _structure_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    decimals = decimals_for([row["value"], row["floor"], row["null"]])
    numbers = [with_sd(row[role], row[f"{role}_sd"], decimals) for role in ("value", "floor", "null")]
    title = STRUCTURE_TITLES.get(row["metric"], str(row["metric"]))
    genes = f"{row['n_genes']:,} by {SELECTIONS.get(row['selection'], row['selection'])}"
    return (genes, title, *numbers, number(row["score"], 2))


def _float(value: object) -> float:
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _minus(text: str) -> str:
    return text.replace("-", "−")


def plain_rows(rows: Sequence[tuple[Any, ...]]) -> list[list[tuple[str, Light | None]]]:
    """Return the fields of rows as text and light."""
    return [[(field.word, field) if isinstance(field, Light) else (str(field), None) for field in row] for row in rows]
