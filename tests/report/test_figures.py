from dataclasses import replace

import numpy as np
import pytest

from scgarage.plotting.embedding import log_expression
from scgarage.report.figures import (
    Section,
    composition_picture,
    confusion_picture,
    embedding_picture,
    embedding_table,
    gene_pictures,
    history_picture,
    score_picture,
    type_pictures,
)
from scgarage.report.subject import Subject
from scgarage.report.type_judgement import judge_types

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
    drawn += [*gene_pictures(subject), *type_pictures(subject), confusion_picture(subject, judge_types(subject))]
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


def test_without_a_judgement_of_types_the_reason_stands_there(own):
    section = confusion_picture(own, None, "too few cells")
    assert (section.picture, section.reason) == (None, "too few cells")


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
