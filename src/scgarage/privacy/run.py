"""Audit synthetic cells: whether the training cells can be told from other real cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.preprocess import Split
from scgarage.privacy.attack_checks import Scene, attack_donors, attack_group
from scgarage.privacy.copy_checks import find_exact, find_near
from scgarage.privacy.division import Division, divide, match
from scgarage.privacy.finding import COLUMNS, Finding
from scgarage.privacy.holdout_checks import Side, clusters_of, find_distance_ratio, find_memorisation
from scgarage.privacy.inputs import Inputs, as_split, prepare
from scgarage.privacy.population import Population
from scgarage.privacy.result import Audit
from scgarage.privacy.space import Space
from scgarage.privacy.thresholds import MIN_CELLS
from scgarage.privacy.verdict import decide, describe
from scgarage.privacy.without_holdout import compare_with_train

__all__ = ["audit"]

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
    >>> from scgarage.privacy import audit
    >>> split = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> audit(split.train, split).verdict
    'fail'
    """
    _check_numbers(n_pcs=n_pcs, max_cells=max_cells)
    split = as_split(real, holdout, labels_key, donor_key)
    inputs = prepare(
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


def _check_numbers(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            msg = f"{name} is {number}; expected at least 1"
            raise InputError(msg)


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
