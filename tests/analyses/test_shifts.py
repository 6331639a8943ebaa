import numpy as np
from scipy import sparse

from scgarage.analyses import mean_shifts, shifted


def test_a_known_shift_is_found_and_undone():
    rng = np.random.default_rng(0)
    truth = {"a": np.array([1.0, 0.0, 2.0]), "b": np.array([0.0, 3.0, 0.0])}
    types, batches = np.repeat(["a", "b", "c"], 40), np.tile(["x", "y"], 60)
    batches[types == "c"] = "x"
    base = rng.uniform(4, 5, size=(60, 3)).repeat(2, axis=0)  # pairs of cells that differ by the batch only
    move = np.stack([truth.get(name, np.zeros(3)) for name in types]) * (batches == "y")[:, None]
    expr = sparse.csr_matrix(base + move)
    found, overall = mean_shifts(expr, types, batches, ("x", "y"))
    assert set(found) == {"a", "b"}
    for name, shift in found.items():
        np.testing.assert_allclose(shift, truth[name], atol=1e-6)
    np.testing.assert_allclose(overall, (truth["a"] + truth["b"]) / 2)
    before = np.flatnonzero(batches == "x")
    moved = shifted(expr[before], types[before], found, overall).toarray()
    known = types[before] != "c"
    np.testing.assert_allclose(moved[known], expr[np.flatnonzero(batches == "y")].toarray(), rtol=1e-5)
    np.testing.assert_allclose(moved[~known], base[before][~known] + overall, rtol=1e-5)


def test_nothing_falls_below_zero_and_no_common_type_means_no_shift():
    expr = sparse.csr_matrix(np.ones((4, 2)))
    assert shifted(expr, np.array(["a"] * 4), {"a": np.array([-3.0, 1.0])}, np.zeros(2)).toarray().tolist()[0] == [0, 2]
    found, overall = mean_shifts(expr, np.array(list("aabb")), np.array(list("xxyy")), ("x", "y"))
    assert not found
    assert not overall.any()
