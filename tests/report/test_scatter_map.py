import json

import numpy as np
import pandas as pd

from scgarage.report.figures import STEPS, map_data


def coordinates(n_cells: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2 * n_cells, 2)), columns=["umap1", "umap2"])
    frame["source"] = np.repeat(["real", "synthetic"], n_cells)
    frame["cell_type"] = (["B"] * 15 + ["T"] * 4 + [None]) * 2
    return frame


def test_every_cell_is_there_once_with_its_source_and_type():
    data = map_data(coordinates(), rare=["T"])
    assert json.loads(json.dumps(data)) == data
    assert len(data["x"]) == len(data["y"]) == len(data["type"]) == 40
    assert data["sources"][0]["cells"] == data["sources"][1]["cells"] == 20
    assert [(kind["name"], kind["rare"], kind["real"], kind["synthetic"]) for kind in data["types"]] == [
        ("B", False, 15, 15),
        ("T", True, 4, 4),
    ]
    assert data["type"].count(-1) == 2


def test_places_keep_their_proportions():
    frame = coordinates()
    data = map_data(frame, random_state=3)
    shuffled = frame.sample(frac=1, random_state=3)
    x = shuffled["umap1"].to_numpy() - frame["umap1"].min()
    y = shuffled["umap2"].to_numpy() - frame["umap2"].min()
    scale = STEPS / max(x.max(), y.max())
    np.testing.assert_allclose(data["x"], x * scale, atol=0.51)
    np.testing.assert_allclose(data["y"], y * scale, atol=0.51)
    assert data["width"] == max(data["x"])
    assert data["height"] == max(data["y"])


def test_moving_and_stretching_the_map_changes_nothing():
    frame = coordinates()
    moved = frame.assign(umap1=3 * frame["umap1"] + 7, umap2=3 * frame["umap2"] - 2)
    first, second = map_data(frame), map_data(moved)
    np.testing.assert_allclose(first["x"], second["x"], atol=1)
    assert first["types"] == second["types"]


def test_cells_without_types_and_in_one_place():
    frame = coordinates().drop(columns="cell_type").assign(umap1=1.0, umap2=2.0)
    data = map_data(frame)
    assert (data["types"], set(data["type"]), set(data["x"]), data["width"]) == ([], {-1}, {0}, 1)


def test_names_of_cells_stay_out():
    frame = coordinates().set_axis([f"secret{i}" for i in range(40)])
    assert "secret" not in json.dumps(map_data(frame))
