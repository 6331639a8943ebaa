import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting import history

NAN = float("nan")


@pytest.fixture
def columns() -> dict[str, list[float]]:
    """First a GAT with its own validation, then a GAN whose steps start again."""
    return {
        "step": [10, 20, 30, 10, 20, 30],
        "gat/loss": [3.0, 2.0, 1.0, NAN, NAN, NAN],
        "critic/loss": [NAN, NAN, NAN, 0.5, 0.6, 0.7],
        "generator/loss": [NAN, NAN, NAN, 0.9, NAN, 0.8],
        "critic/gradient_penalty": [NAN, NAN, NAN, 0.1, 0.1, 0.1],
        "validation/score": [NAN, NAN, 0.01, 0.4, 0.2, 0.3],
    }


def lines_of(ax) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}


def test_losses_recorded_together_share_a_panel(columns):
    gat, gan, _ = history(dict(sorted(columns.items()))).axes  # sorted as in an h5ad file
    assert lines_of(gat) == {"gat": ([10, 20, 30], [3, 2, 1])}
    assert lines_of(gan) == {"critic": ([10, 20, 30], [0.5, 0.6, 0.7]), "generator": ([10, 30], [0.9, 0.8])}


def test_validation_is_that_of_the_last_training_and_the_best_step_is_marked(columns):
    ax = history(columns).axes[-1]
    lines = list(lines_of(ax).items())
    assert lines[0][1] == ([10, 20, 30], [0.4, 0.2, 0.3])
    assert lines[-1] == ("kept: step 20, score 0.2", ([20], [0.2]))


def test_the_step_that_was_kept_can_be_given(columns):
    lines = lines_of(history(columns, best_step=30).axes[-1])
    assert lines["kept: step 30, score 0.3"] == ([30], [0.3])


def test_dots_for_slashes_and_arrays_as_in_synthetic_cells(columns):
    dotted = {name.replace("/", "."): np.array(values) for name, values in columns.items()}
    assert [lines_of(ax) for ax in history(dotted).axes] == [lines_of(ax) for ax in history(columns).axes]


def test_a_data_frame_without_validation_has_one_panel():
    figure = history(pd.DataFrame({"step": [1, 2], "vae/loss": [2.0, 1.0]}))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Loss: vae"]


def test_long_curves_are_smoothed_over_the_raw_values():
    rng = np.random.default_rng(0)
    loss = rng.normal(size=1000)
    (ax,) = history({"step": np.arange(1000), "vae/loss": loss}).axes
    raw, smooth = (line.get_ydata() for line in ax.lines)
    np.testing.assert_array_equal(raw, loss)
    assert np.std(smooth) < 0.5 * np.std(raw)
    np.testing.assert_allclose(np.mean(smooth), np.mean(raw), atol=0.05)


@pytest.mark.parametrize("missing", [{"step": [1]}, {"vae/loss": [1.0]}, {"step": [1], "vae/loss": [NAN]}])
def test_a_history_without_steps_or_losses_is_refused(missing):
    with pytest.raises(InputError, match="a history needs 'step'"):
        history(missing)
