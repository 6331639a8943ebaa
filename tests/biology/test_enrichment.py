import numpy as np
import pytest
from scipy.stats import hypergeom

from scgarage.analyses.markers import corrected, type_enrichment
from scgarage.errors import InputError

LABELS = np.repeat(["a", "b", "c"], [6, 10, 14])


def groups(n_top: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(LABELS))
    top, bottom = np.zeros((2, len(LABELS)), dtype=bool)
    top[order[:n_top]], bottom[order[-n_top:]] = True, True
    return top, bottom


def test_p_value_is_the_sum_of_tables_no_more_likely_than_the_one_found():
    top, bottom = groups()
    table = type_enrichment(LABELS, top, bottom, rare=np.array(["a"])).set_index("type")
    for name in "abc":
        in_top, both = int((LABELS[top] == name).sum()), int((LABELS[top | bottom] == name).sum())
        chances = hypergeom(20, both, 10).pmf(np.arange(both + 1))
        expected = chances[chances <= chances[in_top] * (1 + 1e-9)].sum()
        assert table.loc[name, "n_top"] == in_top
        np.testing.assert_allclose(table.loc[name, "p_value"], expected)
    assert table["rare"].to_dict() == {"a": True, "b": False, "c": False}


def test_exchanging_the_groups_inverts_the_odds_and_keeps_the_p_values():
    top, bottom = groups()
    one, other = (type_enrichment(LABELS, *pair, rare=np.array([])) for pair in ((top, bottom), (bottom, top)))
    np.testing.assert_allclose(one["p_value"], other["p_value"])
    np.testing.assert_allclose(one["odds_ratio"], 1 / other["odds_ratio"])


def test_q_values_are_benjamini_and_hochbergs():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(corrected(p), [0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert len(corrected(np.empty(0))) == 0


def test_overlapping_or_empty_groups_are_refused():
    top, bottom = groups()
    for pair in ((top, top), (top, np.zeros_like(bottom)), (top[:5], bottom)):
        with pytest.raises(InputError, match="without a common cell"):
            type_enrichment(LABELS, *pair, rare=np.array([]))
