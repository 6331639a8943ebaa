"""What can be looked at when there are no held-out cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import SamplingError, check_numbers
from scgarage.judge.evaluation.comparison import halve
from scgarage.judge.privacy.checks import (
    Scene,
    Side,
    attack_donors,
    attack_group,
    clusters_of,
    find_distance_ratio,
    find_exact,
    find_memorisation,
    find_near,
    near_finding,
)
from scgarage.judge.privacy.copies import near_limit, neighbour_ratio
from scgarage.judge.privacy.inputs import Division, Inputs, Population, Space, as_split, audit_inputs, divide, match
from scgarage.judge.privacy.result import COLUMNS, MIN_CELLS, NEAR_QUANTILE, Audit, Finding, decide, describe
from scgarage.metrics.neighbours import nearest_distance
from scgarage.pp import Split

ONLY_TRAIN = "without held-out cells nothing says how near fresh cells would be"


def compare_with_train(inputs: Inputs, synthetic: Population, *, n_pcs: int, rng: np.random.Generator) -> list[Finding]:
    """Look for near copies and small distances with the training cells only."""
    halves = halve(inputs.train.labels, rng)
    if min(map(len, halves)) < MIN_CELLS:
        return [Finding("near_copies", "all", len(synthetic), obstacle=f"fewer than {2 * MIN_CELLS} training cells")]
    near = np.zeros(len(synthetic), dtype=np.bool_)
    nearest = np.zeros(len(synthetic), dtype=np.intp)
    ratios = []
    for rows, others in (halves, halves[::-1]):
        space = Space.fit(inputs.train.take(others), n_pcs, rng)
        train, cells = space.points(inputs.train.take(rows)), space.points(synthetic)
        # Two looks at every cell, so half the share each.
        ratio, found = neighbour_ratio(cells, train)
        here = ratio < near_limit(train, quantile=NEAR_QUANTILE / 2)
        nearest = np.where(here | ~near, rows[found], nearest)
        near |= here
        among, _ = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train).kneighbors()
        ratios.append(np.median(nearest_distance(cells, train)) / max(float(np.median(among)), np.finfo(float).tiny))
    ratio_finding = Finding(
        "distance_ratio", "all", len(synthetic), float(np.mean(ratios)), floor=1.0, obstacle=ONLY_TRAIN,
        note="distance to training cells over that of training cells to each other; averaged cells lie nearer "
        "without being copies",
    )  # fmt: skip
    return [near_finding("all", near, nearest, NEAR_QUANTILE), ratio_finding]


SYNTHETIC_LIMIT = 10_000
"""Synthetic cells that are compared at most (exact copies: all)."""

REAL_LIMIT = 50_000
"""Training cells among which neighbours are looked for at most."""

OTHER_SPLIT_REASON = "the model was fitted on another split, so held-out cells may be training cells"


def audit(
    synthetic: AnnData,
    real: Split | AnnData,
    *,
    holdout: AnnData | None = None,
    labels_key: str | None = None,
    donor_key: str | None = None,
    seed_names: Sequence[str] | None = None,
    layer: str | None = None,
    n_pcs: int = 50,
    max_cells: int = 2000,
    random_state: int = 0,
) -> Audit:
    """Audit synthetic cells for what they tell about the cells that the model was trained on.

    Held-out cells are divided into a reference, which fits the components and calibrates the attacks, and
    attacked cells. Looked at are exact and near copies, distances to training against held-out cells, and
    membership inference by three attacks, on as many training as held-out cells of each type.

    Parameters
    ----------
    synthetic
        Synthetic cells of any origin, with the genes of the real ones in any order.
    real
        The split that the model was trained with, or the training cells.
    holdout
        Real cells that the model has not seen, when ``real`` is the training cells. Without them only copies are
        looked for and the verdict is ``"weak"`` at best.
    labels_key
        Column of ``obs`` with the types of the real cells; by default the one that the split knows.
    donor_key
        Column of ``obs`` with their donors; by default the one that the split knows.
    seed_names
        Names of training cells that the generator was fed; by default ``uns["scgarage"]["seed_cells"]`` of the
        synthetic cells.
    layer
        Layer with counts or log-normalised values; ``X`` by default.
    n_pcs
        Principal components; fewer when the reference is small.
    max_cells
        Members, and non-members, that are attacked at most.
    random_state
        Seed: the same seed gives the same audit.

    Returns
    -------
    Audit
        Table, verdict (``"pass"``, ``"fail"`` or ``"weak"``) and sentences.

    Raises
    ------
    InputError
        If the data cannot be compared, or the held-out cells are training cells.

    Warns
    -----
    UserWarning
        When the cells say that their model was fitted on another split.

    References
    ----------
    Chen et al. 2020, doi:10.1145/3372297.3417238; van Breugel et al. 2023, arXiv:2302.12580; Carlini et al.
    2022, arXiv:2112.03570; Meehan et al. 2020, arXiv:2004.05675.

    Examples
    --------
    >>> import scgarage as sg
    >>> from scgarage.judge.privacy import audit
    >>> split = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> audit(split.train, split).verdict
    'fail'
    """
    check_numbers(n_pcs=n_pcs, max_cells=max_cells)
    split = as_split(real, holdout, labels_key, donor_key)
    inputs = audit_inputs(
        synthetic, split, labels_key=labels_key, donor_key=donor_key, seed_names=seed_names, layer=layer
    )  # fmt: skip
    rng = np.random.default_rng(random_state)
    division, reasons = _division(inputs, rng)
    findings = find_exact(inputs)
    cells = inputs.synthetic.take(rng.permutation(len(inputs.synthetic))[:SYNTHETIC_LIMIT])
    if division is None:
        findings += compare_with_train(inputs, cells, n_pcs=n_pcs, rng=rng)
    else:
        findings += _compare(inputs, cells, division, n_pcs=n_pcs, max_cells=max_cells, rng=rng)
    level, why = decide(findings, reasons)
    notes = [*reasons, *inputs.notes] if level == "fail" else list(inputs.notes)
    settings = {"n_pcs": n_pcs, "max_cells": max_cells, "random_state": random_state, "holdout": division is not None}
    return Audit(
        table=_table(findings),
        verdict=level,
        sentences=tuple(describe(level, why, findings, notes)),
        settings=inputs.settings | settings,
    )


def _division(inputs: Inputs, rng: np.random.Generator) -> tuple[Division | None, list[str]]:
    """Divide held-out cells; return why the audit is weak whatever it finds."""
    if not len(inputs.test):
        return None, [
            "there are no held-out cells: nothing says how near to the training cells fresh cells would be, so "
            "distances cannot be judged and membership inference cannot be tried"
        ]
    division = divide(inputs.train, inputs.validation, inputs.test, rng)
    if division is None:
        return None, ["the held-out cells come from one donor: none is left to calibrate the attacks with"]
    fewest = min(len(division.reference), len(division.attacked), len(inputs.train))
    if fewest < MIN_CELLS:
        return None, [f"too few real cells: {fewest} in the smallest of train, reference and attacked cells"]
    return division, [OTHER_SPLIT_REASON] if inputs.other_split else []


def _compare(
    inputs: Inputs, cells: Population, division: Division, *, n_pcs: int, max_cells: int, rng: np.random.Generator
) -> list[Finding]:
    """Run every check that needs held-out cells."""
    space = Space.fit(division.reference, n_pcs, rng)
    kept = rng.permutation(len(inputs.train))[:REAL_LIMIT]
    members = inputs.train.take(kept)
    by_donor = division.donors_differ
    scene = Scene(
        synthetic=space.points(cells),
        reference=space.points(division.reference),
        members=Side(space.points(members), clusters_of(members, by_donor=by_donor), by_donor),
        non_members=Side(
            space.points(division.attacked), clusters_of(division.attacked, by_donor=by_donor), by_donor
        ),
        member_labels=members.labels,
        non_member_labels=division.attacked.labels,
    )  # fmt: skip
    groups = {name: mask[kept] for name, mask in inputs.groups.items()}
    train, holdout, reference = scene.members, scene.non_members, scene.reference
    findings = find_near(scene.synthetic, train.points, holdout.points, groups)
    findings.append(find_memorisation(scene.synthetic, train, holdout, reference, rng=rng))
    rows, others = match(scene.member_labels, scene.non_member_labels, n_cells=REAL_LIMIT, rng=rng)
    if len(rows):
        findings.append(
            find_distance_ratio(scene.synthetic, train.take(rows), holdout.take(others), reference, rng=rng)
        )  # fmt: skip
    for name, mask in groups.items():
        findings += attack_group(scene, name, mask, max_cells=max_cells, rng=rng)
    return findings + (attack_donors(scene, max_cells=max_cells, rng=rng) if members.donors is not None else [])


def _table(findings: Sequence[Finding]) -> pd.DataFrame:
    table = pd.DataFrame([finding.row() for finding in findings], columns=list(COLUMNS))
    # pandas would turn a column of True, False and None into numbers.
    return table.assign(passed=pd.Series([finding.passed for finding in findings], dtype=object))


def require_pass(
    synthetic: AnnData,
    real: Split | AnnData,
    *,
    holdout: AnnData | None = None,
    labels_key: str | None = None,
    donor_key: str | None = None,
    seed_names: Sequence[str] | None = None,
    layer: str | None = None,
    allow_weak: bool = False,
    random_state: int = 0,
) -> Audit:
    """Audit synthetic cells and refuse them unless they pass.

    Parameters
    ----------
    synthetic
        Synthetic cells.
    real, holdout, labels_key, donor_key, seed_names, layer, random_state
        As for :func:`~scgarage.judge.privacy.audit`.
    allow_weak
        Whether cells that no check condemns are let through although too little could be looked at for a pass.

    Returns
    -------
    Audit
        The audit, for ``synthetic.uns["scgarage"]["audit"] = audit.record()``.

    Raises
    ------
    SamplingError
        When the audit fails, or is weak and ``allow_weak`` is false.
    InputError
        If the data cannot be compared.
    """
    result = audit(
        synthetic,
        real,
        holdout=holdout,
        labels_key=labels_key,
        donor_key=donor_key,
        seed_names=seed_names,
        layer=layer,
        random_state=random_state,
    )
    if result.verdict == "fail":
        msg = (
            f"the cells fail the privacy audit and are not written. {result.sentences[0]} Fit with less "
            "memorisation (more cells, fewer iterations, no seed cells) and sample again"
        )
        raise SamplingError(msg)
    if result.verdict == "weak" and not allow_weak:
        msg = (
            f"the privacy audit cannot vouch for the cells, so they are not written. {result.sentences[0]} "
            "Sample more cells or hold out more real ones, or accept a weak audit"
        )
        raise SamplingError(msg)
    return result
