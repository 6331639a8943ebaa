"""What the numbers say in plain words, with the limits from which on they say it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from scgarage.io.result import as_sentence, records
from scgarage.judge.evaluation.cells import RARE_SHARE, THEORY
from scgarage.judge.evaluation.table import FEW_CELLS, NO_COUNTS, TOO_FEW_MATCHED

CLOSE, WITH_CARE, POOR = 0, 1, 2

TOLD_CLOSE, TOLD_POOR = 0.3, 0.8
"""Share of the way from the floor's AUROC to 1. With a floor of 0.5: 0.65 and 0.90. Best 0.53-0.63,
undertrained 0.84 and more, collapsed 1.00."""

TOLD_CLOSE_GENES = 0.45
"""The same on single genes, 0.73 with a floor of 0.5. Best 0.57-0.71; usable generators reach 1.00, so this
alone is never poor."""

DISTANCE_CLOSE, DISTANCE_POOR = 1.3, 3.0
"""Sliced Wasserstein distance as a multiple of the floor. Best 0.9-1.3, undertrained 2.2-2.9, collapsed
10-14."""

COVERAGE_CLOSE, COVERAGE_POOR = 0.85, 0.5
"""Coverage as a share of the floor. Best 0.85-0.95, undertrained about 0.4, collapsed 0.04."""

COPIES_POOR = 0.5
"""Memorisation score, halfway to a generator that draws training cells again. SMOTE has 0.95; independent
negative binomial genes about 0 when fitted to 1,300 cells, 0.5 when fitted to 150."""

SURE = 2.0
"""A difference to the floor counts when it is larger than as many standard deviations."""

COPIES_SURE = 3.0
"""The same for memorisation, where splits differ more (standard deviation 0.05) than the repeats of one split
(0.04), and where the claim is a grave one."""

NOISE_POOR = 0.8
"""Mean score of forests and distance. Independent genes 0.9-1.0; negative binomial ones 0.5-0.7."""

Row: TypeAlias = Mapping[str, Any]
"""One row of the table."""


@dataclass(frozen=True)
class Finding:
    """What one number says."""

    level: int  # CLOSE, WITH_CARE or POOR
    sentence: str  # the number beside its floor, in words
    reason: str = ""  # what the headline says when the level is not CLOSE


def told_apart(row: Row, *, on_genes: bool = False) -> Finding:
    """Say how well a random forest tells synthetic from held-out cells."""
    value, floor = row["value"], row["floor"]
    way = (value - floor) / max(1 - floor, 0.01)
    on = "single genes" if on_genes else "principal components"
    sentence = (
        f"On {on}, a random forest tells the cells from held-out real ones with an AUROC of {value:.2f}, "
        f"and real training cells with {floor:.2f} (0.50 is chance)."
    )
    reason = f"a random forest on {on} recognises them (AUROC {value:.2f})"
    if way <= (TOLD_CLOSE_GENES if on_genes else TOLD_CLOSE) or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    return Finding(POOR if way >= TOLD_POOR and not on_genes else WITH_CARE, sentence, reason)


def distance(row: Row) -> Finding:
    """Say how many times further than real training cells the synthetic ones are from held-out cells."""
    ratio = row["value"] / max(row["floor"], np.finfo(float).tiny)
    sentence = f"The distance to held-out cells (sliced Wasserstein) is {ratio:.1f} times the floor."
    reason = f"{ratio:.1f} times as far from held-out cells as real cells are"
    if ratio <= DISTANCE_CLOSE or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    return Finding(POOR if ratio >= DISTANCE_POOR else WITH_CARE, sentence, reason)


def beside_noise(scores: Sequence[float]) -> Finding:
    """Say where between real cells and independent genes forests and distance put the cells."""
    score = float(np.mean(scores))
    sentence = (
        "From 0 (real cells) to 1 (genes drawn independently of each other, given the type), forests and "
        f"distance together put the cells at {score:.2f}."
    )
    return Finding(POOR if score >= NOISE_POOR else CLOSE, sentence, "hardly better than genes drawn independently")


def covered(row: Row, *, rare: bool = False) -> Finding:
    """Say which share of held-out cells (or of those of rare types) has a synthetic cell nearby."""
    value, floor = row["value"], row["floor"]
    cells = "held-out cells of rare types" if rare else "held-out cells"
    sentence = (
        f"{value:.0%} of the {cells} have a synthetic cell in their neighbourhood; "
        f"{floor:.0%} have a real training cell there."
    )
    reason = f"they cover {value:.0%} of the {cells} (real cells: {floor:.0%})"
    if value >= COVERAGE_CLOSE * floor or not _beyond_noise(row):
        return Finding(CLOSE, sentence)
    # A handful of rare held-out cells can raise a concern and not condemn the whole.
    return Finding(POOR if value < COVERAGE_POOR * floor and not rare else WITH_CARE, sentence, reason)


def copying(row: Row, *, collapsed: bool) -> Finding:
    """Say whether synthetic cells lie nearer to training than to held-out cells."""
    value, floor = row["value"], row["floor"]
    # The samples of the repeats overlap, so their spread is not divided by the number of repeats.
    noise = max(float(np.nan_to_num(row["value_sd"])), 0.5 / np.sqrt(row["n_cells"]))
    low, high = max(value - SURE * noise, 0.0), min(value + SURE * noise, 1.0)
    fresh = "" if THEORY in str(row.get("note")) else f", of fresh real cells {floor:.0%}"
    measured = (
        f"{value:.0%} of the cells ({low:.0%} to {high:.0%}) lie nearer to training than to held-out cells"
        f"{fresh} (50% without copying)"
    )
    clear = COPIES_SURE * float(np.hypot(noise, np.nan_to_num(row["floor_sd"])))
    level = POOR if row["score"] >= COPIES_POOR else WITH_CARE
    if value < min(floor, 0.5) - clear:
        reason = f"{1 - value:.0%} lie nearer to held-out than to training cells, as if made from them"
        return Finding(level, f"{measured}: the model may have seen the held-out cells.", reason)
    if value <= max(floor, 0.5) + clear:
        if low > 0.5:
            return Finding(CLOSE, f"{measured}: more than half, but no more than splits differ by; run the audit.")
        return Finding(CLOSE, f"{measured}: no clear sign of copying.")
    reason = f"{value:.0%} lie nearer to training than to held-out cells (50% without copying)"
    if collapsed:
        doubt = "with so little covered this may only say which real cells happen to lie near them"
        return Finding(WITH_CARE, f"{measured}: a sign of copying, but {doubt}.", reason)
    return Finding(level, f"{measured}: a sign of copying or overfitting.", reason)


def _beyond_noise(row: Row) -> bool:
    """Whether value and floor differ by more than their spread over repeats explains."""
    noise = np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]]))
    return bool(abs(row["value"] - row["floor"]) > SURE * noise)


TypeCounts = Mapping[str, Mapping[str, int]]

EXPECTED = 3.0
"""A type with fewer cells to expect can be missing by chance (5 % when three are expected)."""

SHIFT = 1.5
"""A type is over- or under-represented when its share differs by this factor, and by more than chance."""

TV_CLOSE = 0.1
"""Total variation above the floor: one cell in ten. The best generators stay below 0.03."""

NAMED = 5
"""Types that a sentence names at most."""


def missing(type_counts: TypeCounts) -> Finding:
    """Say which real types have no synthetic cell."""
    counts = _shares(type_counts)
    absent = counts[(counts["synthetic"] == 0) & (counts["real"] > 0)]
    expected = absent["real_share"] * counts["synthetic"].sum()
    lost, perhaps = absent[expected >= EXPECTED], absent[expected < EXPECTED]
    if absent.empty:
        return Finding(CLOSE, "Every real type has synthetic cells.")
    sentences = []
    if len(lost):
        sentences.append(f"No synthetic cell of {named(lost.index)}.")
    if len(perhaps):
        sentences.append(
            f"No synthetic cell of {named(perhaps.index)}, of which fewer than {EXPECTED:.0f} were to be "
            "expected in a sample of this size: that may be chance."
        )
    if lost.empty:
        return Finding(CLOSE, " ".join(sentences))
    level = POOR if (lost["real_share"] >= RARE_SHARE).any() else WITH_CARE
    return Finding(level, " ".join(sentences), f"no cells of {named(lost.index)}")


def scarcely_covered(rows: Mapping[str, Row]) -> list[Finding]:
    """Name the rare types of whose held-out cells clearly fewer are covered than by real training cells."""
    low = [
        f"{name} ({row['value']:.0%}, real cells {row['floor']:.0%})"
        for name, row in rows.items()
        if _covered_type(row).level > CLOSE
    ]
    if not low:
        return []
    return [Finding(WITH_CARE, f"Scarcely covered: {named(low)}.", f"scarcely covered: {named(low)}")]


def proportions(row: Row, type_counts: TypeCounts | None) -> Finding:
    """Say how far type proportions are from the real ones, and in which types."""
    value, floor = row["value"], row["floor"]
    sentence = (
        f"{value:.0%} of the cells would need another type for the proportions of the held-out cells; of "
        f"as many real training cells {floor:.0%} would."
    )
    shifted = "" if type_counts is None else _shifted(_shares(type_counts))
    noise = np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]]))
    if value - floor <= TV_CLOSE or value - floor <= SURE * noise:
        return Finding(CLOSE, f"{sentence}{shifted}")
    advice = (
        " If other proportions were asked for on purpose, judge a sample with the real ones: distance, "
        "coverage and the forests count the difference."
    )
    return Finding(WITH_CARE, f"{sentence}{shifted}{advice}", "type proportions differ from the real ones")


def _shares(type_counts: TypeCounts) -> pd.DataFrame:
    """Return one row for each type, most frequent first, with counts and shares of both kinds of cells."""
    counts = pd.DataFrame({name: pd.Series(type_counts[name], dtype=float) for name in ("real", "synthetic")})
    counts = counts.fillna(0.0).sort_values("real", ascending=False)
    for name in ("real", "synthetic"):
        counts[f"{name}_share"] = counts[name] / max(counts[name].sum(), 1.0)
    return counts


def _shifted(counts: pd.DataFrame) -> str:
    """Name the types whose share is clearly too large or too small; missing ones have their own sentence."""
    real, synthetic = counts["real_share"], counts["synthetic_share"]
    pooled = (counts["real"] + counts["synthetic"]) / (counts["real"].sum() + counts["synthetic"].sum())
    variance = pooled * (1 - pooled) * (1 / counts["real"].sum() + 1 / counts["synthetic"].sum())
    # Three standard errors: about as many types as data sets have are tested at once.
    clear = (synthetic - real).abs() > 3 * np.sqrt(variance)
    words = ""
    for adverb, chosen in (
        ("over", clear & (synthetic > SHIFT * real)),
        ("under", clear & (synthetic < real / SHIFT) & (synthetic > 0)),
    ):
        if chosen.any():
            listed = [
                f"{name} ({row['synthetic_share']:.1%}, not {row['real_share']:.1%})"
                for name, row in counts[chosen].iterrows()
            ]
            words += f" {adverb.capitalize()}-represented: {named(listed)}."
    return words


def named(names: Sequence[object] | pd.Index) -> str:
    """Join names for a sentence, the first :data:`NAMED` and the number of the others."""
    shown = [str(name) for name in names[:NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


Level: TypeAlias = Literal["close", "usable with care", "poor"]
"""How the synthetic cells as a whole compare with real ones."""

LEVELS: dict[int, Level] = {CLOSE: "close", WITH_CARE: "usable with care", POOR: "poor"}

REASONS = 3
"""Reasons that the headline gives at most."""

AGAINST_NOISE = ("c2st_forest", "c2st_forest_genes", "sliced_wasserstein")
"""Metrics whose scores together say whether the cells beat independent genes."""


@dataclass(frozen=True)
class Verdict:
    """An evaluation in words.

    Attributes
    ----------
    headline
        The level and what it rests on.
    sentences
        One for each thing that was, or could not be, judged.
    level
        ``"close"``, ``"usable with care"`` or ``"poor"``: the worst of what was judged.
    """

    headline: str
    sentences: list[str]
    level: Level

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"- {sentence}" for sentence in self.sentences)])


def verdict(table: pd.DataFrame, *, type_counts: TypeCounts | None = None, notes: Sequence[str] = ()) -> Verdict:
    """Put the numbers of an evaluation into words.

    Parameters
    ----------
    table
        Table of an :class:`~scgarage.judge.evaluation.Evaluation`.
    type_counts
        Cells of each type, ``{"real": {type: n}, "synthetic": {type: n}}``; without it no types are named.
    notes
        Further sentences that a reader should see.

    Returns
    -------
    Verdict
        Words that claim no more than the floor supports: a difference to real training cells within the
        noise is not called one.
    """
    found = find(table, type_counts)
    # The verdict names single types together, and all that are missing last.
    findings = [found[key] for key in JUDGES if key in found]
    rows = _measured(table)
    scores = [rows[name, "all"]["score"] for name in AGAINST_NOISE if (name, "all") in rows]
    known = [score for score in scores if pd.notna(score)]
    findings += [beside_noise(known)] if known else []
    findings += scarcely_covered({group: row for (name, group), row in rows.items() if _is_type(name, group)})
    level = max([finding.level for finding in findings], default=WITH_CARE)
    if MISSING in found:
        findings.append(found[MISSING])
        level = max(level, found[MISSING].level)
    sentences = [finding.sentence for finding in findings]
    sentences += _not_judged(table) + [as_sentence(note) for note in notes]
    return Verdict(_headline(level, findings), sentences, LEVELS[level])


JUDGES: dict[tuple[str, str], Callable[[Row], Finding]] = {
    ("c2st_forest", "all"): told_apart,
    ("c2st_forest_genes", "all"): partial(told_apart, on_genes=True),
    ("sliced_wasserstein", "all"): distance,
    ("coverage", "all"): covered,
    ("coverage", "rare"): partial(covered, rare=True),
    ("type_proportion_tv", "all"): partial(proportions, type_counts=None),
    ("memorisation_share", "all"): partial(copying, collapsed=False),
}
"""What the numbers of a metric and group are judged by, in the order of the verdict."""

MISSING = ("missing types", "all")
"""Where :func:`find` puts what it says of types without any synthetic cell: no row of the table is about them."""


def find(table: pd.DataFrame, type_counts: TypeCounts | None) -> dict[tuple[str, str], Finding]:
    """Judge every measured row that limits exist for, by metric and group, and the types that are missing."""
    rows = _measured(table)
    everywhere = rows.get(("coverage", "all"))
    collapsed = everywhere is not None and covered(everywhere).level == POOR
    judges = JUDGES | {
        ("type_proportion_tv", "all"): partial(proportions, type_counts=type_counts),
        ("memorisation_share", "all"): partial(copying, collapsed=collapsed),
    }
    found = {key: judges[key](row) for key, row in rows.items() if key in judges}
    found |= {key: _covered_type(row) for key, row in rows.items() if _is_type(*key)}
    return found if type_counts is None else found | {MISSING: missing(type_counts)}


def _measured(table: pd.DataFrame) -> dict[tuple[str, str], Row]:
    """Return the rows with a value, by metric and group."""
    return {(str(row["metric"]), str(row["group"])): row for row in records(table[table["value"].notna()])}


def _is_type(metric: str, group: str) -> bool:
    return metric == "coverage" and group not in {"all", "rare"}


def _covered_type(row: Row) -> Finding:
    """Judge a single type, which has few cells: only when clearly fewer are covered than by real cells."""
    finding = covered(row, rare=True)
    return finding if row["value"] < COVERAGE_POOR * row["floor"] else Finding(CLOSE, finding.sentence)


def _not_judged(table: pd.DataFrame) -> list[str]:
    """Say what the numbers of cells do not allow; notes in the table say what else has no number."""
    sentences = []
    explained = table["note"].str.startswith((NO_COUNTS, TOO_FEW_MATCHED)).fillna(value=False).astype(bool)
    few = table[table["value"].isna() & ~explained]
    for title, rows in few.groupby("title", sort=False):
        groups = [f"{row['group']} ({row['n_cells']})" for _, row in rows.iterrows()]
        sentences.append(f"{title}: too few held-out cells to say for {named(groups)}.")
    n_compared = table.loc[table["group"] == "all", "n_cells"].max()
    if n_compared < FEW_CELLS:
        sentences.append(f"Only {n_compared} cells were compared per repeat: all numbers are rough.")
    return sentences


def _headline(level: int, findings: list[Finding]) -> str:
    worst = sorted((finding for finding in findings if finding.level > CLOSE), key=lambda f: -f.level)
    if level == CLOSE:
        return "Close to real cells: none of the checks finds more than a small difference."
    if not worst:
        return "Not judged: none of the metrics that the verdict rests on was computed."
    reasons = "; ".join(finding.reason for finding in worst[:REASONS])
    return f"{LEVELS[level].capitalize()}: {reasons}."
