import numpy as np
import pytest

from scgarage.models.garage.positions import DEPTH_MARGIN, Latent
from scgarage.models.garage.strata import Strata

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
