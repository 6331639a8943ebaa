"""The three attacks, by what they must have in common, and each against its equation."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from sklearn.metrics import roc_auc_score, roc_curve

from scgarage.errors import InputError
from scgarage.judge.privacy import ATTACKS, distance_attack, domias, gan_leaks
from scgarage.judge.privacy.attacks import Ranking


def _scores(seed: int, *, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    members, others = rng.normal(0.6, 1, 300), rng.normal(0, 1, 250)
    return (members.round(1), others.round(1)) if ties else (members, others)


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_scikit_learn(ties: bool) -> None:
    members, others = _scores(0, ties=ties)
    truth, scores = np.repeat([1, 0], [300, 250]), np.concatenate([members, others])
    ranking = Ranking.of(members, others)
    assert ranking.auroc() == pytest.approx(roc_auc_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    for rate in (0.01, 0.05, 0.2):
        assert ranking.true_positive_rate(false_positives=rate) == pytest.approx(true[false <= rate].max())


def test_weights_are_repeated_cells() -> None:
    members, others = _scores(1, ties=True)
    rng = np.random.default_rng(2)
    times = rng.integers(0, 4, 300), rng.integers(0, 4, 250)
    ranking, repeated = (
        Ranking.of(members, others),
        Ranking.of(np.repeat(members, times[0]), np.repeat(others, times[1])),
    )
    assert ranking.auroc(*times) == pytest.approx(repeated.auroc())
    assert ranking.true_positive_rate(*times) == pytest.approx(repeated.true_positive_rate())


def test_a_rising_map_changes_nothing_and_a_falling_one_mirrors() -> None:
    members, others = _scores(3, ties=False)
    ranking = Ranking.of(members, others)
    assert Ranking.of(np.exp(members), np.exp(others)).auroc() == pytest.approx(ranking.auroc())
    assert Ranking.of(-members, -others).auroc() == pytest.approx(1 - ranking.auroc())
    assert Ranking.of([1.0, 1.0], [1.0]).auroc() == 0.5


def test_no_scores_and_nan_are_refused() -> None:
    with pytest.raises(InputError, match="0 members"):
        Ranking.of([], [1.0])
    with pytest.raises(InputError, match="not NaN"):
        Ranking.of([np.nan], [1.0])


def test_equations() -> None:
    cells, synthetic, reference = (np.random.default_rng(n).normal(size=(n, 3)) for n in (20, 30, 40))
    to_synthetic, to_reference = cdist(cells, synthetic), cdist(cells, reference)
    np.testing.assert_allclose(distance_attack(cells, synthetic), -to_synthetic.min(1))
    np.testing.assert_allclose(gan_leaks(cells, synthetic, reference), to_reference.min(1) - to_synthetic.min(1))


def test_domias_is_the_log_ratio_of_two_densities() -> None:
    cells, synthetic, reference = (np.random.default_rng(n).normal(size=(n, 5)) for n in (20, 30, 40))
    scale = reference[:, :2].std(axis=0)
    densities = [
        4 / (len(others) * np.pi * np.sort(cdist(cells[:, :2] / scale, others[:, :2] / scale), axis=1)[:, 3] ** 2)
        for others in (synthetic, reference)
    ]
    np.testing.assert_allclose(
        domias(cells, synthetic, reference, k=4, n_dims=2), np.log(densities[0] / densities[1])
    )  # fmt: skip


def test_domias_estimates_a_known_density_ratio() -> None:
    rng = np.random.default_rng(0)
    cells = rng.normal(0, 0.5, (300, 1))
    scores = domias(cells, rng.normal(0, 1, (20_000, 1)), rng.normal(0, 2, (20_000, 1)), k=200)
    expected = np.log(2) - np.square(cells[:, 0]) * (1 / 2 - 1 / 8)
    np.testing.assert_allclose(scores, expected, atol=0.35)


@pytest.mark.parametrize("name", ATTACKS)
def test_members_that_were_copied_score_higher_and_others_do_not(name: str) -> None:
    rng = np.random.default_rng(1)
    train, fresh, reference = rng.normal(size=(3, 400, 5))
    attack = ATTACKS[name]
    copied = train + rng.normal(0, 0.05, train.shape)
    assert np.median(attack(train, copied, reference)) > np.quantile(attack(fresh, copied, reference), 0.9)
    honest = rng.normal(size=(400, 5))
    difference = attack(train, honest, reference).mean() - attack(fresh, honest, reference).mean()
    assert abs(difference) < 4 * np.sqrt(2 / 400) * attack(fresh, honest, reference).std()


@pytest.mark.parametrize("name", ["distance", "gan_leaks"])
def test_rotation_does_not_matter(name: str) -> None:
    cells, synthetic, reference = np.random.default_rng(2).normal(size=(3, 40, 4))
    rotation = ortho_group.rvs(4, random_state=0)
    expected = ATTACKS[name](cells, synthetic, reference)
    np.testing.assert_allclose(ATTACKS[name](cells @ rotation, synthetic @ rotation, reference @ rotation), expected)


@pytest.mark.parametrize("name", ATTACKS)
def test_order_does_not_matter_and_scores_follow_their_cells(name: str) -> None:
    rng = np.random.default_rng(3)
    cells, synthetic, reference = rng.normal(size=(3, 40, 4))
    expected = ATTACKS[name](cells, synthetic, reference)
    shuffled = ATTACKS[name](cells[::-1], rng.permutation(synthetic), rng.permutation(reference))
    np.testing.assert_allclose(shuffled[::-1], expected)


def test_scale_of_a_component_does_not_matter_to_domias_and_copies_stay_finite() -> None:
    cells, synthetic, reference = np.random.default_rng(4).normal(size=(3, 40, 3))
    stretch = np.array([1.0, 50.0, 0.1])
    expected = domias(cells, synthetic, reference)
    np.testing.assert_allclose(domias(cells * stretch, synthetic * stretch, reference * stretch), expected)
    assert np.isfinite(domias(cells, np.repeat(cells[:1], 9, axis=0), reference)).all()


@pytest.mark.parametrize("name", ATTACKS)
def test_bad_input_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="columns"):
        ATTACKS[name](np.zeros((4, 2)), np.zeros((5, 3)), np.ones((5, 2)))
    with pytest.raises(InputError, match="k is 0"):
        domias(np.zeros((4, 2)), np.zeros((5, 2)), np.ones((5, 2)), k=0)
