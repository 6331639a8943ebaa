from itertools import pairwise

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models.garage.positions import FEWEST, at_most, choose_seeds
from scgarage.pp import balanced_components
from scgarage.seeds import SELECTORS, farthest_first

BY_SCORE = [name for name in SELECTORS if name not in ("stratified", "attention", "global_top")]


@pytest.fixture(scope="module")
def cells():
    """Log expression of four strata of 60, 40, 12 and 2 cells, and the strata."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1, 4, 7], [60, 40, 12, 2]))
    mean = rng.gamma(1.0, 2.0, size=(8, 30))
    return sparse.csr_matrix(np.log1p(rng.poisson(mean[codes])).astype(np.float32)), codes


def test_all_none_and_stratified_are_what_they_were(cells):
    _, codes = cells
    assert choose_seeds(codes, "all", 0.2, np.random.default_rng(0)).tolist() == list(range(114))
    assert choose_seeds(codes, "none", 0.2, np.random.default_rng(0)).tolist() == []
    rng, expected = np.random.default_rng(5), []
    for code in (0, 1, 4, 7):
        expected += rng.permutation(np.flatnonzero(codes == code))[
            : max(3, round(0.2 * (codes == code).sum()))
        ].tolist()
    assert choose_seeds(codes, "stratified", 0.2, np.random.default_rng(5)).tolist() == sorted(expected)


@pytest.mark.parametrize("name", BY_SCORE)
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_every_stratum_gives_its_share_and_at_least_three(cells, name, share):
    log_expr, codes = cells
    seeds = choose_seeds(codes, name, share, np.random.default_rng(0), log_expr=log_expr)
    sizes = {0: 60, 1: 40, 4: 12, 7: 2}
    for code, size in sizes.items():
        assert (codes[seeds] == code).sum() == min(size, max(FEWEST, round(share * size)))
    assert (np.diff(seeds) > 0).all()


def test_seeds_are_those_of_highest_score_in_their_stratum(cells):
    log_expr, codes = cells
    seeds = choose_seeds(codes, "k_centre", 0.2, np.random.default_rng(0), log_expr=log_expr)
    points = balanced_components(log_expr, labels=codes.astype(str)).transform(log_expr)
    own = np.flatnonzero(codes == 1)
    n_own = int((codes[seeds] == 1).sum())
    best = own[np.argsort(-farthest_first(points[own], n_own))[:n_own]]
    assert set(seeds[codes[seeds] == 1]) == set(best)


def test_order_of_the_cells_is_irrelevant(cells):
    log_expr, codes = cells
    order = np.random.default_rng(1).permutation(len(codes))
    first = choose_seeds(codes, "density", 0.2, np.random.default_rng(0), log_expr=log_expr)
    second = choose_seeds(codes[order], "density", 0.2, np.random.default_rng(0), log_expr=log_expr[order])
    assert set(order[second]) == set(first)


def test_scores_need_expression(cells):
    with pytest.raises(InputError, match="chosen by expression; pass log_expr="):
        choose_seeds(cells[1], "community", 0.2, np.random.default_rng(0))


def test_the_model_takes_its_seeds_from_the_selector(cells):
    log_expr, codes = cells
    adata = ad.AnnData(sparse.csr_matrix(np.expm1(log_expr.toarray()).round().astype(np.float32)))
    adata.obs["cell_type"] = codes.astype(str)
    adata = adata[codes != 7, adata.X.sum(axis=0).A1 > 0].copy()
    settings = {"refine": False, "n_sweeps": 2, "n_kept": 1, "n_factors": 3, "seed_share": 0.1}
    found = {}
    for name in ("community", "k_centre", "stratified"):
        model = sg.models.Garage(seeds=name, **settings)
        model.fit(adata, labels_key="cell_type", validation=None, options=sg.models.FitOptions(progress=False))
        found[name] = model.seed_names
    assert {name: len(names) for name, names in found.items()} == dict.fromkeys(found, 6 + 4 + 3)
    assert all(set(a) != set(b) for a, b in pairwise(found.values()))


def test_at_most_keeps_small_strata_whole():
    codes = np.repeat([0, 1], [3000, 150])
    rows = at_most(codes, 1000, np.random.default_rng(0))
    assert (codes[rows] == 1).sum() == 150
    assert 900 <= len(rows) <= 1150
    assert at_most(codes, 5000, np.random.default_rng(0)).tolist() == list(range(3150))
