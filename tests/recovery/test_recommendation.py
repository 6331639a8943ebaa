import pandas as pd
import pytest

from scgarage.imputation import recommend

COLUMNS = ["thinned_correlation", "ari", "false_de", "false_de_apart", "false_de_told", "spurious_correlation"]
NONE = [0.60, 0.70, 0.05, 0.05, None, 0.10]


def table(**rows):
    return pd.DataFrame.from_dict({"none": NONE} | rows, orient="index", columns=COLUMNS).astype(float)


def test_a_method_that_helps_and_is_safe_is_recommended():
    advice = recommend(table(good=[0.65, 0.69, 0.05, 0.06, None, 0.11], other=[0.63, 0.8, 0.05, 0.05, None, 0.1]))
    assert (advice.advice, advice.method) == ("impute", "good")
    assert "0.650" in str(advice)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([0.65, 0.7, 0.07, 0.05, None, 0.1], "random halves of one type"),
        ([0.65, 0.7, 0.05, 0.4, None, 0.1], "imputed apart (0.4, 0.05 without)"),
        ([0.65, 0.7, 0.05, 0.05, 0.9, 0.1], "it was told are types (0.9, 0.05 without)"),
        ([0.65, 0.7, 0.05, 0.05, None, 0.13], "nothing to do with each other"),
        ([0.65, 0.7, 0.05, None, None, 0.1], "not measured"),
    ],
)
def test_one_false_signal_is_enough(row, words):
    advice = recommend(table(bad=row))
    assert advice.advice == "only to look at"
    assert words in str(advice)


@pytest.mark.parametrize("row", [[0.605, 0.7, 0.05, 0.05, None, 0.1], [0.7, 0.67, 0.05, 0.05, None, 0.1]])
def test_little_gain_or_blurred_types_mean_no(row):
    advice = recommend(table(weak=row))
    assert (advice.advice, advice.method) == ("do not impute", "none")


def test_safe_method_goes_before_a_better_one_that_is_not():
    advice = recommend(table(wild=[0.9, 0.7, 0.05, 0.8, None, 0.5], safe=[0.63, 0.7, 0.05, 0.05, None, 0.1]))
    assert (advice.advice, advice.method) == ("impute", "safe")


def test_test_level_counts_when_few_values_make_none_lower():
    rows = table(good=[0.65, 0.7, 0.055, 0.055, None, 0.1])
    rows.loc["none", ["false_de", "false_de_apart"]] = 0.03
    assert recommend(rows).advice == "impute"
