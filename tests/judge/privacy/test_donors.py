"""Donors: whole ones held out, shared ones, and too few."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.judge.privacy import Audit, audit
from scgarage.pp import Split

ATTACKS = ("distance_auroc", "gan_leaks_auroc", "domias_auroc")


def _cells(n_donors: int, *, effect: float, n_cells: int = 1600) -> ad.AnnData:
    """Return simulated cells whose expression differs by donor by thinning genes."""
    cells = sg.datasets.simulate(n_cells=n_cells, n_genes=120, n_types=3, rare_fraction=0.1, random_state=2)
    rng = np.random.default_rng(3)
    donors = rng.integers(n_donors, size=n_cells)
    kept = np.exp(-effect * rng.random((n_donors, cells.n_vars)))[donors]
    cells.X = type(cells.X)(rng.binomial(cells.X.toarray().astype(int), kept).astype(np.float32))
    cells.obs["donor"] = pd.Categorical([f"d{donor}" for donor in donors])
    return cells


def _by_donor(cells: ad.AnnData) -> Split:
    return sg.pp.split(cells, labels_key="cell_type", donor_key="donor", random_state=1)


def _donor_rows(result: Audit) -> pd.DataFrame:
    return result.table[result.table["group"] == "donors"].set_index("check")


def test_members_by_donor_are_found_when_their_cells_are_copied() -> None:
    split = _by_donor(_cells(40, effect=0.1))
    rows = _donor_rows(audit(split.train[::2].copy(), split))
    assert set(rows.index) == set(ATTACKS)
    assert rows.loc["distance_auroc", "passed"] is False
    assert rows.loc["distance_auroc", "n_cells"] == split.train.obs["donor"].nunique()


def test_donors_without_any_effect_do_not_fail() -> None:
    cells = _cells(40, effect=0.0, n_cells=2000)
    result = audit(cells[:400].copy(), _by_donor(cells[400:].copy()))
    assert result.verdict != "fail"


def test_few_donors_are_not_judged_but_copies_still_fail() -> None:
    cells = _cells(6, effect=0.3, n_cells=2000)
    split = _by_donor(cells[400:].copy())
    fresh = cells[:400][cells.obs["donor"][:400].isin(split.train.obs["donor"])].copy()
    result = audit(fresh, split)
    # Fresh cells of the training donors look like training cells; that is the donors, not copying.
    assert result.verdict == "weak"
    assert _donor_rows(result)["note"].str.contains("fewer than 5 donors").all()
    assert audit(split.train.copy(), split).verdict == "fail"


def test_shared_donors_cannot_be_attacked_and_the_audit_says_so() -> None:
    cells = _cells(6, effect=0.3)
    split = sg.pp.split(cells, labels_key="cell_type")
    rows = _donor_rows(audit(split.train.copy(), split, donor_key="donor"))
    assert rows["value"].isna().all()
    assert rows["note"].str.contains("share donors").all()


def test_one_held_out_donor_gives_a_weak_audit() -> None:
    cells = _cells(2, effect=0.0)
    train, holdout = (cells[cells.obs["donor"] == name].copy() for name in ("d0", "d1"))
    fresh = sg.datasets.simulate(n_cells=100, n_genes=120, n_types=3, rare_fraction=0.1, random_state=2)
    result = audit(fresh, train, holdout=holdout, labels_key="cell_type", donor_key="donor")
    assert result.verdict == "weak"
    assert "one donor" in result.sentences[0]


@pytest.mark.parametrize("key", ["donor", None])
def test_settings_say_which_donors_were_used(key: str | None) -> None:
    cells = _cells(4, effect=0.0, n_cells=600)
    result = audit(cells, cells, labels_key="cell_type", donor_key=key)
    assert result.settings.get("donor_key") == key
