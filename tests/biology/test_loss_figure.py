import numpy as np
import pandas as pd

from scgarage.analyses import loss_curves


def test_line_is_the_mean_and_band_the_range_where_two_seeds_go_on():
    history = pd.DataFrame({
        "data_set": "A", "model": "m", "seed": [0, 0, 0, 1, 1], "step": [1, 2, 3, 1, 2],
        "vae/loss": [4.0, 3.0, 2.0, 2.0, 1.0], "validation/score": np.nan,
    })  # fmt: skip
    figure = loss_curves(history)
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[1, 3], [2, 2]])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 4)
    assert ax.get_title(loc="left") == "m: vae"


def test_no_losses_of_two_seeds_are_no_figure():
    history = pd.DataFrame({"data_set": "A", "model": "m", "seed": [0], "step": [1], "vae/loss": [4.0]})
    assert loss_curves(history) is None
    assert loss_curves(history.drop(columns="vae/loss")) is None
