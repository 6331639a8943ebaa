import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.io.source import guard


@pytest.fixture
def mixed(tiny):
    synthetic = tiny[:30].copy()
    tiny.obs["source"], synthetic.obs["source"] = "real", "synthetic"
    return ad.concat([tiny, synthetic], index_unique="-")


def test_real_cells_pass_untouched(tiny):
    assert guard(tiny) is tiny
    assert guard(tiny, keep="real") is tiny
    tiny.obs["source"] = "real"
    assert guard(tiny) is tiny


def test_mixed_cells_are_refused_with_the_reason_and_the_way_out(mixed):
    with pytest.raises(InputError, match=r"30 of 150 cells as synthetic.*no new samples.*keep='real'"):
        guard(mixed)


@pytest.mark.parametrize("dtype", ["category", "object"])
def test_only_the_real_cells_are_kept(mixed, tiny, dtype):
    mixed.obs["source"] = mixed.obs["source"].astype(dtype)
    kept = guard(mixed, keep="real")
    assert kept.n_obs == 120
    assert not kept.is_view
    np.testing.assert_array_equal(kept.X.toarray(), tiny.X.toarray())
    assert mixed.n_obs == 150


def test_the_order_of_the_cells_does_not_matter(mixed):
    shuffled = mixed[np.random.default_rng(0).permutation(150)].copy()
    assert set(guard(shuffled, keep="real").obs_names) == set(guard(mixed, keep="real").obs_names)


def test_other_and_missing_values_count_as_real(tiny):
    tiny.obs["source"] = pd.Categorical(["blood"] * 60 + [None] * 60)
    assert guard(tiny) is tiny


def test_another_column_can_say_it(mixed):
    mixed.obs = mixed.obs.rename(columns={"source": "origin"})
    with pytest.raises(InputError, match=r"obs\['origin'\]"):
        guard(mixed, source_key="origin")


def test_nothing_real_and_another_wish_are_refused(tiny):
    with pytest.raises(InputError, match="keep is 'synthetic'"):
        guard(tiny, keep="synthetic")
    tiny.obs["source"] = "synthetic"
    for keep in (None, "real"):
        with pytest.raises(InputError, match="all 120 cells are synthetic"):
            guard(tiny, keep=keep)


def test_augmented_cells_are_recognised():
    cells = sg.datasets.simulate(n_cells=60, n_genes=30, n_types=2, rare_fraction=0.1)
    cells.obs[sg.schema.SOURCE_KEY] = [sg.schema.REAL] * 59 + [sg.schema.SYNTHETIC]
    assert guard(cells, keep="real").n_obs == 59
