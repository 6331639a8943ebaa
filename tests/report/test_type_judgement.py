import numpy as np
import pytest

from scgarage.judge.evaluation import evaluate
from scgarage.report.subject import Subject
from scgarage.report.type_judgement import judge_types
from scgarage.report.type_table import type_table


@pytest.fixture(scope="module")
def judged(evaluation):
    return judge_types(Subject.of(evaluation))


def test_rare_types_have_the_numbers_of_the_evaluation(evaluation, judged):
    settings = evaluation.settings
    names = ["rare_retention", "label_fidelity"]
    again = evaluate(evaluation.synthetic, evaluation.split, metrics=names, n_repeats=settings["n_repeats"], n_pcs=10)
    rows = again.table[~again.table["group"].isin(["all", "rare"]) & again.table["value"].notna()]
    assert len(rows)
    for _, row in rows.iterrows():
        found = judged.numbers.loc[(row["group"], row["metric"])]
        np.testing.assert_allclose(found[["value", "floor"]].to_numpy(), row[["value", "floor"]].to_numpy(dtype=float))


def test_confusion_counts_every_cell_of_every_repeat(evaluation, judged):
    settings = evaluation.settings
    (n_cells,) = {int(table.to_numpy().sum()) for table in judged.confusion.values()}
    # An odd number of test cells cannot be halved: repeats may differ by one cell.
    assert abs(n_cells - settings["n_compared"] * settings["n_repeats"]) <= settings["n_repeats"]
    # Types of these toy cells are far apart: hardly any is mistaken.
    for table in judged.confusion.values():
        assert np.trace(table.to_numpy()[: table.shape[1]]) > 0.9 * n_cells


def test_table_of_types_has_a_dash_where_nothing_is_known(evaluation, judged):
    counts = Subject.of(evaluation).counts
    table = type_table(counts, judged, rare=["<b>&T"])
    names = {name: (is_rare, cells) for name, is_rare, _, cells in table.rows}
    assert names["<b>&T"][0]
    assert not names["T cell"][0]
    assert all(cell.text != "–" for cell in names["T cell"][1])
    assert type_table(counts, None).metrics == []
