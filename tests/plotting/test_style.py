import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from scgarage.plotting.style import STYLE, new_figure, own_axes, plain, styled


def test_style_holds_inside_and_not_after():
    before = mpl.rcParams["axes.spines.top"], mpl.rcParams["font.size"]

    @styled
    def look() -> float:
        return float(mpl.rcParams["font.size"])

    assert look() == STYLE["font.size"]
    assert (mpl.rcParams["axes.spines.top"], mpl.rcParams["font.size"]) == before


def test_style_is_undone_after_an_error():
    before = mpl.rcParams["font.size"]

    @styled
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert mpl.rcParams["font.size"] == before


def test_given_axes_are_used():
    ax = new_figure(2).subplots()
    assert own_axes(ax, 5) is ax
    assert own_axes(None, 5, width=4).figure.get_size_inches().tolist() == [4, 5]


def test_dollar_signs_are_no_mathematics():
    figure = Figure()
    text = figure.text(0, 0, plain("a$b$"))
    figure.draw_without_rendering()
    assert text._preprocess_math(text.get_text()) == ("a$b$", False)
