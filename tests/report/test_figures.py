from dataclasses import replace

import numpy as np
import pytest

from scgarage.plotting.expression import log_expression
from scgarage.report.figures import Section, Subject, picture_sections, score_picture

TITLES = ["The cells in one map", "Composition", "Gene moments", "Library sizes", "Training"]


@pytest.fixture(scope="module")
def own(evaluation) -> Subject:
    return Subject.of(evaluation)


@pytest.fixture(scope="module")
def foreign(third_party) -> Subject:
    return Subject.of(third_party)


def sections_of(subject: Subject) -> dict[str, Section]:
    sections = {section.title: section for section in picture_sections(subject)}
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
    assert "predicted" in foreign_sections["Composition"].picture.caption
    assert "carry no cell types" in foreign_sections["The cells in one map"].picture.caption
    assert foreign_sections["Training"].picture is None
    assert foreign_sections["Training"].reason == "The synthetic cells carry no training history."


def test_a_section_that_cannot_be_drawn_says_why(own):
    logged = own.synthetic.copy()
    logged.X = log_expression(logged)
    bare = replace(own, synthetic=logged, counts=own.counts.drop(columns="synthetic"))
    sections = sections_of(bare)
    assert "hold no counts" in sections["Library sizes"].reason
    assert "no composition to compare" in sections["Composition"].reason
    assert sections["Gene moments"].picture is not None


def test_scores_without_any_number_say_so(own):
    section = score_picture(replace(own, table=own.table.assign(score=np.nan)))
    assert section.picture is None
    assert "has a score" in section.reason


def test_alt_text_of_the_composition_holds_the_shares(own, own_sections):
    real, synthetic = (100 * own.counts[part] / own.counts[part].sum() for part in ("real test", "synthetic"))
    for name in own.counts.index:
        text = f"{name} {real[name]:.2g} % against {synthetic[name]:.2g} %"
        assert text in own_sections["Composition"].picture.alt
