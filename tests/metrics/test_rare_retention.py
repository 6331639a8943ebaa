import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.metrics import rare_retention


def test_by_hand() -> None:
    real = np.repeat(["B", "NK", "T"], [50, 10, 40])
    synthetic = np.repeat(["B", "NK", "new"], [60, 4, 136])
    assert rare_retention(real, synthetic) == pytest.approx({"B": 0.6, "NK": 0.2, "T": 0.0})


def test_order_and_numbers_of_cells_do_not_matter() -> None:
    real, synthetic = np.repeat(["B", "T"], [30, 10]), np.repeat(["B", "T"], [9, 1])
    value = rare_retention(real, synthetic)
    assert rare_retention(real[::-1], np.tile(synthetic, 3)) == pytest.approx(value)
    assert rare_retention(real, real) == {"B": 1.0, "T": 1.0}


def test_missing_labels_are_refused() -> None:
    with pytest.raises(InputError, match="synthetic_labels has missing labels"):
        rare_retention(["B"], ["B", None])
