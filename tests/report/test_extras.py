import json

import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.judge.clusters.run import COMPARED_COLUMNS as STRUCTURE_COLUMNS
from scgarage.judge.privacy import Audit
from scgarage.judge.rare import RareUtility
from scgarage.report.extras import plain_rows, privacy_part, structure_part, utility_part

NAN = float("nan")


@pytest.fixture
def audit() -> Audit:
    rows = [
        ("exact_copies", "all", 120, 3.0, 3.0, 3.0, 0.0, 0.0),
        ("distance_auroc", "all", 100, 0.51, 0.45, 0.57, 0.5, 0.55),
        ("distance_auroc", "rare", 10, NAN, NAN, NAN, 0.5, 0.55),
        ("near_copies", "rare", 10, 0.5, 0.4, 0.6, 0.01, 0.03),
    ]
    table = pd.DataFrame(rows, columns=["check", "group", "n_cells", "value", "low", "high", "floor", "threshold"])
    table = table.assign(passed=pd.Series([False, True, None, False], dtype=object), note="")
    sentences = ("Fail: copies.", "Exact copies of training cells: 3 of 120 FAILS.", "No pass is a proof.")
    return Audit(table, "fail", sentences, {"n_synthetic": 120})


def test_failures_and_checks_of_all_cells_stand_in_front(audit):
    part = privacy_part(audit)
    assert (part.headline, part.light.css) == ("Fail: copies.", "red")
    shown = [(row[0], row[1], row[-1].word) for row in part.rows]
    assert shown == [
        ("Exact copies of training cells", "all cells", "fails"),
        ("Distance attack, AUROC", "all cells", "passes"),
        ("Near copies of training cells", "cells of rare types", "fails"),
    ]
    assert [row[-1].word for row in part.more] == ["cannot say"]
    assert part.sentences == ["No pass is a proof."]


def test_numbers_of_a_check_are_written_out(audit):
    rows = plain_rows(privacy_part(audit).rows)
    assert [text for text, _ in rows[1]][2:] == ["100", "0.510", "0.450 to 0.570", "0.500", "0.55", "passes"]
    assert [text for text, _ in rows[0]][2:5] == ["120", "3", "–"]


def test_saved_and_recorded_audits_give_the_same_section(audit, tmp_path):
    saved = json.loads(audit.save(tmp_path / "audit.json").read_text())
    assert privacy_part(saved) == privacy_part(audit.record()) == privacy_part(audit)


def test_something_else_is_no_audit():
    with pytest.raises(InputError, match="audit holds verdict"):
        privacy_part({"verdict": "pass"})


def utility_table(names: dict[str, str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "data_set": "toy", "setting": "5 training cells", "split": split, "target": "T", "k": 5,
                "comparator": name, "kind": kind, "pipeline": "knn", "metric": metric, "value": rng.uniform(0.4, 0.6),
            }
            for split in range(6) for name, kind in names.items() for metric in ("auprc", "f1", "macro_f1")
        ]
    )  # fmt: skip


def test_utility_says_who_was_best_and_by_how_much(tmp_path):
    result = RareUtility(utility_table({"nothing": "comparator", "mine": "synthetic"}), {})
    part = utility_part(result)
    ((setting, without, before, theirs, after, difference, interval),) = part.rows
    assert (setting, without, theirs) == ("5 training cells", "nothing, knn", "mine, knn")
    assert float(difference.replace("−", "-")) == pytest.approx(float(after) - float(before), abs=2e-3)
    assert " to " in interval
    assert part.headline == result.sentences()[0]
    _, record = result.save(tmp_path / "utility.csv")
    assert utility_part(json.loads(record.read_text())) == part


def test_utility_without_synthetic_cells_says_that_none_took_part():
    part = utility_part(RareUtility(utility_table({"nothing": "comparator"}), {}))
    assert part.rows[0][3] == "none took part"
    with pytest.raises(InputError, match="utility holds nothing"):
        utility_part({})


def test_structure_has_a_row_for_each_measure():
    row = dict.fromkeys(STRUCTURE_COLUMNS, 0.5) | {
        "selection": "fano", "n_genes": 100, "metric": "ari", "chosen_by": "silhouette", "n_repeats": 3, "n_cells": 223,
        "score": NAN, "note": "no score: noise",
    }  # fmt: skip
    part = structure_part(pd.DataFrame([row]))
    assert part.rows == [("100 by Fano factor", "Adjusted Rand index", *["0.500 ± 0.500"] * 3, "–")]
    assert part.sentences == ["No score: noise."]
    with pytest.raises(InputError, match="structure lacks selection"):
        structure_part(pd.DataFrame({"metric": ["ari"]}))
