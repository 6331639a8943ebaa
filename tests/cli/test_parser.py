import pytest

from scgarage.cli import main
from scgarage.cli.analyse import ANALYSES
from scgarage.cli.parser import join_words
from scgarage.cli.sequences import SEQUENCES


def test_two_words_are_one_command():
    assert join_words(["analyse", "seeds", "x"], "analyse", ANALYSES) == ["analyse-seeds", "x"]
    assert join_words(["--debug", "sequences", "fit"], "sequences", SEQUENCES) == ["--debug", "sequences-fit"]
    assert join_words(["fit", "analyse", "seeds"], "analyse", ANALYSES) == ["fit", "analyse", "seeds"]


@pytest.mark.parametrize(("noun", "commands"), [("analyse", ANALYSES), ("sequences", SEQUENCES)])
@pytest.mark.parametrize(("rest", "code"), [([], 2), (["nothing"], 2), (["--help"], 0)])
def test_the_first_word_alone_says_what_there_is(noun, commands, rest, code, capsys):
    assert main([noun, *rest]) == code
    shown = capsys.readouterr().out
    assert all(f"scgarage {name.replace('-', ' ', 1)}" in shown for name in commands)
    assert ("is no command" in shown) == (code == 2)
