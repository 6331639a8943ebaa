"""The audit on simulated cells: what it must find and what it must not."""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.judge.privacy import Audit, audit
from scgarage.pp import Split

Make = Callable[[str], ad.AnnData]


def _row(result: Audit, check: str, group: str = "all") -> pd.Series:
    table = result.table
    return table[(table["check"] == check) & (table["group"] == group)].iloc[0]


def _failed(result: Audit) -> set[str]:
    return {row["check"] for _, row in result.table.iterrows() if row["passed"] is False}


@pytest.mark.parametrize("name", ["fresh", "poisson"])
def test_cells_that_copy_nothing_do_not_fail(name: str, make: Make, parts: Split) -> None:
    result = audit(make(name), parts)
    assert result.verdict != "fail"
    assert not _failed(result)
    for attack in ("distance", "gan_leaks", "domias"):
        row = _row(result, f"{attack}_auroc")
        assert row["low"] <= 0.5  # above is what a leak would be; the interval misses 0.5 once in twenty anyway
        assert row["value"] == pytest.approx(0.5, abs=0.1)
    assert _row(result, "memorisation_share")["value"] == pytest.approx(0.5, abs=0.1)
    assert _row(result, "distance_ratio")["value"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["copies", "thinned", "interpolated"])
def test_copies_and_what_is_nearly_copies_fail_every_kind_of_check(name: str, make: Make, parts: Split) -> None:
    result = audit(make(name), parts)
    assert result.verdict == "fail"
    expected = {"near_copies", "memorisation_share", "distance_ratio", "distance_auroc", "distance_tpr"}
    expected |= {"gan_leaks_auroc", "domias_auroc"}
    assert _failed(result) >= expected
    assert ("exact_copies" in _failed(result)) or name != "copies"
    assert result.sentences[0].startswith("Fail")


def test_a_few_copies_among_fresh_cells_fail(make: Make, parts: Split) -> None:
    result = audit(make("some_copies"), parts)
    assert result.verdict == "fail"
    assert _row(result, "exact_copies")["value"] == 60
    assert {"exact_copies", "near_copies", "distance_tpr"} <= _failed(result)


def test_same_seed_same_table_and_order_of_genes_does_not_matter(make: Make, parts: Split) -> None:
    cells = make("fresh")
    first = audit(cells, parts)
    pd.testing.assert_frame_equal(first.table, audit(cells[:, ::-1].copy(), parts).table)
    other = audit(cells, parts, random_state=1)
    assert _row(other, "distance_auroc")["value"] != _row(first, "distance_auroc")["value"]


def test_seed_cells_are_a_group_of_their_own(make: Make, parts: Split) -> None:
    # A generator that copies its seeds only: 150 of 650 training cells.
    seeds = parts.train.obs_names[parts.train.obs["cell_type"] == parts.train.obs["cell_type"].mode()[0]][:150]
    copied = parts.train[seeds].X
    cells = ad.AnnData(sparse.csr_matrix(sparse.vstack([copied, make("fresh").X])), var=parts.train.var.copy())
    result = audit(cells, parts, seed_names=list(seeds))
    assert _row(result, "exact_copies", "seeds")["value"] == len(seeds)
    assert _row(result, "distance_auroc", "seeds")["value"] > 0.95 > _row(result, "distance_auroc")["value"]
    cells.uns["scgarage"] = {"seed_cells": np.asarray(seeds)}
    pd.testing.assert_frame_equal(audit(cells, parts).table, result.table)
    with pytest.raises(InputError, match="seed_names has 1 of 2 names"):
        audit(cells, parts, seed_names=[seeds[0], "nobody"])


def test_without_holdout_the_audit_is_weak_and_says_why(make: Make, parts: Split) -> None:
    result = audit(make("fresh"), parts.train, labels_key="cell_type")
    assert result.verdict == "weak"
    assert "no held-out cells" in result.sentences[0]
    assert not result.table["check"].str.contains("auroc").any()
    assert _row(result, "near_copies")["passed"] is True
    for name in ("copies", "thinned"):
        assert audit(make(name), parts.train, labels_key="cell_type").verdict == "fail"


