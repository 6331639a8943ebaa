"""Findings, thresholds, the verdict and the object around them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from scgarage.io.result import FileResult, as_sentence
from scgarage.schema import AUDIT_CHECKS, AUDIT_GROUPS

MIN_CELLS = 20
"""Fewest members, and fewest non-members, with which an attack is judged: resampling fewer says too little."""

MIN_NON_MEMBERS = 100
"""Fewest non-members with which a false positive rate of 1 % can be seen at all."""

MIN_DONORS = 5
"""Fewest donors on either side when donors are resampled; an interval from fewer is far too narrow."""

NEAR_QUANTILE = 0.01
"""Share of real cells that would be called near copies of other real cells."""


@dataclass(frozen=True)
class Threshold:
    """Limits of one check."""

    limit: float  # the check fails when the whole interval lies beyond it: a leak that is not noise
    # the check passes when the interval excludes anything worse than this. Between the two nothing can be said
    excluded: float
    worse: Literal["higher", "lower"]  # which way is worse
    reason: str  # why there

    def judge(self, low: float, high: float) -> bool | None:
        """Return ``False`` for a failure, ``True`` for a pass, ``None`` where the interval allows neither."""
        best, worst = (low, high) if self.worse == "higher" else (-high, -low)
        sign = 1 if self.worse == "higher" else -1
        if best > sign * self.limit:
            return False
        return True if worst <= sign * self.excluded else None


_AUROC = Threshold(
    0.55, 0.60, "higher", "0.50 is guessing; 0.55 means that a member outranks a non-member in 55 of 100 pairs"
)
_TPR = Threshold(
    0.03,
    0.10,
    "higher",
    "0.01 is guessing; the attacks that matter name a few cells with near certainty (Carlini et al. 2022)",
)

THRESHOLDS: dict[str, Threshold] = {
    "exact_copies": Threshold(0.0, 0.0, "higher", "no cell may be a training cell"),
    "near_copies": Threshold(
        0.03, 0.05, "higher", "real cells have 0.01 by definition; three times as many is not chance"
    ),
    "distance_ratio": Threshold(
        0.95, 0.90, "lower", "1 for fresh cells; 5 % nearer to the training cells is the same scale as an AUROC of 0.55"
    ),
    "memorisation_share": Threshold(0.55, 0.60, "higher", "0.50 for fresh cells; one in twenty cells too many"),
    "distance_auroc": _AUROC,
    "distance_tpr": _TPR,
    "gan_leaks_auroc": _AUROC,
    "gan_leaks_tpr": _TPR,
    "domias_auroc": _AUROC,
    "domias_tpr": _TPR,
}
"""Threshold of every check; conventions, stated before any generator was measured."""


COLUMNS = ("check", "group", "n_cells", "value", "low", "high", "floor", "threshold", "passed", "note")
"""Columns of the table."""

WIDE = "cannot say: the interval is too wide"


@dataclass(frozen=True)
class Finding:
    """What one check found in one group of cells."""

    check: str  # key of THRESHOLDS
    group: str  # "all", "rare", "seeds" or "donors"
    n_cells: int  # cells (or donors) behind the number: synthetic ones, or members of an attack
    value: float = float("nan")  # result and its 95 % interval; NaN when there is none
    low: float = float("nan")
    high: float = float("nan")
    floor: float = float("nan")  # what fresh real cells have
    obstacle: str = ""  # why the number may not be judged; empty when it may
    note: str = ""  # what else to know about it

    @property
    def passed(self) -> bool | None:
        """``True``, ``False``, or ``None`` where nothing can be said."""
        return None if self.obstacle else THRESHOLDS[self.check].judge(self.low, self.high)

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        wide = WIDE if self.passed is None and not self.obstacle and not np.isnan(self.value) else ""
        words = [self.obstacle and f"cannot say: {self.obstacle}", wide, self.note]
        values: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS if name not in {"threshold", "note"}}
        values |= {"threshold": THRESHOLDS[self.check].limit, "note": "; ".join(word for word in words if word)}
        return {name: values[name] for name in COLUMNS}


Level: TypeAlias = Literal["pass", "fail", "weak"]
"""Outcome: ``"weak"`` when no check fails but not enough could be looked at for a pass."""

NOT_PROVEN = (
    "Neither a pass nor any audit of this kind is a formal guarantee such as differential privacy: it shows that "
    "these attacks do not succeed, not that no attack does.",
    "Other attacks were not tried: by an attacker who knows other cells of the same donor, links genotype to "
    "expression, queries the model many times, or infers attributes rather than membership.",
    "Other releases of the same donors, and more cells from the same model, add up; this audit is about these cells "
    "only.",
    "The model file is not audited and may leak more than the cells: a generator that is fed real seed cells "
    "contains their expression.",
)
"""What no pass proves."""

REASONS = 3
"""Failed checks that the headline names."""


def decide(findings: Sequence[Finding], reasons: Sequence[str]) -> tuple[Level, list[str]]:
    """Return the verdict and why it is no pass."""
    failed = [_title(finding) for finding in findings if finding.passed is False]
    if failed:
        more = [f"and {len(failed) - REASONS} more"] if len(failed) > REASONS else []
        return "fail", failed[:REASONS] + more
    open_ = [AUDIT_CHECKS[finding.check] for finding in findings if finding.group == "all" and finding.passed is None]
    if open_ and not reasons:
        reasons = [f"too few cells to say for: {'; '.join(open_)}"]
    return ("weak", list(reasons)) if reasons else ("pass", [])


def describe(level: Level, why: Sequence[str], findings: Sequence[Finding], notes: Sequence[str]) -> list[str]:
    """Return the sentences of an audit: headline, findings, open questions, notes, and what is not proven."""
    headline = {
        "fail": f"Fail: training cells can be told from others. {'; '.join(why)}.",
        "weak": f"Weak: no check fails, and that says little. {as_sentence('; '.join(why))}",
        "pass": "Pass: none of these checks tells training cells from other real cells by more than the stated limits.",
    }[level]
    shown = [finding for finding in findings if finding.group == "all" or finding.passed is False]
    found = [f"{_number(finding)}." for finding in shown if not np.isnan(finding.value)]
    open_ = sorted(
        {(finding.group, finding.obstacle) for finding in findings if finding.group != "all" and finding.obstacle}
    )
    unsaid = [f"For {AUDIT_GROUPS[group]} some checks cannot say: {obstacle}." for group, obstacle in open_]
    wide = {f.group for f in findings if f.group != "all" and f.passed is None and not f.obstacle}
    unsaid += [f"For {AUDIT_GROUPS[group]} some intervals are too wide to say." for group in sorted(wide)]
    return [headline, *found, *unsaid, *map(as_sentence, notes), *NOT_PROVEN]


def _title(finding: Finding) -> str:
    return AUDIT_CHECKS[finding.check] + ("" if finding.group == "all" else f" ({AUDIT_GROUPS[finding.group]})")


def _number(finding: Finding) -> str:
    failed = " FAILS" if finding.passed is False else ""
    if finding.check == "exact_copies":
        return f"{_title(finding)}: {finding.value:.0f} of {finding.n_cells:,}{failed}"
    threshold = THRESHOLDS[finding.check]
    interval = "" if np.isnan(finding.low) else f" ({finding.low:.3f} to {finding.high:.3f})"
    side = "at most" if threshold.worse == "higher" else "at least"
    limit = "" if np.isnan(finding.low) else f", limit {side} {threshold.limit:g}"
    return f"{_title(finding)}: {finding.value:.3f}{interval}; fresh cells {finding.floor:.3f}{limit}{failed}"


@dataclass(frozen=True, eq=False, repr=False)
class Audit(FileResult):
    """The numbers of a privacy audit, its verdict, and what they do not prove.

    Attributes
    ----------
    table
        One row for each check and group, columns ``check``, ``group``, ``n_cells``, ``value``, ``low``, ``high``,
        ``floor``, ``threshold``, ``passed`` (``True``, ``False``, or ``None`` where nothing can be said) and ``note``.
    verdict
        ``"pass"``, ``"fail"`` or ``"weak"``.
    sentences
        What was found, the headline first, and what a pass does not prove.
    settings
        How it was made; plain values.
    """

    verdict: Level
    sentences: tuple[str, ...]
    settings: dict[str, Any]

    def __str__(self) -> str:
        return "\n".join([self.sentences[0], *(f"- {sentence}" for sentence in self.sentences[1:])])

    def __repr__(self) -> str:
        return f"Audit of {self.settings['n_synthetic']:,} synthetic cells: {self.verdict}\n{self.sentences[0]}"

    def words(self) -> str:
        """Return the sentences as lines of text."""
        return str(self)

    def _shown(self, *, notes: bool = False) -> list[pd.DataFrame]:
        columns = ["check", "group", "n_cells", "value", "low", "high", "floor", "threshold", "passed"]
        return [self._csv_table()[[*columns, *["note"] * notes]]]

    def record(self) -> dict[str, Any]:
        """Return the audit as values that fit in ``uns`` of an h5ad file.

        Returns
        -------
        dict
            ``verdict``, ``sentences``, ``settings``, and ``table`` as one array for each column, ``passed`` in
            words; for ``uns["scgarage"]["audit"]``.
        """
        table: dict[str, Any] = {
            name: np.asarray(self.table[name], dtype=object if name in {"check", "group", "note"} else np.float64)
            for name in COLUMNS
            if name != "passed"
        }
        table["passed"] = np.asarray(_words(self.table["passed"]), dtype=object)
        return {
            "verdict": self.verdict,
            "sentences": np.asarray(self.sentences, dtype=object),
            "settings": dict(self.settings),
            "table": table,
        }

    def _csv_table(self) -> pd.DataFrame:
        return self.table.assign(passed=_words(self.table["passed"]))

    def _content(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "sentences": self.sentences,
            "settings": self.settings,
            "thresholds": {name: asdict(threshold) for name, threshold in THRESHOLDS.items()},
            "table": self.table,
        }


def _words(passed: "pd.Series[Any]") -> list[str]:
    words = {True: "yes", False: "no"}
    return ["cannot say" if value is None else words[bool(value)] for value in passed]
