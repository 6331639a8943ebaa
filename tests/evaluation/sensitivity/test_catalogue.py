import pytest

from scgarage.judge.evaluation.sensitivity import DEFECTS, ONE_BATCH, Defect
from scgarage.metrics import METRICS


@pytest.mark.parametrize("defect", [*DEFECTS.values(), ONE_BATCH], ids=[*DEFECTS, "one batch"])
def test_metrics_meant_for_a_defect_exist(defect: Defect) -> None:
    assert defect.seen_by
    assert set(defect.seen_by) <= set(METRICS)
    assert defect.function.__doc__
