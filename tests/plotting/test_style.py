import inspect
import re

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import scgarage as sg
from scgarage.errors import InputError
from scgarage.plotting.style import (
    SOURCE_COLOURS,
    STYLE,
    TYPE_COLOURS,
    finish,
    new_figure,
    own_axes,
    plain,
    styled,
    type_colours,
)


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.pdf", b"%PDF"), ("a.png", b"\x89PNG")])
def test_ending_chooses_the_format(name, start, tmp_path):
    ax = new_figure(2).subplots()
    assert finish(ax, save=tmp_path / name) is ax
    assert (tmp_path / name).read_bytes().startswith(start)


def test_figures_of_parts_are_saved_whole(tmp_path):
    figure = new_figure(2)
    part = figure.subfigures(1, 2)[0]
    finish(part.subplots(), save=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").exists()


def test_show_shows_this_figure_and_leaves_none_open(monkeypatch):
    figure, seen = new_figure(2), []
    monkeypatch.setattr(plt, "show", lambda: seen.append(plt.gcf().canvas.figure))
    with mpl.rc_context({"backend": "agg"}):
        assert finish(figure, show=True) is figure
    assert seen == [figure]
    assert plt.get_fignums() == []


def test_unknown_endings_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match=r"ends in '\.xyz'; expected one of"):
        finish(new_figure(2), save=tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []


def drawing(module):
    """Names of the functions of a module that draw, with what they return."""
    functions = {name: getattr(module, name) for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    returned = {name: inspect.signature(function).return_annotation for name, function in functions.items()}
    return {name: kind for name, kind in returned.items() if kind in (Axes, Figure, Figure | None)}


@pytest.mark.parametrize("module", [sg.pl, sg.analyses])
def test_every_figure_can_be_shown_and_saved_and_single_panels_take_axes(module):
    found = drawing(module)
    assert len(found) > 2
    for name, kind in found.items():
        parameters = set(inspect.signature(getattr(module, name)).parameters)
        assert {"show", "save"} <= parameters, name
        assert ("ax" in parameters) == (kind is Axes), name


def test_saving_is_part_of_drawing(tmp_path):
    real, synthetic = np.random.default_rng(0).gamma(1.0, size=(2, 20, 5))
    assert isinstance(sg.pl.gene_moments(real, synthetic, save=tmp_path / "moments.svg"), Figure)
    assert (tmp_path / "moments.svg").stat().st_size > 0


def test_colours_are_distinct_hexadecimal_numbers():
    for colours in (TYPE_COLOURS, tuple(SOURCE_COLOURS.values())):
        assert len(set(colours)) == len(colours)
        assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in colours)


def test_a_type_keeps_its_colour_when_types_are_added_after_it():
    few, many = type_colours(["B", "NK"]), type_colours(["B", "NK", "pDC"])
    assert few.items() <= many.items()


def test_unsure_is_grey_and_takes_no_colour_from_others():
    assert type_colours(["unsure", "B"])["B"] == type_colours(["B"])["B"]
    assert type_colours(["unsure"])["unsure"] not in TYPE_COLOURS


def test_every_type_has_a_colour_beyond_the_palette():
    names = [f"type {i}" for i in range(len(TYPE_COLOURS) + 3)]
    colours = type_colours(names)
    assert list(colours) == names
    assert colours["type 0"] == colours[f"type {len(TYPE_COLOURS)}"]


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
