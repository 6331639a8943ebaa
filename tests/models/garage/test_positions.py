from itertools import pairwise

import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

import scgarage as sg
from scgarage.errors import InputError
from scgarage.models.garage.positions import (
    CLOSED,
    DEPTH_MARGIN,
    FEWEST,
    SMALLEST,
    Latent,
    _with_islands,
    _without_small,
    at_most,
    choose_seeds,
    cluster,
)
from scgarage.models.garage.strata import Strata
from scgarage.pp import balanced_components
from scgarage.seeds import SELECTORS, farthest_first


def planted(n_rare=8, seed=0):
    """Three types of 492 cells together, and a rare one, each with its own marker genes."""
    rng = np.random.default_rng(seed)
    types = np.concatenate([np.arange(492) % 3, np.full(n_rare, 3)])
    mean = np.full((4, 80), 1.0)
    for number in range(4):
        mean[number, number * 10 : number * 10 + 10] = 8.0
    return sparse.csr_matrix(np.log1p(rng.poisson(mean[types])).astype(np.float32)), types


@pytest.fixture(scope="module")
def found():
    values, types = planted()
    return cluster(values, resolution=2.0, random_state=0), types


def test_a_rare_type_gets_its_own_cluster(found):
    clusters, types = found
    rare = clusters[types == 3]
    assert len(set(rare)) == 1
    assert set(clusters[types < 3]).isdisjoint(rare)


def test_no_cluster_mixes_types(found):
    clusters, types = found
    for number in np.unique(clusters):
        inside = types[clusters == number]
        assert (inside == np.bincount(inside).argmax()).mean() > 0.95


def test_numbers_are_consecutive_and_reproducible(found):
    clusters, _ = found
    assert set(clusters) == set(range(clusters.max() + 1))
    assert np.bincount(clusters).min() >= 3
    np.testing.assert_array_equal(cluster(planted()[0], resolution=2.0, random_state=0), clusters)


def test_order_of_genes_is_irrelevant(found):
    values, _ = planted()
    order = np.random.default_rng(0).permutation(values.shape[1])
    again = cluster(values[:, order], resolution=2.0, random_state=0)
    assert adjusted_rand_score(found[0], again) > 0.8


def test_few_cells_make_one_or_more_clusters():
    values, _ = planted()
    clusters = cluster(values[:6], resolution=2.0, random_state=0)
    assert clusters.shape == (6,)
    assert np.bincount(clusters).min() >= 3


def islands_by_definition(labels, candidates, near):
    found = labels.copy()
    for number in np.unique(candidates):
        own = np.flatnonzero(candidates == number)
        wanted = min(near.shape[1], len(own) - 1)
        if len(own) >= SMALLEST and np.mean([np.isin(near[cell][:wanted], own).mean() for cell in own]) >= CLOSED:
            found[own] = labels.max() + 1 + number
    return found


def test_islands_are_candidates_that_hold_most_of_their_neighbours():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(80, 2)), 30 + rng.normal(size=(14, 2))])
    near = NearestNeighbors(n_neighbors=14).fit(points).kneighbors(return_distance=False)
    # A slice of the large group, the small group, two of its cells alone, and the rest.
    candidates = np.where(points[:, 0] < -0.8, 0, 3)
    candidates[80:] = 1
    candidates[80:82] = 2
    labels = np.zeros(94, dtype=np.int64)
    found = _with_islands(labels, candidates, near)
    np.testing.assert_array_equal(found, islands_by_definition(labels, candidates, near))
    assert set(found[82:]) == {1 + 1}
    assert set(found[candidates == 0]) == {0}
    assert set(found[candidates == 2]) == {0}


def test_an_island_is_found_where_the_resolution_is_too_low_for_it():
    values, types = planted(n_rare=12, seed=1)
    clusters = cluster(values, resolution=0.05, random_state=0)
    rare = clusters[types == 3]
    assert len(set(rare)) == 1
    assert set(clusters[types < 3]).isdisjoint(rare)


