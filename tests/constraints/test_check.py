import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import scgarage as sg
from scgarage.constraints import (
    KINDS,
    ConstraintPenalty,
    Exclusive,
    Monotone,
    NonNegative,
    Total,
    read_constraints,
    to_texts,
)
from scgarage.errors import InputError


def cells_check(values, genes="ABC"):
    values = np.asarray(values, dtype=np.float32)
    names = [f"cell{i}" for i in range(len(values))]
    return ad.AnnData(sparse.csr_matrix(values), obs=pd.DataFrame(index=names), var=pd.DataFrame(index=list(genes)))


REAL = cells_check([[1, 0, 2], [0, 3, 1], [1, 1, 1], [2, 0, 0]])
FAKE = cells_check([[1, 1, 0], [2, 1, 1]])
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


GENES = ["A", "B", "C", "D"]


@pytest.fixture
def cells_penalty():
    return torch.rand(20, 4, generator=torch.Generator().manual_seed(0)) * 3


def test_terms_are_weighted_and_added(cells_penalty):
    first, second = Exclusive(genes=("D", "B"), weight=3.0), Total(genes=("C",), upper=1)
    expected = 3 * first.penalty(cells_penalty[:, [3, 1]]) + second.penalty(cells_penalty[:, [2]])
    torch.testing.assert_close(ConstraintPenalty([first, second], GENES)(cells_penalty), expected)


def test_order_of_genes_is_irrelevant(cells_penalty):
    rules = [Exclusive(genes=("A", "C")), NonNegative()]
    moved = ConstraintPenalty(rules, GENES[::-1])(cells_penalty.flip(1))
    torch.testing.assert_close(moved, ConstraintPenalty(rules, GENES)(cells_penalty))


def test_steps_along_the_gradient_lower_it(cells_penalty):
    penalty = ConstraintPenalty([Exclusive(genes=("A", "B")), Monotone(genes=("C",), along=("D",))], GENES)
    x = cells_penalty.clone().requires_grad_()
    before = penalty(x)
    before.backward()
    assert penalty(x.detach() - x.grad) < before


def test_what_can_only_be_checked_is_left_out_with_a_warning(cells_penalty):
    with pytest.warns(UserWarning, match="not trained with: library sizes are drawn"):
        penalty = ConstraintPenalty([Total(lower=500, unit="counts")], GENES)
    assert not penalty
    assert penalty(cells_penalty) == 0


def test_genes_that_the_generator_does_not_make():
    with pytest.raises(InputError, match=r"names 'E', which the generator does not make.*n_top_genes"):
        ConstraintPenalty([Exclusive(genes=("A", "E"))], GENES)


SAID = [
    {"kind": "exclusive", "genes": ["CD3E", "CD19"], "weight": 2},
    {"kind": "monotone", "genes": ["INS"], "along": ["NEUROG3"], "direction": "decreasing"},
    {"kind": "total", "genes": ["MT-CO1"], "upper": 2000, "name": "mitochondria"},
]
MADE = (
    Exclusive(genes=("CD3E", "CD19"), weight=2),
    Monotone(genes=("INS",), along=("NEUROG3",), direction="decreasing"),
    Total(genes=("MT-CO1",), upper=2000, name="mitochondria"),
)
YAML = """
# markers
constraints:
  - kind: exclusive
    genes: [CD3E, CD19]
    weight: 2
  - {kind: monotone, genes: [INS], along: [NEUROG3], direction: decreasing}
  - kind: total
    genes:
      - MT-CO1
    upper: 2000
    name: mitochondria
"""


def test_files_mappings_texts_and_values_say_the_same(tmp_path):
    (tmp_path / "c.yaml").write_text(YAML)
    (tmp_path / "c.json").write_text(json.dumps(SAID))
    for source in (SAID, MADE, to_texts(MADE), list(to_texts(MADE)), tmp_path / "c.yaml", str(tmp_path / "c.json")):
        assert read_constraints(source) == MADE
    assert read_constraints([tmp_path / "c.yaml", SAID[0]]) == (*MADE, MADE[0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_from_its_text(kind):
    settings = {
        "exclusive": {"genes": ("a", "b"), "above": 1.0},
        "coexpressed": {"genes": ("a", "b"), "at_least": 0.25},
        "monotone": {"genes": ("a",), "covariate": "time", "n_bins": 3},
        "total": {"genes": ("a",), "lower": 1.0, "unit": "counts"},
        "non-negative": {"genes": ("a",), "weight": 3.0},
    }
    made = KINDS[kind](**settings[kind])
    assert read_constraints(to_texts([made])) == (made,)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ({"kind": "never", "genes": ["a"]}, "one of 'exclusive', 'coexpressed'"),
        ({"genes": ["a"]}, "found None"),
        ({"kind": "exclusive"}, "needs 'genes'"),
        ({"kind": "exclusive", "genes": ["a", "b"], "colour": 1}, "has no 'colour'; its fields are: weight, name, gen"),
        ({"kind": "exclusive", "genes": ["a", "b"], "weight": -1}, "weight must be"),
        (3, "found int"),
        ("nowhere.yaml", "no file of constraints"),
    ],
)
def test_wrong_constraints_say_what_is_wrong(source, match):
    with pytest.raises(InputError, match=match):
        read_constraints(source)


@pytest.mark.parametrize("text", ["kind: [", "", "just words"])
def test_files_that_hold_no_list(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=r"c\.yaml"):
        read_constraints(tmp_path / "c.yaml")
