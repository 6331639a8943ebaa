"""What the audit says in words, and what it never says."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from scgarage.privacy.finding import Finding
from scgarage.privacy.thresholds import THRESHOLDS

__all__ = ["NOT_PROVEN", "TITLES", "Level", "decide", "describe"]

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

TITLES = {
    "exact_copies": "Exact copies of training cells",
    "near_copies": "Near copies of training cells",
    "distance_ratio": "Distance to training over distance to held-out cells (nearest tenth)",
    "memorisation_share": "Share nearer to training than to held-out cells",
} | {
    f"{name}_{kind}": f"{title}, {success}"
    for name, title in (
        ("distance", "Distance attack"),
        ("gan_leaks", "Calibrated GAN-leaks"),
        ("domias", "DOMIAS"),
    )
    for kind, success in (("auroc", "AUROC"), ("tpr", "true positives at 1 % false positives"))
}
"""Checks by the names that readers see."""

REASONS = 3
"""Failed checks that the headline names."""

WHOSE = {"all": "all cells", "rare": "cells of rare types", "seeds": "seed cells", "donors": "donors"}


def decide(findings: Sequence[Finding], reasons: Sequence[str]) -> tuple[Level, list[str]]:
    """Return the verdict and why it is no pass.

    Parameters
    ----------
    findings
        What the checks found.
    reasons
        Why the audit is weak whatever they found; empty when nothing is missing.

    Returns
    -------
    tuple
        ``"fail"`` when any check fails; else ``"weak"`` when there are reasons or a check of all cells cannot
        say; else ``"pass"``.
    """
    failed = [_title(finding) for finding in findings if finding.passed is False]
    if failed:
        more = [f"and {len(failed) - REASONS} more"] if len(failed) > REASONS else []
        return "fail", failed[:REASONS] + more
    open_ = [TITLES[finding.check] for finding in findings if finding.group == "all" and finding.passed is None]
    if open_ and not reasons:
        reasons = [f"too few cells to say for: {'; '.join(open_)}"]
    return ("weak", list(reasons)) if reasons else ("pass", [])


def describe(level: Level, why: Sequence[str], findings: Sequence[Finding], notes: Sequence[str]) -> list[str]:
    """Return the sentences of an audit: headline, findings, open questions, notes, and what is not proven."""
    headline = {
        "fail": f"Fail: training cells can be told from others. {'; '.join(why)}.",
        "weak": f"Weak: no check fails, and that says little. {_sentence('; '.join(why))}",
        "pass": "Pass: none of these checks tells training cells from other real cells by more than the stated limits.",
    }[level]
    shown = [finding for finding in findings if finding.group == "all" or finding.passed is False]
    found = [f"{_number(finding)}." for finding in shown if not np.isnan(finding.value)]
    open_ = sorted(
        {(finding.group, finding.obstacle) for finding in findings if finding.group != "all" and finding.obstacle}
    )
    unsaid = [f"For {WHOSE[group]} some checks cannot say: {obstacle}." for group, obstacle in open_]
    wide = {f.group for f in findings if f.group != "all" and f.passed is None and not f.obstacle}
    unsaid += [f"For {WHOSE[group]} some intervals are too wide to say." for group in sorted(wide)]
    return [headline, *found, *unsaid, *map(_sentence, notes), *NOT_PROVEN]


def _title(finding: Finding) -> str:
    return TITLES[finding.check] + ("" if finding.group == "all" else f" ({WHOSE[finding.group]})")


def _number(finding: Finding) -> str:
    failed = " FAILS" if finding.passed is False else ""
    if finding.check == "exact_copies":
        return f"{_title(finding)}: {finding.value:.0f} of {finding.n_cells:,}{failed}"
    threshold = THRESHOLDS[finding.check]
    interval = "" if np.isnan(finding.low) else f" ({finding.low:.3f} to {finding.high:.3f})"
    side = "at most" if threshold.worse == "higher" else "at least"
    limit = "" if np.isnan(finding.low) else f", limit {side} {threshold.limit:g}"
    return f"{_title(finding)}: {finding.value:.3f}{interval}; fresh cells {finding.floor:.3f}{limit}{failed}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
