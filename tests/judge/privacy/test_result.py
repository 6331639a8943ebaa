import json
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError, OutputExistsError, SamplingError
from scgarage.judge.privacy import THRESHOLDS, Audit, audit, require_pass
from scgarage.judge.privacy.result import NOT_PROVEN
from scgarage.pp import Split

Make = Callable[[str], ad.AnnData]


@pytest.fixture(scope="module")
def result(make: Make, parts: Split) -> Audit:
    return audit(make("thinned"), parts)


def test_text_says_what_was_found_and_what_is_not_proven(result: Audit) -> None:
    text = str(result)
    assert text.startswith("Fail: ")
    assert all(sentence in text for sentence in NOT_PROVEN)
    assert "differential privacy" in text
    assert "FAILS" in text
    assert result.text().count("\n") > len(result.table)
    assert "fail" in repr(result)


def test_record_survives_an_h5ad_file(result: Audit, make: Make, tmp_path: Path) -> None:
    cells = make("thinned")
    cells.uns["scgarage"] = {"audit": result.record()}
    cells.write_h5ad(tmp_path / "cells.h5ad")
    back = ad.read_h5ad(tmp_path / "cells.h5ad").uns["scgarage"]["audit"]
    assert back["verdict"] == "fail"
    assert list(back["sentences"]) == list(result.sentences)
    np.testing.assert_array_equal(back["table"]["value"], result.table["value"])
    assert set(back["table"]["passed"]) <= {"yes", "no", "cannot say"}
    assert back["settings"]["n_synthetic"] == 400


def test_files(result: Audit, tmp_path: Path) -> None:
    written = json.loads(result.save(tmp_path / "audit.json").read_text())
    assert written["verdict"] == "fail"
    assert written["thresholds"]["distance_auroc"]["limit"] == 0.55
    assert len(written["table"]) == len(result.table)
    assert {row["passed"] for row in written["table"]} <= {True, False, None}
    table = pd.read_csv(result.save(tmp_path / "audit.csv"))
    np.testing.assert_allclose(table["value"], result.table["value"].astype(float))
    with pytest.raises(OutputExistsError):
        result.save(tmp_path / "audit.csv")
    with pytest.raises(InputError, match=r"neither in \.json nor"):
        result.save(tmp_path / "audit.txt")


def test_gate_lets_through_what_passes_only(make: Make, parts: Split) -> None:
    with pytest.raises(SamplingError, match="fail the privacy audit"):
        require_pass(make("thinned"), parts, allow_weak=True)
    few = make("fresh")[:30].copy()
    with pytest.raises(SamplingError, match="cannot vouch"):
        require_pass(few, parts)
    assert require_pass(few, parts, allow_weak=True).verdict == "weak"


@pytest.mark.parametrize(
    ("check", "interval", "passed"),
    [
        ("memorisation_share", (0.56, 0.9), False),
        ("memorisation_share", (0.45, 0.58), True),
        ("memorisation_share", (0.45, 0.70), None),
        ("distance_ratio", (0.80, 0.94), False),
        ("distance_ratio", (0.93, 1.20), True),
        ("distance_ratio", (0.70, 1.20), None),
        ("exact_copies", (1, 1), False),
        ("exact_copies", (0, 0), True),
        ("domias_auroc", (float("nan"), float("nan")), None),
    ],
)
def test_only_what_is_beyond_noise_fails_and_only_what_is_excluded_passes(
    check: str, interval: tuple[float, float], passed: bool | None
) -> None:
    assert THRESHOLDS[check].judge(*interval) is passed


def test_what_is_excluded_is_never_better_than_the_limit() -> None:
    for threshold in THRESHOLDS.values():
        sign = 1 if threshold.worse == "higher" else -1
        assert sign * threshold.excluded >= sign * threshold.limit
        assert threshold.reason
