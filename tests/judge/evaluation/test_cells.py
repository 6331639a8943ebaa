import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgarage.judge.evaluation.cells import Cells, NormalNull, PoissonNull, copies, describe_cells, rare_types, shuffled


@pytest.fixture
def cells() -> Cells:
    return Cells(sparse.csr_matrix(np.arange(1.0, 6.0)[:, None]), np.array(list("abcde")))


def test_rows_keep_their_labels(cells: Cells) -> None:
    taken = cells.take(np.array([3, 0]))
    assert taken.log_expr.toarray().ravel().tolist() == [4.0, 1.0]
    assert taken.labels.tolist() == ["d", "a"]


@pytest.mark.parametrize(("asked", "expected"), [(3, 3), (5, 5), (9, 5), (0, 0)])
def test_drawn_cells_are_different_ones(cells: Cells, asked: int, expected: int) -> None:
    drawn = cells.draw(asked, np.random.default_rng(0))
    assert len(drawn) == len(set(drawn.labels.tolist())) == expected
    assert (np.array(list("_abcde"))[drawn.log_expr.toarray().ravel().astype(int)] == drawn.labels).all()


def test_totals_go_with_their_cells_and_may_be_unknown(cells: Cells) -> None:
    assert cells.take(np.array([1])).totals is None
    known = Cells(cells.log_expr, cells.labels, np.arange(5.0))
    assert known.take(np.array([3, 0])).totals.tolist() == [3.0, 0.0]


LABELS = np.repeat(["B", "T"], [300, 100])


@pytest.fixture
def counts() -> sparse.csr_matrix:
    rng = np.random.default_rng(0)
    means = np.where((LABELS == "B")[:, None], [1.0, 5.0, 0.2, 8.0], [4.0, 0.5, 2.0, 3.0])
    return sparse.csr_matrix(rng.poisson(means).astype(np.float32))


def test_poisson_means_are_those_of_each_type(counts: sparse.csr_matrix) -> None:
    totals = np.asarray(counts.sum(axis=1)).ravel() + 10.0
    null = PoissonNull.fit(counts[:, :3], totals, LABELS)
    expected = pd.DataFrame(counts.toarray()).groupby(LABELS).mean()
    assert null.mix.types.tolist() == ["B", "T"]
    assert null.mix.shares == pytest.approx([0.75, 0.25])
    assert null.means == pytest.approx(expected.iloc[:, :3].to_numpy())
    assert null.rest == pytest.approx(expected.iloc[:, 3].to_numpy() + 10.0)


def test_poisson_cells_have_the_means_and_zeros_of_their_type(counts: sparse.csr_matrix) -> None:
    totals = np.full(len(LABELS), 1000.0)
    cells = PoissonNull.fit(counts, totals, LABELS).sample(20_000, np.random.default_rng(1))
    assert (cells.labels == "T").mean() == pytest.approx(0.25, abs=0.02)
    expected = pd.DataFrame(counts.toarray()).groupby(LABELS).mean()
    for name in ("B", "T"):
        values = cells.log_expr[cells.labels == name].toarray()
        # A total near 1000 for every cell: ten per count on the CP10k scale.
        assert np.expm1(values).mean(axis=0) / 10 == pytest.approx(expected.loc[name], rel=0.1)
        assert (values == 0).mean(axis=0) == pytest.approx(np.exp(-expected.loc[name]), abs=0.03)


def test_poisson_cells_are_normalised_over_all_genes(counts: sparse.csr_matrix) -> None:
    null = PoissonNull.fit(counts, np.asarray(counts.sum(axis=1)).ravel(), LABELS)
    assert null.rest == pytest.approx(0, abs=1e-9)
    values = null.sample(50, np.random.default_rng(2)).log_expr.toarray()
    assert np.expm1(values).sum(axis=1) == pytest.approx(1e4, rel=1e-4)


def test_genes_of_the_null_do_not_go_together() -> None:
    common = np.random.default_rng(3).gamma(2.0, 2.0, size=(500, 1))
    counts = sparse.csr_matrix(np.random.default_rng(4).poisson(common * [2.0, 3.0]))
    null = PoissonNull.fit(counts, np.full(500, 2000.0), np.repeat("B", 500))
    values = null.sample(5000, np.random.default_rng(5)).log_expr.toarray()
    assert np.corrcoef(counts.toarray().T)[0, 1] > 0.5
    assert abs(np.corrcoef(values.T)[0, 1]) < 0.05


def test_normal_cells_have_the_moments_of_their_type() -> None:
    rng = np.random.default_rng(6)
    log_expr = rng.normal(np.where((LABELS == "B")[:, None], [4.0, 6.0], [8.0, 5.0]), [0.5, 1.0])
    null = NormalNull.fit(sparse.csr_matrix(log_expr), LABELS)
    groups = pd.DataFrame(log_expr).groupby(LABELS)
    assert null.means == pytest.approx(groups.mean().to_numpy())
    assert null.deviations == pytest.approx(groups.std(ddof=0).to_numpy())
    cells = null.sample(5000, rng)
    values = pd.DataFrame(cells.log_expr.toarray()).groupby(cells.labels)
    assert values.mean().to_numpy() == pytest.approx(null.means, abs=0.1)
    assert values.std().to_numpy() == pytest.approx(null.deviations, abs=0.05)


