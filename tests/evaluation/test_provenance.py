import numpy as np
import pytest
from anndata import AnnData

from scgarage.judge.evaluation.inputs import origin_notes
from scgarage.pp import Split


def test_nothing_to_say_about_cells_of_the_same_split_or_of_unknown_origin(parts: Split, fresh: AnnData) -> None:
    same = fresh.copy()
    # As it comes back from a file: numbers and sequences are numpy's.
    same.uns["scgarage"] = {"split": {k: np.asarray(v) for k, v in parts.record().items()}}
    assert origin_notes(same, parts, labelled=True) == []
    assert origin_notes(fresh, parts, labelled=True) == []
    bare = fresh.copy()
    bare.uns["scgarage"] = "not a record"
    assert origin_notes(bare, parts, labelled=True) == []


@pytest.mark.parametrize("change", [{"random_state": 99}, {"fingerprint": "other"}, {"donor_key": "donor"}])
def test_another_split_is_pointed_out(parts: Split, fresh: AnnData, change: dict) -> None:
    other = fresh.copy()
    other.uns["scgarage"] = {"split": parts.record() | change}
    with pytest.warns(UserWarning, match="fitted on another split"):
        notes = origin_notes(other, parts, labelled=False)
    assert "held-out cells may have been among its training cells" in notes[0]
    assert "predicted" in notes[1]
