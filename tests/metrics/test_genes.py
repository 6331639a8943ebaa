import numpy as np
import pytest
from scipy.stats import spearmanr, wasserstein_distance

from scgarage.errors import InputError
from scgarage.metrics import (
    gene_correlation_error,
    gene_mean_error,
    gene_variance_error,
    gene_wasserstein,
    library_size_error,
    type_axes,
    type_spread,
    zero_fraction_error,
)
from scgarage.metrics import genes as gene_distance


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rate = rng.gamma(2.0, 1.0, size=(60, 1)) * np.arange(1.0, 9.0)
    return rng.poisson(rate).astype(float), rng.poisson(rate.mean(axis=0), size=(50, 8)).astype(float)


def test_matches_scipy_with_ties(cells: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = (spearmanr(side).statistic for side in cells)
    expected = np.abs(first - second)[np.triu_indices(8, 1)].mean()
    assert expected > 0.1
    assert gene_correlation_error(*cells) == pytest.approx(expected)


def test_only_the_most_variable_real_genes_count(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    top = np.argsort(-real.var(axis=0))[:3]
    expected = gene_correlation_error(real[:, top], synthetic[:, top])
    assert gene_correlation_error(real, synthetic, n_genes=3) == pytest.approx(expected)


def test_monotone_transforms_and_order_do_not_matter(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    value = gene_correlation_error(real, synthetic)
    assert gene_correlation_error(np.log1p(real), np.log1p(synthetic)) == pytest.approx(value)
    assert gene_correlation_error(real[::-1, ::-1], synthetic[:, ::-1]) == pytest.approx(value)
    assert gene_correlation_error(real, real) == 0


def test_a_constant_gene_has_no_correlation(cells: tuple[np.ndarray, np.ndarray]) -> None:
    real, synthetic = cells
    flat = np.full_like(synthetic, 2.0)
    expected = np.abs(spearmanr(real).statistic[np.triu_indices(8, 1)]).mean()
    assert gene_correlation_error(real, flat) == pytest.approx(expected)


def test_one_gene_or_cell_is_refused() -> None:
    with pytest.raises(InputError, match="real has 1 gene"):
        gene_correlation_error(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="synthetic has 1 cells"):
        gene_correlation_error(np.zeros((3, 2)), np.zeros((1, 2)))


@pytest.mark.parametrize("sizes", [(40, 40), (40, 73), (7, 30), (1, 5)])
def test_matches_scipy_gene_by_gene(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = (rng.poisson(rng.gamma(1.0, 2.0, 12), (n, 12)) * 0.7 for n in sizes)
    expected = np.mean([wasserstein_distance(x, y) for x, y in zip(real.T, synthetic.T, strict=True)])
    assert gene_wasserstein(real, synthetic) == pytest.approx(expected)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = np.random.default_rng(1).gamma(1.0, size=(2, 30, 11))
    value = gene_wasserstein(real, synthetic)
    monkeypatch.setattr(gene_distance, "_BLOCK", 4)
    assert gene_wasserstein(real, synthetic) == pytest.approx(value)


def test_order_does_not_matter_and_scale_does() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.gamma(1.0, size=(20, 6)), rng.gamma(2.0, size=(35, 6))
    value = gene_wasserstein(real, synthetic)
    genes = rng.permutation(6)
    assert gene_wasserstein(real[::-1][:, genes], synthetic[:, genes]) == pytest.approx(value)
    assert gene_wasserstein(synthetic, real) == pytest.approx(value)
    assert gene_wasserstein(3 * real, 3 * synthetic) == pytest.approx(3 * value)
    assert gene_wasserstein(real, real + 0.5) == pytest.approx(0.5)
    assert gene_wasserstein(real, real) == 0


def test_other_genes_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic has 3 columns and real 2"):
        gene_wasserstein(np.zeros((3, 2)), np.zeros((3, 3)))


FUNCTIONS = [zero_fraction_error, gene_mean_error, gene_variance_error]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_matches_gene_by_gene(function) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.poisson(0.5, size=(30, 8)), rng.poisson(1.5, size=(20, 8))
    statistic = {
        zero_fraction_error: lambda gene: np.count_nonzero(gene == 0) / gene.size,
        gene_mean_error: lambda gene: gene.sum() / gene.size,
        gene_variance_error: lambda gene: ((gene - gene.sum() / gene.size) ** 2).sum() / gene.size,
    }[function]
    gaps = [abs(statistic(real[:, j]) - statistic(synthetic[:, j])) for j in range(8)]
    assert function(real, synthetic) == pytest.approx(np.mean(gaps))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_order_of_cells_and_genes_does_not_matter(function) -> None:
    rng = np.random.default_rng(1)
    real, synthetic = rng.poisson(0.5, size=(30, 8)), rng.poisson(1.5, size=(20, 8))
    value, genes = function(real, synthetic), rng.permutation(8)
    assert function(rng.permutation(real)[:, genes], synthetic[:, genes]) == pytest.approx(value)
    assert function(real, rng.permutation(real)) == pytest.approx(0, abs=1e-12)


def test_continuous_values_have_no_zeros() -> None:
    real = np.array([[0.0], [0.0], [0.0], [1.0]])
    assert zero_fraction_error(real, real + 1e-6) == 0.75


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bad_input_is_refused(function) -> None:
    with pytest.raises(InputError, match="columns"):
        function(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(InputError, match="cells"):
        function(np.zeros((0, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="NaN"):
        function(np.full((3, 2), np.nan), np.zeros((3, 2)))


def test_equal_sizes_match_sorted_logs() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.lognormal(7, 0.5, 40), rng.lognormal(7.5, 0.2, 40)
    expected = np.abs(np.sort(np.log(real)) - np.sort(np.log(synthetic))).mean()
    assert library_size_error(real, synthetic) == pytest.approx(expected)


def test_common_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    real, synthetic = rng.lognormal(7, 0.5, 40), rng.lognormal(7.5, 0.2, 25)
    value = library_size_error(real, synthetic)
    assert library_size_error(10 * real, 10 * synthetic) == pytest.approx(value)
    assert library_size_error(synthetic, real[::-1]) == pytest.approx(value)
    assert library_size_error(real, 2 * real) == pytest.approx(np.log(2))
    assert library_size_error([0.0, 0.0], [1.0, 1.0]) == 0


@pytest.mark.parametrize(
    ("totals", "message"),
    [([], r"shape \(0,\)"), ([[1.0]], r"shape \(1, 1\)"), ([-1.0], "negative"), ([np.nan], "NaN")],
)
def test_unusable_totals_are_refused(totals: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        library_size_error([1.0], totals)


TYPES = np.repeat(["B", "NK", "T"], [40, 16, 60])
DEVIATIONS = np.array([3.0, 2.0, 1.0, 0.5, 0.5, 0.5])


def draw_types(seed: int, labels: np.ndarray = TYPES, deviations: np.ndarray = DEVIATIONS) -> np.ndarray:
    """Cells of types with other means and turned axes, along which the deviations are those given."""
    population, rng = np.random.default_rng(99), np.random.default_rng(seed)
    turns = {name: np.linalg.qr(population.normal(size=(6, 6)))[0] for name in ("B", "NK", "T")}
    means = {name: population.normal(5, 3, 6) for name in turns}
    noise = rng.normal(size=(len(labels), 6)) * deviations
    return np.array([means[name] + row @ turns[name].T for name, row in zip(labels, noise, strict=True)])


def shrunk(cells: np.ndarray, labels: np.ndarray, name: str, share: float) -> np.ndarray:
    """Cells with one type's variance multiplied, about its mean."""
    mean, mine = cells[labels == name].mean(axis=0), (labels == name)[:, None]
    return np.where(mine, mean + np.sqrt(share) * (cells - mean), cells)


def test_spread_matches_covariances_along_eigenvectors() -> None:
    reference, real, synthetic = (draw_types(seed) for seed in range(3))
    values = type_spread(type_axes(reference, TYPES, n_axes=3), real, TYPES, synthetic, TYPES)
    assert list(values) == ["B", "NK", "T"]
    for name, value in values.items():
        known, held, made = (np.cov(cells[name == TYPES].T) for cells in (reference, real, synthetic))
        leading = np.linalg.eigh(known)[1][:, -3:]
        assert value == pytest.approx(np.trace(leading.T @ made @ leading) / np.trace(leading.T @ held @ leading))


def test_spread_is_the_ratio_of_the_variances_that_cells_were_drawn_with() -> None:
    labels = np.repeat(["B", "T"], 4000)
    reference, real = draw_types(0, labels), draw_types(1, labels)
    axes = type_axes(reference, labels, n_axes=2)
    for factors, expected in ((np.sqrt([0.5, 2.0, 1, 1, 1, 1]), (4.5 + 8) / 13), (np.sqrt([1, 1, 9, 9, 9, 9]), 1.0)):
        made = draw_types(2, labels, DEVIATIONS * factors)
        assert type_spread(axes, real, labels, made, labels) == pytest.approx(dict.fromkeys("BT", expected), rel=0.06)


@pytest.mark.parametrize("share", [0.7, 1.0, 1.5, 0.0])
def test_scaling_a_type_about_its_mean_scales_its_spread_only(share: float) -> None:
    axes, real = type_axes(draw_types(0), TYPES), draw_types(1)
    values = type_spread(axes, real, TYPES, shrunk(real, TYPES, "T", share), TYPES)
    assert values == pytest.approx({"B": 1.0, "NK": 1.0, "T": share}, abs=1e-12)


def test_spread_of_fresh_cells_is_1_only_on_axes_of_cells_that_are_not_compared() -> None:
    """Noise without any structure: axes lie along the cells that fit them."""
    labels, rng = np.repeat("B", 40), np.random.default_rng(0)
    fair, biased = [], []
    for _ in range(20):
        reference, real, fresh = rng.normal(size=(3, 40, 200))
        fair.append(type_spread(type_axes(reference, labels), real, labels, fresh, labels)["B"])
        biased.append(type_spread(type_axes(real, labels), real, labels, fresh, labels)["B"])
    assert np.mean(fair) == pytest.approx(1.0, abs=0.05)
    assert np.mean(biased) < 0.2


def test_order_units_and_other_types_do_not_matter_to_spread() -> None:
    reference, real, synthetic = (draw_types(seed) for seed in range(3))
    values = type_spread(type_axes(reference, TYPES), real, TYPES, synthetic, TYPES)
    rows, genes = np.random.default_rng(0).permutation(len(TYPES)), np.random.default_rng(1).permutation(6)
    turned = type_axes(3 * reference[:, genes], TYPES)
    found = type_spread(turned, 3 * real[:, genes], TYPES, 3 * synthetic[rows][:, genes], TYPES[rows])
    assert found == pytest.approx(values)
    one = TYPES == "B"
    alone = type_spread(type_axes(reference[one], TYPES[one]), real[one], TYPES[one], synthetic[one], TYPES[one])
    assert alone == pytest.approx({"B": values["B"]})


def test_types_that_cannot_be_compared_have_no_spread() -> None:
    reference, real, synthetic = (draw_types(seed) for seed in range(3))
    axes = type_axes(reference, TYPES)
    kept = (TYPES != "NK") | (np.arange(len(TYPES)) == 40)
    single = type_spread(axes, real, TYPES, synthetic[kept], TYPES[kept])
    batch = type_spread(axes, real, TYPES, synthetic[TYPES == "T"], TYPES[TYPES == "T"])
    flat = type_spread(axes, np.where((TYPES == "B")[:, None], 0.1, real), TYPES, synthetic, TYPES)
    unknown = type_spread({name: axes[name] for name in ("B", "T")}, real, TYPES, synthetic, TYPES)
    lacking = [{name for name, value in found.items() if np.isnan(value)} for found in (single, batch, flat, unknown)]
    assert lacking == [{"NK"}, {"B", "NK"}, {"B"}, {"NK"}]


def test_axes_are_orthonormal_and_fewer_for_few_cells() -> None:
    labels = np.repeat(["one", "three", "same", "many"], [1, 3, 8, 50])
    cells = np.random.default_rng(0).normal(size=(62, 30))
    cells[labels == "same"] = 0.1
    axes = type_axes(cells, labels)
    assert {name: len(rows) for name, rows in axes.items()} == {"three": 1, "many": 10}
    assert axes["many"] @ axes["many"].T == pytest.approx(np.eye(10))
    assert (np.diff((cells[labels == "many"] @ axes["many"].T).var(axis=0)) < 0).all()
    with pytest.raises(InputError, match="log_expr has 62 cells and labels 61; expected one label for each cell"):
        type_axes(cells, labels[1:])


def test_spread_along_axes_of_other_genes_is_refused() -> None:
    cells = draw_types(0)
    with pytest.raises(InputError, match="axes has 5 columns and real 6; they must be the same ones"):
        type_spread(type_axes(cells[:, 1:], TYPES), cells, TYPES, cells, TYPES)
