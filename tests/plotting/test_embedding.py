from itertools import combinations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.plotting import SOURCE_COLOURS, embedding, joint_embedding, type_colours
from scgarage.plotting.embedding import counts_or_none, log_expression


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
        drawn.sort_values(order, ignore_index=True), expected[[*order, "colour"]].sort_values(order, ignore_index=True)
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


def test_counts_become_log1p_cp10k(real):
    counts = real.X.toarray()
    expected = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_expression(real).toarray(), expected, rtol=1e-5)
    np.testing.assert_array_equal(counts_or_none(real).toarray(), counts)


def test_log_values_stay_as_they_are_and_are_no_counts(real):
    real.X = log_expression(real)
    np.testing.assert_array_equal(log_expression(real).toarray(), real.X.toarray())
    assert counts_or_none(real) is None


def test_a_layer_that_is_missing_falls_back_to_x(real):
    real.layers["other"] = real.X * 2
    np.testing.assert_array_equal(counts_or_none(real, "other").toarray(), 2 * real.X.toarray())
    np.testing.assert_array_equal(counts_or_none(real, "absent").toarray(), real.X.toarray())


def test_scaled_values_are_refused(real):
    real.X = real.X.toarray() - real.X.toarray().mean(axis=0)
    with pytest.raises(InputError, match="figures need counts or log1p CP10k"):
        log_expression(real)


N_CELLS = 40


@pytest.fixture(scope="module")
def parts() -> dict[str, ad.AnnData]:
    """Two types; the synthetic cells have another mean library size, the genes another order."""
    rng = np.random.default_rng(0)
    means = rng.gamma(0.4, 4.0, size=(2, 50))

    def draw(depth: float, n_cells: int) -> ad.AnnData:
        types = np.arange(n_cells) % 2
        cells = ad.AnnData(rng.poisson(depth * means[types] + 0.05).astype(np.float32))
        cells.var_names = [f"gene{j}" for j in range(50)]
        cells.obs["kind"] = np.array(["A", "B"])[types]
        return cells

    return {"real": draw(1, 60), "synthetic": draw(3, 70)[:, ::-1].copy(), "train": draw(1, 50)}


@pytest.fixture(scope="module")
def frame(parts):
    # umap is compiled at its first call, which takes seconds: once for the whole file.
    return joint_embedding(**parts, labels_key="kind", n_top_genes=30, n_pcs=10, max_cells=N_CELLS)


def test_equal_numbers_of_both_sources_real_first(frame):
    assert frame["source"].tolist() == ["real"] * N_CELLS + ["synthetic"] * N_CELLS
    assert list(frame.columns) == ["umap1", "umap2", "source", "cell_type"]
    assert np.isfinite(frame[["umap1", "umap2"]].to_numpy()).all()


def test_labels_belong_to_the_cells(frame, parts):
    real = frame[frame["source"] == "real"]
    assert real.index.is_unique
    assert (real["cell_type"] == parts["real"].obs.loc[real.index, "kind"]).all()


def test_types_agree_across_sources_although_depth_and_gene_order_differ(frame):
    points, types = frame[["umap1", "umap2"]].to_numpy(), frame["cell_type"].to_numpy()
    real = (frame["source"] == "real").to_numpy()
    nearest = NearestNeighbors(n_neighbors=1).fit(points[real]).kneighbors(points[~real])[1].ravel()
    assert (types[real][nearest] == types[~real]).mean() > 0.95


def test_same_seed_same_coordinates_and_no_labels_without_a_key(frame, parts):
    again = joint_embedding(**parts, n_top_genes=30, n_pcs=10, max_cells=N_CELLS)
    np.testing.assert_array_equal(again[["umap1", "umap2"]], frame[["umap1", "umap2"]])
    assert again["cell_type"].isna().all()


def test_a_handful_of_cells_is_enough(parts):
    few = joint_embedding(parts["real"][:6], parts["synthetic"], labels_key="kind")
    assert len(few) == 12
    assert np.isfinite(few[["umap1", "umap2"]].to_numpy()).all()


def test_too_few_cells_are_refused(parts):
    with pytest.raises(InputError, match="at least 5 cells of each source; found 4 real and 70 synthetic"):
        joint_embedding(parts["real"][:4], parts["synthetic"])


def test_other_genes_are_refused(parts):
    with pytest.raises(InputError, match="gene"):
        joint_embedding(parts["real"], parts["synthetic"][:, :10])
