"""Batches are a function of their number."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse

from scgarage.errors import InputError
from scgarage.training import Batches, seeded
from scgarage.training.batches import reseed


def columns(n_rows: int = 13) -> dict[str, object]:
    dense = np.arange(n_rows * 3, dtype=np.float32).reshape(n_rows, 3)
    dense[dense % 2 == 0] = 0
    return {"csr": sparse.csr_matrix(dense), "array": dense, "tensor": torch.from_numpy(dense.copy())}


def test_batch_depends_on_its_index_only():
    forward, backward = (Batches(columns(), batch_size=4, random_state=3) for _ in range(2))
    seen = {i: forward.at(i) for i in range(12)}
    for i in reversed(range(12)):
        for name, tensor in backward.at(i).items():
            assert torch.equal(tensor, seen[i][name])


def test_another_seed_or_epoch_gives_another_order():
    batches, other = (Batches(columns(40), batch_size=40, random_state=seed) for seed in (0, 1))
    assert not np.array_equal(batches.rows(0), batches.rows(1))
    assert not np.array_equal(batches.rows(0), other.rows(0))


@pytest.mark.parametrize(("n_rows", "batch_size"), [(12, 4), (13, 4), (5, 5), (3, 8), (7, 1)])
def test_epoch_covers_every_row_at_most_once(n_rows: int, batch_size: int):
    batches = Batches(columns(n_rows), batch_size=batch_size)
    per_epoch = n_rows // min(batch_size, n_rows)
    for epoch in range(3):
        rows = np.concatenate([batches.rows(epoch * per_epoch + i) for i in range(per_epoch)])
        assert len(rows) == per_epoch * min(batch_size, n_rows)
        assert len(np.unique(rows)) == len(rows)


def test_rows_left_out_of_an_epoch_change_between_epochs():
    batches = Batches(columns(13), batch_size=4)
    seen = np.concatenate([batches.rows(i) for i in range(3 * 20)])
    counts = np.bincount(seen, minlength=13)
    assert counts.min() > 0
    assert counts.max() <= 20


def test_columns_stay_aligned_and_csr_becomes_dense():
    batches = Batches(columns(), batch_size=4)
    for i in range(6):
        batch = batches.at(i)
        assert torch.equal(batch["csr"], batch["array"])
        assert torch.equal(batch["csr"], batch["tensor"])
        assert batch["csr"].layout == torch.strided
        assert batch["csr"].dtype == torch.float32
        assert_array_equal(batch["array"].numpy(), columns()["array"][batches.rows(i)])


def test_csr_column_is_not_made_dense_as_a_whole():
    wide = sparse.csr_matrix(([1.0], ([0], [0])), shape=(10**6, 10**5))  # 800 GB when dense
    assert Batches({"x": wide}, batch_size=2).at(5)["x"].shape == (2, 10**5)


def test_no_batch_size_gives_all_rows_in_order():
    batches = Batches(columns(), batch_size=None)
    for i in (0, 7):
        assert torch.equal(batches.at(i)["csr"], columns()["tensor"])


def test_batches_do_not_share_memory_with_the_data():
    data = columns()
    batches = Batches(data, batch_size=4)
    for tensor in batches.at(0).values():
        tensor.zero_()
    assert_array_equal(data["array"], columns()["array"])
    assert torch.equal(data["tensor"], columns()["tensor"])


@pytest.mark.parametrize(
    ("bad", "batch_size"),
    [
        ({}, 2),
        ({"x": np.zeros((0, 2))}, 2),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, 2),
        ({"x": np.zeros((3, 2))}, 0),
    ],
)
def test_unusable_columns_are_refused(bad: dict[str, np.ndarray], batch_size: int):
    with pytest.raises(InputError):
        Batches(bad, batch_size=batch_size)


def test_same_seed_same_numbers_and_another_seed_others():
    draws = []
    for seed in (0, 0, 1, (0, 1), (0, 1), (1, 0)):
        with seeded(seed):
            draws.append(torch.rand(4).tolist())
    assert draws[0] == draws[1]
    assert draws[3] == draws[4]
    assert len({tuple(d) for d in draws}) == 4


def test_plain_seed_is_that_of_torch():
    expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
    with seeded(7):
        assert torch.equal(torch.rand(3), expected)


def test_numpy_integers_are_seeds():
    with seeded(7):
        expected = torch.rand(3)
    with seeded(np.int64(7)):
        assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("fail", [False, True])
def test_callers_state_comes_back_even_after_an_error(fail: bool):
    before = torch.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002  (the global state is what is tested)
    try:
        with seeded(3):
            torch.rand(5)
            with seeded(4):
                torch.rand(5)
            reseed([1, 2])
            if fail:
                raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_inner_block_does_not_disturb_the_outer_one():
    with seeded(5):
        expected = torch.rand(4)
    with seeded(5):
        first = torch.rand(2)
        with seeded(9):
            torch.rand(100)
        second = torch.rand(2)
    assert torch.equal(torch.cat([first, second]), expected)
