"""A matrix with empty droplets is seen by the knee of its barcode ranks, and filtered when asked."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from scgarage.cli import main
from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io.values import find_knee
from scgarage.models.data import training_data
from scgarage.pp import prepare

SHARED = Path(__file__).parents[3] / "shared" / "data"
EMPTY = {"two counts": lambda rng, n: rng.poisson(2, n), "ambient": lambda rng, n: rng.lognormal(3, 0.7, n),
         "mostly none": lambda rng, n: rng.poisson(0.3, n)}  # fmt: skip


def unfiltered(kind, n_empty=3000):
    rng = np.random.default_rng(0)
    cells = simulate(200, 150, 3, 0.06, depth=3000)
    profile = np.asarray(cells.X.mean(axis=0)).ravel()
    totals = EMPTY[kind](rng, n_empty).astype(int)
    empty = np.stack([rng.multinomial(total, profile / profile.sum()) for total in totals])
    obs = pd.DataFrame(index=[*cells.obs_names, *(f"empty_{number}" for number in range(n_empty))])
    return cells, ad.AnnData(sp.csr_matrix(np.vstack([cells.X.toarray(), empty])), obs=obs, var=cells.var[[]])


@pytest.mark.parametrize("kind", EMPTY)
def test_empty_droplets_are_warned_of_and_dropped_when_asked(kind):
    cells, found = unfiltered(kind)
    knee = find_knee(np.asarray(found.X.sum(axis=1)).ravel())
    assert knee.n_cells == cells.n_obs
    with pytest.warns(UserWarning, match=rf"knee of the barcode ranks at rank 200\).*--min-counts {knee.threshold}"):
        prepare(found)
    prepared = prepare(found, min_counts=knee.threshold)
    assert list(prepared.obs_names) == list(cells.obs_names)
    assert f"3,000 of 3,200 cells have fewer than {knee.threshold}" in prepared.uns["scgarage"]["prepared"][0]
    few = (found.X > 0).sum(axis=1).A1 < 40
    assert prepare(found, min_genes=40, min_counts=knee.threshold).n_obs <= (~few).sum()


@pytest.mark.filterwarnings(
    "always:.*unfiltered matrix:UserWarning",
    "ignore:.*genes have no expression:UserWarning",
    "ignore:.*rows look like genes:UserWarning",
)
def test_commands_say_it(tmp_path, capsys):
    _, found = unfiltered("two counts", 400)
    found = found[np.asarray(found.X.sum(axis=1)).ravel() > 0].copy()
    found.write_h5ad(tmp_path / "raw.h5ad")
    command = [str(tmp_path / "raw.h5ad"), "--no-labels", "--out"]
    with pytest.warns(UserWarning, match="--min-counts"):
        training_data(found, labels_key=None, layer=None, n_top_genes=None)
    assert main(["prepare", *command, str(tmp_path / "all.h5ad")]) == 0
    assert "--min-counts" in capsys.readouterr().err
    assert main(["prepare", *command, str(tmp_path / "cells.h5ad"), "--min-counts", "100", "--min-genes", "10"]) == 0
    assert ad.read_h5ad(tmp_path / "cells.h5ad").n_obs == 200


def test_filters_without_sense_are_refused():
    cells = simulate(80, 40, 2, 0.2)
    with pytest.raises(InputError, match="at least 0"):
        prepare(cells, min_counts=-1)
    with pytest.raises(InputError, match="nothing would be left"):
        prepare(cells, min_genes=41)


@pytest.mark.parametrize("depth", [60, 800, 5000])
def test_filtered_cells_have_no_knee(depth):
    assert find_knee(np.asarray(simulate(300, 150, 3, 0.06, depth=depth).X.sum(axis=1)).ravel()) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.h5ad")), ids=lambda path: path.stem)
def test_real_cells_have_no_knee(path):
    X = ad.io.read_h5ad(path).X
    for part in (X, X[::2]):
        assert find_knee(np.asarray(part.sum(axis=1)).ravel()) is None
