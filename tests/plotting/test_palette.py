import re

from scgarage.plotting.style import SOURCE_COLOURS, TYPE_COLOURS, type_colours


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
