import json

import pytest

from scgarage.constraints import KINDS, Exclusive, Monotone, Total, read_constraints, to_texts
from scgarage.errors import InputError

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
