import json

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import analyse_attention
from scgarage.errors import InputError, OutputExistsError
from scgarage.seeds import GATSettings

GAT = GATSettings(n_epochs=3, hidden=4, heads=2, progress=False)


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=200, n_genes=80, n_types=3, rare_fraction=0.05, random_state=0)


@pytest.fixture(scope="module")
def result(cells):
    return analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.1)


def test_tables_agree_with_the_cells(cells, result):
    table = result.cells
    assert list(table.index) == list(cells.obs_names)
    assert table["top"].sum() == table["bottom"].sum() == table["published"].sum() == 40
    assert table.loc[table["top"], "attention"].min() >= table.loc[~table["top"], "attention"].max()
    by_type = result.types.set_index("type")
    for name, rows in table.groupby("type"):
        assert by_type.loc[name, "n_top"] == rows["top"].sum()
        assert by_type.loc[name, "n_published"] == rows["published"].sum()
    recall = result.explanations.set_index("score").loc["attention", "recall_highest"]
    np.testing.assert_allclose(recall, by_type.loc[by_type["rare"], "n_top"].sum() / by_type.loc["rare", "n_cells"])


def test_in_degree_explains_nothing_and_depth_is_the_library_size(cells, result):
    explained = result.explanations.set_index("score")
    assert np.isnan(explained.loc["in-degree", "spearman_with_attention"])
    assert (result.cells["in-degree"] == 5).all()
    np.testing.assert_allclose(result.cells["depth"], np.asarray(cells.X.sum(axis=1)).ravel())


def test_markers_within_types_are_the_types_own(result):
    within = result.markers[result.markers["scope"] == "within type"]
    assert len(within)
    for name, rows in within.groupby("type"):
        assert set(rows["gene"]) <= set(result.settings["markers"][name])
        assert (rows["n_top"] < 40).all()


def test_given_markers_are_used_and_unknown_ones_refused(cells):
    gene = str(cells.var_names[3])
    found = analyse_attention(cells, labels_key="cell_type", gat=GAT, markers={"x": (gene, "absent")})
    assert set(found.markers["gene"]) == {gene}
    assert found.settings["markers_from"] == "a table"
    with pytest.raises(InputError, match="none of the markers"):
        analyse_attention(cells, labels_key="cell_type", gat=GAT, markers={"x": ("absent",)})
    with pytest.raises(InputError, match="fraction"):
        analyse_attention(cells, labels_key="cell_type", gat=GAT, fraction=0.6)


def test_markers_from_other_cells(cells):
    found = analyse_attention(cells[:150], labels_key="cell_type", gat=GAT, reference=cells[150:])
    assert found.settings["markers_from"] == "50 other real cells"
    assert not any("very cells" in sentence for sentence in found.sentences())


def test_the_same_seed_gives_the_same_tables(cells, result):
    again = analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.1)
    pd.testing.assert_frame_equal(result.cells, again.cells)
    pd.testing.assert_frame_equal(result.explanations, again.explanations)


def test_sentences_and_files(result, tmp_path):
    text = result.text()
    assert "rare cells" in text
    assert "nan%" not in text
    assert "row numbers" in text
    paths = result.save(tmp_path / "out")
    assert len(paths) == 6
    assert json.loads((tmp_path / "out" / "attention.json").read_text())["settings"]["n_cells"] == 200
    assert len(pd.read_csv(tmp_path / "out" / "cells.csv", index_col=0)) == 200
    with pytest.raises(OutputExistsError):
        result.save(tmp_path / "out")


def test_without_rare_types_recall_is_not_claimed(cells):
    found = analyse_attention(cells, labels_key="cell_type", gat=GAT, rare_fraction=0.0)
    assert found.explanations["recall_highest"].isna().all()
    assert "No type is rare" in found.sentences()[0]
