import numpy as np
import pandas as pd
import pytest

from scgarage.analyses import leakage_curve, leakage_figure
from scgarage.errors import InputError
from scgarage.plotting.style import figure_bytes


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {"leakage": leakage, "selector": selector if leakage else "none", "seed": seed, "metric": metric,
         "group": group, "value": leakage + seed, "floor": 0.25}
        for metric, group in (("sliced_wasserstein", "all"), ("memorisation_share", "all"))
        for leakage in (0.0, 0.2, 0.5) for seed in (0, 1)
        for selector in (("attention", "random") if leakage else ("none",))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_lines_are_means_that_start_at_the_shared_runs(table):
    ax = leakage_curve(table, "sliced_wasserstein")
    lines = {container.get_label(): container.lines[0] for container in ax.containers}
    assert list(lines) == ["attention", "random"]
    np.testing.assert_allclose(lines["attention"].get_ydata(), [0.5, 0.7, 1.0])
    np.testing.assert_allclose(lines["attention"].get_xdata(), [0.0, 0.2, 0.5], atol=0.01)
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [0.5 - np.sqrt(0.5), 0.5 + np.sqrt(0.5)])
    assert ax.lines[-1].get_label() == "real cells (floor)"


def test_figure_has_three_panels_and_says_where_nothing_was_measured(table, tmp_path):
    figure = leakage_figure(table)
    leakage_figure(table, save=tmp_path / "leakage.pdf")
    assert (tmp_path / "leakage.pdf").read_bytes().startswith(b"%PDF")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Sliced Wasserstein", "Rare cells kept", "Memorisation"]
    assert figure.axes[1].texts[0].get_text() == "no values"
    assert figure_bytes(figure) == figure_bytes(leakage_figure(table))


def test_a_table_without_values_is_refused(table):
    with pytest.raises(InputError, match="no value of any panel"):
        leakage_figure(table.assign(value=np.nan))
    with pytest.raises(InputError, match="'coverage'"):
        leakage_curve(table, "coverage")
    with pytest.raises(InputError, match="lacks floor"):
        leakage_figure(table.drop(columns="floor"))
