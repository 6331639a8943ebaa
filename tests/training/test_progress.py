"""The progress bar and its off switch."""

import sys

import pytest

from scgarage.training import progress_bar


@pytest.mark.parametrize("show", [False, None])
def test_nothing_is_written_when_off_or_not_on_a_terminal(show: bool | None, capfd):
    with progress_bar("training", 3, show=show) as report:
        report(1, "text")
    assert capfd.readouterr() == ("", "")


def test_bar_goes_to_standard_error(capfd):
    with progress_bar("learning", 4, show=True, start=1) as report:
        report(4, "best 0.5")
    out, err = capfd.readouterr()
    assert out == ""
    assert "learning" in err
    assert "4/4" in err
    assert "best 0.5" in err


def test_missing_standard_error_shows_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar("training", 3, show=None) as report:
        report(1, "")