def test_lost_cells_join_the_nearest_cluster():
    points = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2], [8.0], [1.0]], dtype=np.float32)
    labels = np.array([0, 0, 0, 2, 2, 2, 1, 3])
    assert _without_small(points, labels).tolist() == [0, 0, 0, 1, 1, 1, 1, 0]
    assert _without_small(points, np.arange(8)).tolist() == [0] * 8


N_DIMS = 4


def normal_draws(sizes=(500, 300), n_draws=3, seed=0):
    """Positions of cells of two types, normal with a covariance of their own, and draws close to them."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(len(sizes), N_DIMS, N_DIMS)) * 0.5 + np.eye(N_DIMS)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    centre = np.einsum("nij,nj->ni", mix[codes], rng.normal(size=(len(codes), N_DIMS))) + 5.0 * codes[:, None]
    draws = centre[None] + 0.01 * rng.normal(size=(n_draws, *centre.shape))
    draws[..., -1] = centre[:, -1]  # library sizes are known
    return draws.astype(np.float32), codes


def fitted(draws, codes, *, seeds=None, n_batches=1, n_strata=None):
    strata = Strata.of(codes // n_batches, codes % n_batches, (n_strata or codes.max() + 1) // n_batches, n_batches)
    seeds = np.arange(len(codes)) if seeds is None else np.asarray(seeds)
    return Latent.fit(draws, codes, strata, seeds=seeds, n_neighbours=50)


def drawn(latent, codes, jitter, seed=0):
    return latent.draw(np.asarray(codes), jitter, np.random.default_rng(seed))


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_mean_and_covariance_are_those_of_the_cells(jitter):
    draws, codes = normal_draws()
    made = drawn(fitted(draws, codes), np.repeat([0, 1], 4000), jitter)
    for code, part in enumerate(np.split(made, 2)):
        real = draws[0][codes == code]
        np.testing.assert_allclose(part.mean(axis=0), real.mean(axis=0), atol=0.1)
        truth, found = np.cov(real, rowvar=False), np.cov(part, rowvar=False)
        assert np.linalg.norm(found - truth) < 0.25 * np.linalg.norm(truth)


def test_without_jitter_seeds_come_back_each_as_often():
    draws, codes = normal_draws(sizes=(20, 10))
    made = drawn(fitted(draws, codes), [0] * 50, 0.0)
    distance = np.abs(made[:, None] - draws[-1][None, :20]).max(axis=2)
    assert distance.min(axis=1).max() < 1e-4
    uses = np.bincount(distance.argmin(axis=1), minlength=20)
    assert set(uses) == {2, 3}


def test_only_seeds_are_starts_and_a_type_without_seeds_echoes_no_cell():
    draws, codes = normal_draws(sizes=(30, 30))
    latent = fitted(draws, codes, seeds=[3, 7])
    made = drawn(latent, [0] * 40, 0.0)
    assert np.abs(made[:, None] - draws[-1][None, [3, 7]]).max(axis=2).min(axis=1).max() < 1e-4
    other = drawn(latent, [1] * 40, 0.0)
    assert np.abs(other[:, None] - draws[-1][None, 30:]).max(axis=2).min() > 1e-2


def test_jitter_moves_cells_away_from_their_seeds():
    draws, codes = normal_draws()
    latent = fitted(draws, codes)
    away = []
    for jitter in (0.2, 0.5, 0.85, 1.0):
        rows = np.arange(500)
        moved = latent.around(rows, jitter, np.random.default_rng(0))
        away.append(float(np.linalg.norm(moved - draws[-1][rows], axis=1).mean()))
    assert np.diff(away).min() > 0.05


def test_a_stratum_never_seen_lies_where_type_and_batch_say():
    """Three of four combinations: the offset of the second batch is that of the type seen in both."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 100)
    centre = np.array([[0.0, 0, 0, 7], [4, 0, 0, 7], [0, 9, 0, 7]])
    draws = (centre[codes] + 0.1 * rng.normal(size=(1, 300, N_DIMS))).astype(np.float32)
    latent = fitted(draws, codes, n_batches=2, n_strata=4)
    made = drawn(latent, [3] * 200, 0.5)
    assert np.isfinite(made).all()
    assert made[:, 1].mean() == pytest.approx(9, abs=0.2)  # the type
    assert 0.5 < made[:, 0].mean() < 4.5  # the batch
    seen = drawn(latent, [2] * 200, 0.5)
    assert abs(seen[:, 0].mean()) < 0.2


