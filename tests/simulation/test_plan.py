"""Plans: what they refuse, and how they are written."""

import pytest

from scgarage.errors import InputError
from scgarage.simulation import EffectPlan, GroupsPlan, Plan

FULL = {
    "cells": {"n": 300, "types": {"a": 0.4, "b": 0.6}},
    "groups": {"names": ["control", "treated"], "donors": 3, "donor_sd": 0.2},
    "effects": [{"group": "treated", "genes": ["g1", "g2"], "log2_fold_change": [1, -2.5], "types": ["a"]}],
    "composition": [{"group": "treated", "shares": {"a": 0.00001}}],
    "concentration": 50,
    "measurement": {"depth": 2, "ambient": 0.1, "doublets": 0.05, "expected": True},
}


def test_a_plan_survives_yaml(tmp_path):
    plan = Plan.of(FULL)
    (tmp_path / "plan.yaml").write_text(plan.to_yaml())
    assert Plan.of(tmp_path / "plan.yaml") == Plan.from_yaml(plan.to_yaml()) == plan
    assert Plan.of(plan) is plan


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"cell": {}}, r"plan: cell is no field; allowed: cells, groups"),
        ({"cells": {"m": 3}}, r"plan: cells\.m is no field; allowed: cells\.n, cells\.types"),
        ({"cells": {"n": 0}}, r"cells\.n is 0; allowed: a whole number of at least 1"),
        ({"cells": {"types": {"a": 0.4}}}, r"cells\.types .* add up to 0\.4"),
        ({"cells": {"types": {"a": 1.4}}}, r"cells\.types\.a is 1\.4; allowed: a share from 0 to 1"),
        ({"cells": {"population": "one"}}, r"cells\.population is 'one'; allowed: 'as-fitted', 'homogeneous'"),
        ({"groups": {"names": ["a", "a"]}}, r"groups\.names is .*different names"),
        ({"groups": {"shares": {"a": 1.0}}}, r"groups\.shares .* a share for each of 'control', 'treated'"),
        ({"groups": {"donor_sd": 0.2}}, r"groups\.donors is 0; allowed: at least 1"),
        ({"groups": {"donors": 2, "donor_sd": "big"}}, r"groups\.donor_sd is 'big'; allowed: 'real' or a number"),
        ({"effects": [{"group": "treated"}]}, r"groups is None; allowed: a section with names"),
        ({"groups": {}, "effects": [{"group": "x"}]}, r"effects\.group is 'x'; allowed: one of groups\.names"),
        ({"groups": {}, "effects": [{"group": "control"}]}, r"effects\.group is 'control'; allowed: another than"),
        ({"groups": {}, "effects": [{}]}, r"effects\.group is None; allowed: the name of a group"),
        ({"groups": {}, "effects": [{"group": "treated", "genes": 2}]}, r"effects\.genes is 2; allowed: a number from"),
        (
            {"groups": {}, "effects": [{"group": "treated", "log2_fold_change": [1, 2]}]},
            r"effects\.log2_fold_change is \[1, 2\].*names no",
        ),
        ({"effects": 3}, r"effects is 3; allowed: a list of sections"),
        ({"concentration": 5}, r"groups\.donors is 0"),
        ({"measurement": {"ambient": 1.5}}, r"measurement\.ambient is 1\.5; allowed: a number from 0 to 0\.9"),
        ({"measurement": {"ambient": "much"}}, r"measurement\.ambient is 'much'"),
        ({"measurement": {"ambient": 0.1, "ambient_sd": 0.4}}, r"measurement\.ambient_sd is 0\.4; allowed: below sqrt"),
        ({"measurement": {"expected": 1}}, r"measurement\.expected is 1; allowed: true or false"),
        ({"correlations": {"strength": -1}}, r"correlations\.strength is -1"),
        ({"groups": {"names": 3}}, r"groups\.names is 3; allowed: different names"),
        ({"groups": {}, "effects": [{"group": "treated", "types": "B"}]}, r"effects\.types is 'B'; allowed: a list"),
        ({"batches": {"confounding": 1}}, r"groups is None; allowed: a section with names, since batches"),
        (
            {"groups": {"donors": 2}, "concentration": 9, "batches": {"confounding": 1}},
            r"batches\.confounding is 1; allowed: 0",
        ),
        ({"trajectory": {}}, r"trajectory\.paths is \(\); allowed: a list of pairs"),
        ({"trajectory": {"paths": [["a", "a"]]}}, r"trajectory\.paths is \['a', 'a'\]; allowed: a pair of two"),
        ([1], r"plan: found list; expected sections: cells, groups"),
    ],
)
def test_what_a_plan_cannot_hold_is_refused_by_name(content, message):
    with pytest.raises(InputError, match=message):
        Plan.of(content)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "plan.yaml").write_text("cells: [")
    with pytest.raises(InputError, match=r"plan\.yaml cannot be read as a plan in YAML"):
        Plan.of(tmp_path / "plan.yaml")


def test_dataclasses_are_plans_too():
    effect = EffectPlan("treated", genes=0.2, log2_fold_change=2.0)
    assert Plan(groups=GroupsPlan(), effects=(effect,)) == Plan.of({"groups": GroupsPlan(), "effects": [effect]})
