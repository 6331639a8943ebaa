import anndata as ad
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError
from scgarage.plotting import joint_embedding

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
