import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.constraints import Exclusive, Total
from scgarage.errors import InputError


def cells(values, genes="ABC"):
    values = np.asarray(values, dtype=np.float32)
    names = [f"cell{i}" for i in range(len(values))]
    return ad.AnnData(sparse.csr_matrix(values), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=list(genes)))


REAL = cells([[1, 0, 2], [0, 3, 1], [1, 1, 1], [2, 0, 0]])
FAKE = cells([[1, 1, 0], [2, 1, 1]])
BOTH = {"kind": "exclusive", "genes": ["A", "B"]}


def test_rates_stand_beside_their_floor():
    table = sg.check_constraints(FAKE, REAL, [BOTH, Total(lower=3, unit="counts")])
    assert table["rate"].tolist() == [1.0, 0.5]
    assert table["floor"].tolist() == [0.25, 0.25]
    assert table["excess"].tolist() == [0.75, 0.25]
    assert table[["n_synthetic", "n_real"]].to_numpy().tolist() == [[2, 4], [2, 4]]
    assert table["kind"].tolist() == ["exclusive", "total"]


def test_real_cells_are_their_own_floor_and_order_is_irrelevant():
    shuffled = REAL[[2, 0, 3, 1], ["C", "A", "B"]].copy()
    table = sg.check_constraints(shuffled, REAL, BOTH)
    assert table["excess"].tolist() == [0.0]


def test_a_split_gives_its_test_cells():
    real = sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, random_state=0)
    parts = sg.pp.split(real, labels_key="cell_type")
    what = Exclusive(genes=tuple(real.var_names[:2]))
    table = sg.check_constraints(parts.test, parts, what)
    assert table.loc[0, "n_real"] == parts.test.n_obs
    assert table.loc[0, "excess"] == 0


def test_counts_are_missing_from_log_values():
    logged = REAL.copy()
    logged.X = sg.pp.log1p_cp10k(REAL.X)
    table = sg.check_constraints(logged, REAL, Total(lower=3, unit="counts"))
    assert np.isnan(table.loc[0, "rate"])
    assert table.loc[0, "note"] == "no counts in the synthetic cells"
    same = sg.check_constraints(logged, REAL, [BOTH, Total(genes=("A",), upper=4000)])
    assert (same["excess"] == 0).all()


def test_genes_and_columns_that_are_missing():
    with pytest.raises(InputError, match="synthetic cells have no gene 'Z'"):
        sg.check_constraints(FAKE, REAL, {"kind": "exclusive", "genes": ["A", "Z"]})
    with pytest.raises(InputError, match="no column 'time' in obs; numeric columns: none"):
        sg.check_constraints(FAKE, REAL, {"kind": "monotone", "genes": ["A"], "covariate": "time"})
    with pytest.raises(InputError, match="no synthetic cells"):
        sg.check_constraints(FAKE[:0], REAL, BOTH)
