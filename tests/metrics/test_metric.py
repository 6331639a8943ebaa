from dataclasses import replace

import pytest

from scgarage.metrics import METRICS
from scgarage.metrics.metric import ARGUMENTS, loss


@pytest.mark.parametrize(
    ("value", "better", "expected"),
    [(0.3, "lower", 0.3), (0.3, "higher", -0.3), (0.3, "target 0.5", 0.2), (1.4, "target 1", 0.4)],
)
def test_loss_by_hand(value: float, better: str, expected: float) -> None:
    assert loss(value, better) == pytest.approx(expected)


@pytest.mark.parametrize("better", ["lower", "higher", "target 0.5", "target 1"])
def test_loss_orders_values_by_how_good_they_are(better: str) -> None:
    best, middle, worst = {
        "lower": (0, 1, 2), "higher": (2, 1, 0), "target 0.5": (0.5, 0.8, 0.1), "target 1": (1, 0.8, 1.5),
    }[better]  # fmt: skip
    assert loss(best, better) < loss(middle, better) < loss(worst, better)


def test_arguments_follow_the_space_unless_said_otherwise() -> None:
    metric = METRICS["coverage"]
    assert metric.arguments == ARGUMENTS["pca"]
    assert replace(metric, given="typed pca").arguments == ARGUMENTS["typed pca"]
    with pytest.raises(KeyError):
        _ = replace(metric, given="nonsense").arguments