def test_too_few_cells_are_not_passed(make: Make, parts: Split) -> None:
    result = audit(make("fresh")[:25].copy(), parts)
    assert result.verdict == "weak"
    assert "Too few cells" in result.sentences[0]
    few = audit(make("fresh"), parts.train, holdout=parts.test[:30].copy(), labels_key="cell_type")
    assert few.verdict == "weak"
    assert "Too few real cells" in few.sentences[0]


def test_train_and_holdout_are_as_good_as_a_split(make: Make, parts: Split) -> None:
    for key in ("cell_type", None):
        assert audit(make("copies"), parts.train, holdout=parts.test, labels_key=key).verdict == "fail"
        result = audit(make("fresh"), parts.train, holdout=parts.test, labels_key=key)
        assert result.verdict != "fail"
    assert any("No labels_key" in sentence for sentence in result.sentences)


def test_genes_that_were_drawn_at_random_hide_no_copies(make: Make, parts: Split) -> None:
    cells = make("copies")
    modelled = np.arange(cells.n_vars) < 100
    dense = cells.X.toarray()
    dense[:, ~modelled] = np.random.default_rng(0).permuted(dense[:, ~modelled], axis=0)
    cells.X = sparse.csr_matrix(dense)
    assert _row(audit(cells, parts), "exact_copies")["value"] == 0
    cells.var["scgarage_modelled"] = modelled
    result = audit(cells, parts)
    assert _row(result, "exact_copies")["value"] == cells.n_obs
    assert any("100 genes that the generator modelled" in sentence for sentence in result.sentences)


def test_cells_without_information_are_no_copies(make: Make, parts: Split) -> None:
    cells = make("fresh")
    dense = cells.X.toarray()
    dense[0] = 0
    dense[1] = parts.test.X[0].toarray()
    cells.X = sparse.csr_matrix(dense)
    row = _row(audit(cells, parts), "exact_copies")
    assert row["passed"] is True
    assert "1 cells with fewer than 5 detected genes not counted" in row["note"]


def test_another_split_makes_the_audit_weak(make: Make, parts: Split) -> None:
    cells = make("fresh")
    cells.uns["scgarage"] = {"split": parts.record() | {"fingerprint": "other"}}
    with pytest.warns(UserWarning, match="fitted on another split") as caught:
        result = audit(cells, parts)
    assert caught[0].filename == __file__
    assert result.verdict == "weak"
    assert "another split" in result.sentences[0]


def test_log_normalised_cells(make: Make, parts: Split) -> None:
    def log(cells: ad.AnnData) -> ad.AnnData:
        return ad.AnnData(sg.pp.log1p_cp10k(cells.X), obs=cells.obs, var=cells.var)

    real = {"holdout": log(parts.test), "labels_key": "cell_type"}
    assert _row(audit(log(make("copies")), log(parts.train), **real), "exact_copies")["value"] == 400
    assert audit(log(make("fresh")), log(parts.train), **real).verdict != "fail"
    with pytest.raises(InputError, match="real values are log-normalised and the synthetic ones counts"):
        audit(make("fresh"), log(parts.train), **real)


def test_unusable_input_is_refused(make: Make, parts: Split) -> None:
    cells = make("fresh")
    with pytest.raises(InputError, match="they were not held out"):
        audit(cells, parts.train, holdout=parts.train, labels_key="cell_type")
    with pytest.raises(InputError, match="has its own held-out cells"):
        audit(cells, parts, holdout=parts.test)
    with pytest.raises(InputError, match="no 'donor'"):
        audit(cells, parts, donor_key="donor")
    with pytest.raises(InputError, match="max_cells is 0"):
        audit(cells, parts, max_cells=0)
    with pytest.raises(InputError, match="expected a Split"):
        audit(cells, "cells.h5ad")  # type: ignore[arg-type]
