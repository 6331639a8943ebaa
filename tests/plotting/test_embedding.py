from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from scgarage.errors import InputError
from scgarage.plotting import SOURCE_COLOURS, embedding, type_colours


@pytest.fixture
def coordinates() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n_cells = 80
    return pd.DataFrame(
        {
            "umap1": rng.normal(size=2 * n_cells),
            "umap2": rng.normal(size=2 * n_cells),
            "source": ["real"] * n_cells + ["synthetic"] * n_cells,
            "cell_type": ["B"] * 30 + ["NK $1$"] * 45 + ["pDC"] * 5 + ["NK $1$"] * 60 + ["unsure"] * 20,
        },
        index=["same name"] * 2 * n_cells,
    )


def colours_of(collection) -> list[str]:
    return [to_hex(colour).upper() for colour in collection.get_facecolor()]


def test_first_panel_shows_every_cell_in_the_colour_of_its_source(coordinates):
    (points,) = embedding(coordinates).axes[0].collections
    drawn = pd.DataFrame(points.get_offsets().data, columns=["umap1", "umap2"]).assign(colour=colours_of(points))
    expected = coordinates.assign(colour=coordinates["source"].map(SOURCE_COLOURS))
    order = ["umap1", "umap2"]
    pd.testing.assert_frame_equal(
        drawn.sort_values(order, ignore_index=True),
        expected[[*order, "colour"]].sort_values(order, ignore_index=True),
    )


def test_sources_alternate_in_the_drawing_order(coordinates):
    (points,) = embedding(coordinates).axes[0].collections
    real_first_half = colours_of(points)[:80].count(SOURCE_COLOURS["real"])
    assert 25 < real_first_half < 55  # 80 when the synthetic cells lie on top
    again = embedding(coordinates).axes[0].collections[0]
    np.testing.assert_array_equal(again.get_offsets(), points.get_offsets())


def test_panels_by_type_share_axes_and_colours(coordinates):
    _, real, synthetic = embedding(coordinates).axes
    assert real.get_xlim() == synthetic.get_xlim()
    colours = type_colours(["NK $1$", "B", "pDC", "unsure"])
    shown = real.collections[1]
    expected = coordinates.loc[coordinates["source"] == "real", "cell_type"].map(colours)
    assert colours_of(shown) == expected.tolist()
    assert colours_of(synthetic.collections[1]).count(colours["unsure"]) == 20


def test_types_are_numbered_by_abundance_and_rare_ones_marked(coordinates):
    figure = embedding(coordinates, rare=["pDC"])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [r"1  NK \$1\$", "2  B", "3  pDC (rare)", "unsure"]
    numbers = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert numbers == [[], ["1", "2", "3"], ["1"]]


def test_few_cells_are_drawn_once_more_on_top(coordinates):
    real = embedding(coordinates).axes[1]
    assert [len(points.get_offsets()) for points in real.collections] == [80, 80, 5]


def test_without_synthetic_labels_two_panels_without_labels_one(coordinates):
    coordinates.loc[coordinates["source"] == "synthetic", "cell_type"] = None
    titles = [ax.get_title(loc="left") for ax in embedding(coordinates).axes]
    assert titles == ["Real and synthetic", "Real by cell type"]
    assert len(embedding(coordinates.drop(columns="cell_type")).axes) == 1


def test_many_types_fit_into_the_figure(coordinates):
    coordinates["cell_type"] = [f"a type with a rather long name {i % 40}" for i in range(len(coordinates))]
    figure = embedding(coordinates)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.width
    assert figure.axes[0].get_window_extent().height > 150


def test_missing_columns_are_named(coordinates):
    with pytest.raises(InputError, match="umap2"):
        embedding(coordinates.drop(columns="umap2"))
    with pytest.raises(InputError, match="at least one cell"):
        embedding(coordinates.iloc[:0])


def test_numbers_of_types_in_the_same_place_do_not_cover_each_other(coordinates):
    names = ["A", "B", "C", "D"]
    coordinates["cell_type"] = np.resize(names, len(coordinates))
    figure = embedding(coordinates)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert [text.get_text() for text in figure.axes[1].texts] == ["1", "2", "3", "4"]
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_embedding_of_a_single_cell_is_drawn():
    cell = pd.DataFrame({"umap1": [0.0], "umap2": [0.0], "source": ["real"], "cell_type": ["B"]})
    assert len(embedding(cell).axes) == 2
