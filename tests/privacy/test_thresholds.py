import pytest

from scgarage.judge.privacy import THRESHOLDS


@pytest.mark.parametrize(
    ("check", "interval", "passed"),
    [
        ("memorisation_share", (0.56, 0.9), False),
        ("memorisation_share", (0.45, 0.58), True),
        ("memorisation_share", (0.45, 0.70), None),
        ("distance_ratio", (0.80, 0.94), False),
        ("distance_ratio", (0.93, 1.20), True),
        ("distance_ratio", (0.70, 1.20), None),
        ("exact_copies", (1, 1), False),
        ("exact_copies", (0, 0), True),
        ("domias_auroc", (float("nan"), float("nan")), None),
    ],
)
def test_only_what_is_beyond_noise_fails_and_only_what_is_excluded_passes(
    check: str, interval: tuple[float, float], passed: bool | None
) -> None:
    assert THRESHOLDS[check].judge(*interval) is passed


def test_what_is_excluded_is_never_better_than_the_limit() -> None:
    for threshold in THRESHOLDS.values():
        sign = 1 if threshold.worse == "higher" else -1
        assert sign * threshold.excluded >= sign * threshold.limit
        assert threshold.reason
