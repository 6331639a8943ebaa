import numpy as np
import pytest
from scipy.optimize import brentq

from scgarage.analyses import HARMONISATION_METHODS, harmonise, lisi, mixing, separation
from scgarage.errors import InputError

KEYS = {"labels_key": "type", "batch_key": "condition"}


@pytest.fixture(scope="module")
def table(two_conditions, small_settings):
    return harmonise(two_conditions, target="stim", settings=small_settings, n_pcs=5, perplexity=15, **KEYS)


def test_a_batch_effect_goes_away_and_types_stay(table):
    values = table.set_index(["metric", "method"])["value"]
    assert tuple(table["method"].unique()) == HARMONISATION_METHODS
    assert values["mixing", "before"] < 0.1
    for method in ("garage", "mean shift", "floor"):
        assert values["mixing", method] > 0.6
        assert values["separation", method] > 0.9


def test_bad_requests_are_refused(two_conditions):
    with pytest.raises(InputError, match="one of several batches; found ctrl, stim"):
        harmonise(two_conditions, target="absent", **KEYS)
    with pytest.raises(InputError, match="no such column"):
        harmonise(two_conditions, target="stim", labels_key="type", batch_key="absent")


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    return rng.normal(size=(80, 3)), rng.choice(list("abc"), size=80)


def one_by_one(points, labels, perplexity):
    """Solve for the bandwidth of every cell on its own."""
    found = []
    for point in points:
        squared = ((points - point) ** 2).sum(axis=1)
        near = np.argsort(squared)[1 : int(3 * perplexity) + 1]

        def weights(log_beta, squared=squared, near=near):
            w = np.exp(-np.exp(log_beta) * (squared[near] - squared[near].min()))
            return w / w.sum()

        def gap(log_beta, weights=weights):
            w = weights(log_beta)
            return -(w * np.log(np.maximum(w, 1e-300))).sum() - np.log(perplexity)

        w = weights(brentq(gap, -15, 15))
        found.append(1 / sum(w[labels[near] == name].sum() ** 2 for name in np.unique(labels)))
    return np.array(found)


def test_against_one_cell_at_a_time(cells):
    np.testing.assert_allclose(lisi(*cells, perplexity=10), one_by_one(*cells, 10), rtol=1e-5)


def test_order_rotation_and_scale_do_not_matter(cells):
    points, labels = cells
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(lisi(7 * points @ rotation + 3, labels), lisi(points, labels), rtol=1e-6)
    order = np.random.default_rng(2).permutation(80)
    np.testing.assert_allclose(lisi(points[order], labels[order]), lisi(points, labels)[order], rtol=1e-6)


def test_ends_of_the_scale():
    rng = np.random.default_rng(3)
    points, labels = rng.normal(size=(400, 2)), np.repeat(["a", "b"], 200)
    apart = points + 100 * (labels == "b")[:, None]
    assert mixing(apart, labels) == pytest.approx(0, abs=1e-6)
    assert separation(apart, labels) == pytest.approx(1, abs=1e-6)
    assert mixing(points, labels) > 0.85
    assert separation(points, labels) < 0.15


def test_bad_input_is_refused(cells):
    points, labels = cells
    with pytest.raises(InputError, match="expected one for each"):
        lisi(points, labels[:9])
    with pytest.raises(InputError, match="at least 10"):
        lisi(points[:5], labels[:5])
    with pytest.raises(InputError, match="perplexity"):
        lisi(points, labels, perplexity=1)
    for function in (mixing, separation):
        with pytest.raises(InputError, match="at least 2"):
            function(points, ["a"] * 80)
