import numpy as np
from scipy import sparse

from scgarage.judge.privacy.inputs import Population, divide, match


def _population(labels: list[str], donors: list[str] | None = None) -> Population:
    values = sparse.csr_matrix(np.arange(2 * len(labels), dtype=np.float64).reshape(-1, 2))
    return Population(values, np.ones(len(labels)), np.array(labels), None if donors is None else np.array(donors))


def test_members_and_non_members_have_the_same_types() -> None:
    members, others = np.repeat(["a", "b", "c"], [60, 5, 9]), np.repeat(["a", "b", "d"], [20, 30, 9])
    first, second = match(members, others, n_cells=100, rng=np.random.default_rng(0))
    assert sorted(members[first]) == sorted(others[second]) == ["a"] * 20 + ["b"] * 5
    assert len(set(first)) == len(set(second)) == 25
    first, second = match(members, others, n_cells=10, rng=np.random.default_rng(0))
    assert sorted(members[first]) == sorted(others[second])
    assert len(first) == 10


def test_nothing_in_common_gives_nothing() -> None:
    first, second = match(np.array(["a"]), np.array(["b"]), n_cells=5, rng=np.random.default_rng(0))
    assert len(first) == len(second) == 0


def test_halves_are_disjoint_and_validation_joins_the_reference() -> None:
    train, validation, test = _population(["a"] * 9), _population(["a"] * 3), _population(["a", "b"] * 10)
    division = divide(train, validation, test, np.random.default_rng(0))
    assert division is not None
    assert (len(division.reference), len(division.attacked)) == (13, 10)
    assert not division.donors_differ
    seen = set(division.reference.values[:10, 0].toarray().ravel()) & set(
        division.attacked.values[:, 0].toarray().ravel()
    )
    assert not seen
    assert np.unique(division.attacked.labels, return_counts=True)[1].tolist() == [5, 5]


def test_whole_donors_go_to_one_side_when_train_and_test_share_none() -> None:
    train = _population(["a"] * 4, ["d0"] * 4)
    test = _population(["a"] * 12, [f"d{1 + n % 4}" for n in range(12)])
    division = divide(train, _population([], []), test, np.random.default_rng(0))
    assert division is not None
    assert division.donors_differ
    assert division.reference.donors is not None
    assert division.attacked.donors is not None
    assert not set(division.reference.donors) & set(division.attacked.donors)
    shared = divide(_population(["a"] * 4, ["d1"] * 4), _population([], []), test, np.random.default_rng(0))
    assert shared is not None
    assert not shared.donors_differ


def test_one_test_donor_leaves_no_reference() -> None:
    train, test = _population(["a"] * 4, ["d0"] * 4), _population(["a"] * 4, ["d1"] * 4)
    assert divide(train, _population([], []), test, np.random.default_rng(0)) is None
    division = divide(train, _population(["a"] * 3, ["d2"] * 3), test, np.random.default_rng(0))
    assert division is not None
    assert set(division.reference.donors) == {"d2"}  # type: ignore[arg-type]
