import json

import numpy as np
import pytest

from scgarage.judge.evaluation.cells import describe_cells, rare_types


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"B": 95, "T": 5}, ()),
        ({"B": 96, "T": 4}, ("T",)),
        ({"B": 920, "T": 45, "NK": 15, "Mk": 20}, ("NK", "Mk", "T")),
    ],
)
def test_rare_types_are_below_five_percent_rarest_first(sizes: dict[str, int], expected: tuple[str, ...]) -> None:
    labels = np.repeat(list(sizes), list(sizes.values()))
    assert rare_types(labels) == expected
    assert rare_types(labels[::-1]) == expected


def test_description_is_plain_and_counts_all_real_cells() -> None:
    real = {"train": np.array(["B", "T"]), "validation": np.array([], dtype=str), "test": np.array(["B"])}
    found = describe_cells(real, np.array(["T", "unsure"]), n_synthetic=2)
    assert json.loads(json.dumps(found)) == found
    assert found["type_counts"] == {"real": {"B": 2, "T": 1}, "synthetic": {"T": 1, "unsure": 1}}
    assert (found["n_train"], found["n_validation"], found["n_test"], found["n_synthetic"]) == (2, 0, 1, 2)


def test_unknown_types_are_not_counted() -> None:
    real = dict.fromkeys(("train", "validation", "test"), np.array(["B"]))
    assert "type_counts" not in describe_cells(real, None, n_synthetic=5)