def test_normal_cells_are_never_negative() -> None:
    null = NormalNull.fit(sparse.csr_matrix(np.abs(np.random.default_rng(7).normal(0, 1, (50, 3)))), LABELS[:50])
    assert null.sample(200, np.random.default_rng(8)).log_expr.min() == 0


def test_copies_are_cells_with_their_labels(counts: sparse.csr_matrix) -> None:
    source = Cells(sparse.csr_matrix(np.arange(4.0)[:, None]), np.array(list("abcd")))
    drawn = copies(source, 30, np.random.default_rng(9))
    assert len(drawn) == 30
    assert (np.array(list("abcd"))[drawn.log_expr.toarray().ravel().astype(int)] == drawn.labels).all()
    assert len(set(drawn.labels)) == 4


@pytest.mark.parametrize("seed", [0, 1])
def test_same_generator_state_same_cells(counts: sparse.csr_matrix, seed: int) -> None:
    null = PoissonNull.fit(counts, np.full(len(LABELS), 100.0), LABELS)
    first, second = (null.sample(10, np.random.default_rng(seed)) for _ in range(2))
    assert (first.log_expr != second.log_expr).nnz == 0
    assert (first.labels == second.labels).all()


def test_cells_of_given_types_keep_the_order_and_know_their_totals(counts: sparse.csr_matrix) -> None:
    null = PoissonNull.fit(counts, np.full(len(LABELS), 500.0), LABELS)
    asked = np.array(["T", "B", "T"] * 200)
    cells = null.of_types(asked, np.random.default_rng(0))
    assert (cells.labels == asked).all()
    assert cells.totals.mean() == pytest.approx(500, rel=0.02)
    scaled = np.expm1(cells.log_expr.toarray()) * cells.totals[:, None] / 1e4
    assert scaled == pytest.approx(np.round(scaled), abs=1e-3)
    expected = pd.DataFrame(counts.toarray()).groupby(LABELS).mean().loc["T"]
    assert scaled[asked == "T"].mean(axis=0) == pytest.approx(expected.to_numpy(), rel=0.1)


def test_shuffling_keeps_cells_and_proportions() -> None:
    source = Cells(sparse.csr_matrix(np.arange(400.0)[:, None]), LABELS)
    found = shuffled(source, np.random.default_rng(0))
    assert (found.log_expr != source.log_expr).nnz == 0
    assert sorted(found.labels) == sorted(LABELS)
    assert (found.labels == LABELS).mean() == pytest.approx(0.75**2 + 0.25**2, abs=0.08)


TWO_TYPES = np.repeat(["B", "T"], [30, 20])


def test_narrow_poisson_null_is_the_one_fitted_on_those_genes() -> None:
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, size=(50, 6)).astype(float))
    totals = np.asarray(counts.sum(axis=1)).ravel() + 3.0
    genes = np.array([4, 1])
    narrow = PoissonNull.fit(counts, totals, TWO_TYPES).narrowed(genes)
    oracle = PoissonNull.fit(counts[:, genes], totals, TWO_TYPES)
    assert narrow.means == pytest.approx(oracle.means)
    assert narrow.rest == pytest.approx(oracle.rest)


def test_narrow_normal_null_is_the_one_fitted_on_those_genes() -> None:
    values = sparse.csr_matrix(np.random.default_rng(1).random((50, 6)))
    genes = np.array([5, 0, 2])
    narrow, oracle = NormalNull.fit(values, TWO_TYPES).narrowed(genes), NormalNull.fit(values[:, genes], TWO_TYPES)
    assert narrow.means == pytest.approx(oracle.means)
    assert narrow.deviations == pytest.approx(oracle.deviations)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"B": 95, "T": 5}, ()),
        ({"B": 96, "T": 4}, ("T",)),
        ({"B": 920, "T": 45, "NK": 15, "Mk": 20}, ("NK", "Mk", "T")),
    ],
)
def test_rare_types_are_below_five_percent_rarest_first(sizes: dict[str, int], expected: tuple[str, ...]) -> None:
    labels = np.repeat(list(sizes), list(sizes.values()))
    assert rare_types(labels) == expected
    assert rare_types(labels[::-1]) == expected


def test_description_is_plain_and_counts_all_real_cells() -> None:
    real = {"train": np.array(["B", "T"]), "validation": np.array([], dtype=str), "test": np.array(["B"])}
    found = describe_cells(real, np.array(["T", "unsure"]), n_synthetic=2)
    assert json.loads(json.dumps(found)) == found
    assert found["type_counts"] == {"real": {"B": 2, "T": 1}, "synthetic": {"T": 1, "unsure": 1}}
    assert (found["n_train"], found["n_validation"], found["n_test"], found["n_synthetic"]) == (2, 0, 1, 2)


def test_unknown_types_are_not_counted() -> None:
    real = dict.fromkeys(("train", "validation", "test"), np.array(["B"]))
    assert "type_counts" not in describe_cells(real, None, n_synthetic=5)
