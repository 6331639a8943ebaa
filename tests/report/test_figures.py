from dataclasses import replace

import numpy as np
import pytest

from scgarage.plotting.expression import log_expression
from scgarage.report.figures import Subject, picture_sections, score_picture

TITLES = ["The cells in one map", "Composition", "Gene moments", "Library sizes", "Training"]


@pytest.fixture(scope="module")
def subjects(evaluation, third_party):
    return {"own": Subject.of(evaluation), "third party": Subject.of(third_party)}


def test_every_section_has_a_picture_with_words(subjects):
    sections = [score_picture(subjects["own"]), *picture_sections(subjects["own"])]
    assert [section.title for section in sections[1:]] == TITLES
    for section in sections:
        assert section.picture is not None, section.reason
        assert section.picture.source.startswith("data:image/")
        assert section.picture.alt.endswith(".")
        assert section.picture.caption.endswith(".")
        assert 300 < section.picture.width < 960


def test_genes_are_matched_before_anything_is_compared(subjects):
    subject = subjects["third party"]
    assert subject.synthetic.var_names.equals(subject.split.test.var_names)
    alt = picture_sections(subject)[2].picture.alt
    assert alt == picture_sections(subjects["own"])[2].picture.alt  # the same cells, genes reversed


def test_third_party_cells_get_predicted_types_and_no_training(subjects):
    subject = subjects["third party"]
    assert not subject.labelled
    assert subject.counts["synthetic"].sum() == subject.settings["n_compared"]
    sections = dict(zip(TITLES, picture_sections(subject), strict=True))
    assert "predicted" in sections["Composition"].picture.caption
    assert "carry no cell types" in sections["The cells in one map"].picture.caption
    assert sections["Training"].picture is None
    assert sections["Training"].reason == "The synthetic cells carry no training history."


def test_a_section_that_cannot_be_drawn_says_why(subjects):
    subject = subjects["own"]
    logged = subject.synthetic.copy()
    logged.X = log_expression(logged)
    bare = replace(subject, synthetic=logged, counts=subject.counts.drop(columns="synthetic"))
    sections = dict(zip(TITLES, picture_sections(bare), strict=True))
    assert "hold no counts" in sections["Library sizes"].reason
    assert "no composition to compare" in sections["Composition"].reason
    assert sections["Gene moments"].picture is not None


def test_scores_without_any_number_say_so(subjects):
    table = subjects["own"].table.assign(score=np.nan)
    section = score_picture(replace(subjects["own"], table=table))
    assert section.picture is None
    assert "has a score" in section.reason


def test_alt_text_of_the_composition_holds_the_shares(subjects):
    alt = picture_sections(subjects["own"])[1].picture.alt
    counts = subjects["own"].counts
    share = 100 * counts.loc["<b>&T", "synthetic"] / counts["synthetic"].sum()
    assert (
        f"<b>&T {100 * counts.loc['<b>&T', 'real test'] / counts['real test'].sum():.2g} % against {share:.2g} %"
        in alt
    )
