import pytest

from scgarage.report import figures as topology_figure
from scgarage.report.figures import topology_pictures
from scgarage.report.subject import Subject


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
