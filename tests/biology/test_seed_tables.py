import numpy as np
import pandas as pd
import pytest

from scgarage.analyses import mean_sd, to_latex, to_markdown
from scgarage.errors import InputError


@pytest.fixture
def runs() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"data_set": data_set, "model": model, "seed": seed, "metric": metric, "title": f"{metric}_1 & |co|",
         "group": group, "better": "lower", "value": rng.random(), "floor": 0.5 + seed, "score": rng.random()}
        for data_set in ("A", "B") for model in ("m", "n") for seed in range(3)
        for metric in ("w", "c") for group in ("all", "rare", "pDC")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_mean_and_sd_are_over_seeds(runs):
    table = mean_sd(runs)
    assert len(table) == 2 * 2 * 2 * 3
    row = table[(table["data_set"] == "B") & (table["model"] == "n") & (table["metric"] == "c")].iloc[1]
    held = runs[(runs["data_set"] == "B") & (runs["model"] == "n") & (runs["metric"] == "c")]
    values = held.loc[held["group"] == row["group"], "value"].to_numpy()
    np.testing.assert_allclose([row["value_mean"], row["value_sd"]], [values.mean(), values.std(ddof=1)])
    assert row["n_seeds"] == 3
    shuffled = mean_sd(runs.sample(frac=1, random_state=0)).sort_values(list(table.columns[:6]), ignore_index=True)
    pd.testing.assert_frame_equal(table.sort_values(list(table.columns[:6]), ignore_index=True), shuffled)


def test_missing_values_are_not_counted(runs):
    runs.loc[runs["seed"] == 0, "value"] = np.nan
    table = mean_sd(runs)
    assert (table["n_seeds"] == 2).all()
    assert table["value_mean"].notna().all()


def test_markdown_has_a_column_for_each_model_and_the_floor(runs):
    lines = to_markdown(mean_sd(runs)).splitlines()
    assert lines[0] == "| metric | cells | A: m | A: n | A: floor | B: m | B: n | B: floor |"
    assert len(lines) == 2 + 4
    assert "1.500 ± 1.000" in lines[2]
    assert r"w_1 & \|co\|" in lines[2]
    assert "pDC" not in "".join(lines)


def test_latex_is_escaped(runs):
    text = to_latex(mean_sd(runs))
    assert text.startswith("\\begin{tabular}{llrrrrrr}\n\\toprule\n")
    assert r"w\_1 \& |co| & all & " in text
    assert r"1.500 $\pm$ 1.000" in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {line.replace("\\&", "").count("&") for line in rows} == {7}


def test_missing_columns_and_groups_are_refused(runs):
    with pytest.raises(InputError, match="floor"):
        mean_sd(runs.drop(columns="floor"))
    with pytest.raises(InputError, match="no row"):
        to_markdown(mean_sd(runs), groups=["other"])
