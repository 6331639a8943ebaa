import numpy as np
import pytest

from scgarage.judge.rare.augmenters import TrainingSet


@pytest.fixture
def train() -> TrainingSet:
    """Three types of 40, 25 and 8 cells in 20 genes, log1p values."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [40, 25, 8])
    means = rng.gamma(1.0, 2.0, size=(3, 20))
    log_expr = np.log1p(rng.poisson(means[codes])).astype(np.float32)
    return TrainingSet(log_expr, codes, 3)
