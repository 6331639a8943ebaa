import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from scgarage.errors import InputError
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
