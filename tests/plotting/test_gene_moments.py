import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.plotting import gene_moments, moments


@pytest.fixture
def matrices() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: np.log1p(rng.poisson(rng.gamma(1, 1, 40), size=(60, 40))) for name in ("real", "synthetic", "train")}


def test_moments_are_those_of_numpy(matrices):
    values = matrices["real"]
    for container in (values, sparse.csr_matrix(values)):
        table = moments(container)
        np.testing.assert_allclose(table["mean"], values.mean(axis=0))
        np.testing.assert_allclose(table["variance"], values.var(axis=0), atol=1e-12)
        np.testing.assert_allclose(table["zero_fraction"], (values == 0).mean(axis=0))


def test_stored_zeros_count_as_zeros():
    values = sparse.csr_matrix(np.array([[1.0, 2.0], [0.0, 3.0]]))
    values.data[1] = 0.0  # stored, but zero
    assert moments(values)["zero_fraction"].tolist() == [0.5, 0.5]


def test_panels_hold_synthetic_over_floor(matrices):
    figure = gene_moments(**matrices)
    truth, made, floor = (moments(matrices[name]) for name in ("real", "synthetic", "train"))
    for ax, column in zip(figure.axes, truth, strict=True):
        behind, front = ax.collections
        np.testing.assert_allclose(behind.get_offsets(), np.column_stack([truth[column], floor[column]]))
        np.testing.assert_allclose(front.get_offsets(), np.column_stack([truth[column], made[column]]))
        assert ax.get_xlim() == ax.get_ylim()


def test_corner_holds_rank_correlation_and_mean_absolute_difference(matrices):
    ax = gene_moments(**matrices).axes[0]
    truth, made, floor = (moments(matrices[name])["mean"] for name in ("real", "synthetic", "train"))
    for text, values in zip(ax.texts, (made, floor), strict=True):
        correlation = stats.spearmanr(truth, values).statistic
        assert f"ρ = {correlation:.3f}" in text.get_text()
        assert f"{np.abs(truth - values).mean():#.2g}" in text.get_text()


def test_identical_cells_agree_perfectly(matrices):
    ax = gene_moments(matrices["real"], matrices["real"]).axes[1]
    assert [text.get_text() for text in ax.texts] == ["ρ = 1.000   mean |Δ| = 0.0"]
    assert len(ax.collections) == 1


def test_constant_moments_have_no_correlation(matrices):
    ax = gene_moments(matrices["real"], np.ones_like(matrices["real"])).axes[1]
    assert "ρ = undefined" in ax.texts[0].get_text()


def test_other_numbers_of_genes_are_refused(matrices):
    with pytest.raises(InputError, match="30 genes and the real ones 40"):
        gene_moments(matrices["real"], matrices["synthetic"][:, :30])