@pytest.mark.parametrize("jitter", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("n_wanted", [1, 2, 9])
def test_strata_of_one_and_two_cells_are_finite(jitter, n_wanted):
    draws, codes = normal_draws(sizes=(60, 1, 2))
    made = drawn(fitted(draws, codes), np.repeat([0, 1, 2], n_wanted), jitter)
    assert made.shape == (3 * n_wanted, N_DIMS)
    assert np.isfinite(made).all()
    assert np.abs(made[n_wanted : 2 * n_wanted] - draws[-1][60]).max() < 6


def test_library_sizes_stay_near_the_range_of_the_stratum():
    draws, codes = normal_draws()
    made = drawn(fitted(draws, codes), np.repeat([0, 1], 3000), 1.0)
    for code, part in enumerate(np.split(made, 2)):
        real = draws[0][codes == code, -1]
        assert part[:, -1].min() >= real.min() - DEPTH_MARGIN - 1e-4
        assert part[:, -1].max() <= real.max() + DEPTH_MARGIN + 1e-4


def test_moving_all_cells_moves_all_draws():
    draws, codes = normal_draws()
    shift = np.array([3.0, -2.0, 0.5, 1.0], dtype=np.float32)
    made = drawn(fitted(draws, codes), codes, 0.7)
    moved = drawn(fitted(draws + shift, codes), codes, 0.7)
    assert np.abs(moved - made - shift).mean() < 0.02


def test_same_source_same_positions_in_the_order_asked_for():
    draws, codes = normal_draws()
    latent = fitted(draws, codes)
    mixed = np.array([1, 0, 1, 0, 0])
    np.testing.assert_array_equal(drawn(latent, mixed, 0.5), drawn(latent, mixed, 0.5))
    assert (drawn(latent, mixed, 0.5) != drawn(latent, mixed, 0.5, seed=1)).any()
    middle = (draws[0][codes == 0].mean(axis=0) + draws[0][codes == 1].mean(axis=0)) / 2
    side = drawn(latent, np.tile(mixed, 40), 0.5)[:, :3] - middle[:3]
    assert np.mean((side.sum(axis=1) > 0) == np.tile(mixed == 1, 40)) > 0.9


def test_scale_is_the_spread_of_each_dimension():
    draws, codes = normal_draws()
    np.testing.assert_allclose(fitted(draws, codes).scale(), draws[-1].std(axis=0), rtol=1e-4)
    flat = draws.copy()
    flat[..., 2] = 1.0
    assert fitted(flat, codes).scale()[2] > 0


def test_long_axes_across_the_dimensions_keep_their_length():
    """Noise of neighbourhoods shortens them, and ranks of single dimensions do not see that."""
    rng = np.random.default_rng(0)
    mix = np.array([[3.0, 3, 3, 3], [0.3, -0.3, 0, 0], [0, 0.3, -0.3, 0], [0, 0, 0.3, -0.3]])
    codes = np.zeros(600, dtype=np.int64)
    points = np.tanh(rng.normal(size=(600, 4))) @ mix  # curved: neighbourhoods differ from the whole
    latent = fitted(points[None].astype(np.float32), codes)
    made = drawn(latent, np.zeros(6000, dtype=np.int64), 1.0)
    for axis in mix / np.linalg.norm(mix, axis=1, keepdims=True):
        assert (made @ axis).std() == pytest.approx((points @ axis).std(), rel=0.1)


def test_seeds_of_small_strata_can_be_moved_farther():
    draws, codes = normal_draws(sizes=(200, 12))
    latent = fitted(draws, codes)
    made = latent.draw(np.repeat([0, 1], 12), 0.0, np.random.default_rng(0), jitter_of_few=1.0)
    nearest = np.linalg.norm(made[:, None] - draws[-1][None], axis=2).min(axis=1)
    assert nearest[:12].max() < 1e-4  # not moved
    assert nearest[12:].min() > 0.05


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
