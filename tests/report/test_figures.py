import base64
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from scgarage.plotting.embedding import log_expression
from scgarage.report import figures as topology_figure
from scgarage.report.figures import (
    STEPS,
    Section,
    composition_picture,
    confusion_picture,
    data_uri,
    embedding_picture,
    embedding_table,
    gene_pictures,
    history_picture,
    map_data,
    score_picture,
    topology_pictures,
    type_pictures,
)
from scgarage.report.subject import Subject


def decode(uri: str) -> tuple[str, bytes]:
    head, content = uri.split(",")
    return head, base64.b64decode(content)


def figure_of(n_points: int) -> Figure:
    figure = Figure(figsize=(4, 3))
    rng = np.random.default_rng(0)
    figure.subplots().scatter(rng.normal(size=n_points), rng.normal(size=n_points))
    return figure


def test_a_simple_figure_is_vector_graphics_without_dates():
    head, content = decode(data_uri(figure_of(3)))
    assert head == "data:image/svg+xml;base64"
    assert b"<svg" in content
    assert b"dc:date" not in content
    assert b"<text" not in content  # outlines, so that it looks the same with any fonts


def test_a_figure_of_many_points_is_pixels_at_twice_the_screen():
    head, content = decode(data_uri(figure_of(20_000)))
    assert head == "data:image/png;base64"
    assert int.from_bytes(content[16:20], "big") == 2 * 96 * 4  # width in the PNG's header


def test_same_figure_same_bytes():
    assert data_uri(figure_of(5)) == data_uri(figure_of(5))


GENES = ["Gene moments", "Mean and variance", "Library sizes", "Quantiles", "Gene correlations"]
TYPES = ["Marker genes", "Fold changes", "Confusion matrix"]
TITLES = ["The cells in one map", "Cell types", "Training", *GENES, *TYPES]


@pytest.fixture(scope="module")
def own(evaluation) -> Subject:
    return Subject.of(evaluation)


@pytest.fixture(scope="module")
def foreign(third_party) -> Subject:
    return Subject.of(third_party)


def sections_of(subject: Subject) -> dict[str, Section]:
    drawn = [
        embedding_picture(subject, embedding_table(subject)),
        composition_picture(subject),
        history_picture(subject),
    ]
    drawn += [*gene_pictures(subject), *type_pictures(subject), confusion_picture(subject)]
    sections = {section.title: section for section in drawn}
    assert list(sections) == TITLES
    return sections


@pytest.fixture(scope="module")
def own_sections(own) -> dict[str, Section]:
    return sections_of(own)


@pytest.fixture(scope="module")
def foreign_sections(foreign) -> dict[str, Section]:
    return sections_of(foreign)


def test_every_section_has_a_picture_with_words(own, own_sections):
    for section in [score_picture(own), *own_sections.values()]:
        assert section.picture is not None, section.reason
        assert section.picture.source.startswith("data:image/")
        assert section.picture.alt.endswith(".")
        assert section.picture.caption.endswith(".")
        assert 300 < section.picture.width < 960


def test_genes_are_matched_before_anything_is_compared(own_sections, foreign, foreign_sections):
    assert foreign.synthetic.var_names.equals(foreign.split.test.var_names)
    # The same cells with the genes reversed.
    assert foreign_sections["Gene moments"].picture.alt == own_sections["Gene moments"].picture.alt


def test_third_party_cells_get_predicted_types_and_no_training(foreign, foreign_sections):
    assert not foreign.labelled
    assert foreign.counts["synthetic"].sum() == foreign.settings["n_compared"]
    assert "predicted" in foreign_sections["Cell types"].picture.caption
    assert "carry no cell types" in foreign_sections["The cells in one map"].picture.caption
    assert foreign_sections["Training"].picture is None
    assert foreign_sections["Training"].reason == "The synthetic cells carry no training history."


def test_genes_cannot_be_compared_by_type_without_types(foreign_sections):
    for title in ("Marker genes", "Fold changes"):
        assert foreign_sections[title].picture is None
        assert "carry no cell types" in foreign_sections[title].reason
    assert "agree by construction" in foreign_sections["Confusion matrix"].picture.caption


def test_without_numbers_by_type_the_reason_stands_there(own):
    section = confusion_picture(replace(own, confusion={}))
    assert section.picture is None
    assert "scgarage evaluate --out evaluation.json" in section.reason
    assert "carry no cell types" in confusion_picture(replace(own, labels_key=None, confusion={})).reason


def test_a_section_that_cannot_be_drawn_says_why(own):
    logged = own.synthetic.copy()
    logged.X = log_expression(logged)
    bare = replace(own, synthetic=logged, counts=own.counts.drop(columns="synthetic"))
    sections = {section.title: section for section in [composition_picture(bare), *gene_pictures(bare)]}
    assert "hold no counts" in sections["Library sizes"].reason
    assert "no composition to compare" in sections["Cell types"].reason
    for title in ("Gene moments", "Mean and variance", "Quantiles", "Gene correlations"):
        assert sections[title].picture is not None
    assert "counts per cell" not in sections["Quantiles"].picture.alt


def test_scores_without_any_number_say_so(own):
    section = score_picture(replace(own, table=own.table.assign(score=np.nan)))
    assert section.picture is None
    assert "has a score" in section.reason


def test_alt_text_of_the_composition_holds_the_shares(own, own_sections):
    real, synthetic = (100 * own.counts[part] / own.counts[part].sum() for part in ("real test", "synthetic"))
    for name in own.counts.index:
        text = f"{name} {real[name]:.2g} % against {synthetic[name]:.2g} %"
        assert text in own_sections["Cell types"].picture.alt


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


def test_the_figure_says_its_distances_and_floors(evaluation):
    pytest.importorskip("ripser", reason="needs the optional packages ripser and persim")
    pytest.importorskip("persim", reason="needs the optional packages ripser and persim")
    (one,) = topology_pictures(Subject.of(evaluation))
    assert one.picture is not None
    assert one.picture.alt.count("floor") == 2
    assert "farthest first" in one.picture.caption


def test_without_the_packages_there_is_no_section(evaluation, monkeypatch):
    monkeypatch.setattr(topology_figure, "find_spec", lambda name: None)
    assert topology_pictures(Subject.of(evaluation)) == []
