import numpy as np
import pandas as pd
import pytest
from scipy.stats import studentized_range

from scgarage.errors import InputError
from scgarage.plotting.scores import critical_difference, rank_test

# AUC of four variants of C4.5 on 14 data sets: Demšar 2006, table 6. The paper ranked before it rounded: the last two
# numbers of "voting" are printed as 0.975.
AUC = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.9749], [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)  # fmt: skip


def test_published_example_of_demsar():
    found = rank_test(-AUC, alpha=0.1)
    assert found.mean_ranks.round(3).to_dict() == {
        "C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143,
    }  # fmt: skip
    assert found.difference == pytest.approx(1.12, abs=0.005)
    assert rank_test(-AUC).difference == pytest.approx(1.25, abs=0.005)
    assert found.groups() == [["C4.5+m+cf", "C4.5+m", "C4.5+cf"], ["C4.5+cf", "C4.5"]]
    # The paper's 9.28 leaves out the correction for ties: of all four once, of two three times.
    n_blocks, n_methods = AUC.shape
    sums = np.sum(found.mean_ranks**2) - n_methods * (n_methods + 1) ** 2 / 4
    published = 12 * n_blocks / (n_methods * (n_methods + 1)) * sums
    assert published == pytest.approx(9.28, abs=0.02)
    ties = (4**3 - 4) + 3 * (2**3 - 2)
    assert found.statistic == pytest.approx(published / (1 - ties / (n_blocks * (n_methods**3 - n_methods))))
    assert found.p_value < 0.05


@pytest.mark.parametrize(("n_methods", "published"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_quantiles_are_those_of_the_published_table(n_methods, published):
    losses = pd.DataFrame(np.random.default_rng(0).normal(size=(6, n_methods)))
    scale = np.sqrt(n_methods * (n_methods + 1) / 36)
    assert rank_test(losses).difference / scale == pytest.approx(published, abs=0.001)
    assert studentized_range.ppf(0.95, n_methods, np.inf) / np.sqrt(2) == pytest.approx(published, abs=0.001)


def test_order_of_blocks_and_methods_and_monotone_changes_do_not_matter():
    first = rank_test(-AUC)
    other = rank_test(np.exp(-7 * AUC.iloc[::-1, ::-1]))
    assert other.mean_ranks.to_dict() == pytest.approx(first.mean_ranks.to_dict())
    assert (other.statistic, other.groups()) == (pytest.approx(first.statistic), first.groups())


def test_methods_that_are_always_equal_are_one_group():
    found = rank_test(pd.DataFrame(1.0, index=range(4), columns=list("abc")))
    assert (found.p_value, found.groups()) == (1.0, [["a", "b", "c"]])
    assert "not shown to differ" in found.sentence()


def test_methods_far_apart_have_no_group():
    losses = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) + 0.1, "c": np.arange(40.0) + 0.2})
    assert rank_test(losses).groups() == []
    assert "differ (Friedman" in rank_test(losses).sentence()


def test_diagram_has_a_dot_for_each_method_and_a_bar_for_each_group(tmp_path):
    path = tmp_path / "ranks.pdf"
    ax = critical_difference(-AUC.rename(columns={"C4.5": "a$b$"}), alpha=0.1, save=path)
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [1.964, 2.0, 2.893, 3.143], atol=5e-4)
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 3.5]
    np.testing.assert_allclose(bars, [[1.964 - 0.03, 2.893 + 0.03], [2.893 - 0.03, 3.143 + 0.03]], atol=5e-4)
    texts = [text.get_text() for text in ax.texts]
    assert "C4.5+m+cf  1.96" in texts
    assert r"3.14  a\$b\$" in texts
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("change", "alpha", "message"),
    [
        (lambda table: table.iloc[:1], 0.05, "1 blocks"),
        (lambda table: table.iloc[:, :2], 0.05, "2 methods"),
        (lambda table: table.replace(0.763, np.nan), 0.05, "missing values"),
        (lambda table: table.astype(str), 0.05, "anything but numbers"),
        (lambda table: table, 1.0, "alpha is 1.0"),
    ],
)
def test_unusable_tables_are_refused(change, alpha, message):
    with pytest.raises(InputError, match=message):
        rank_test(change(AUC), alpha=alpha)
