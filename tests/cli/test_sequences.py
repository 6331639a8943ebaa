"""The commands for sequences."""

import pandas as pd
import pytest

from scgarage.cli import main
from scgarage.cli.sequences import SEQUENCES
from scgarage.sequences import MOTIFS, read_fasta, simulate_sequences, write_fasta


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    real = simulate_sequences({"a": [MOTIFS["cre"]], "b": []}, 40, 16)
    write_fasta("real.fa.gz", real.records())
    return tmp_path


def run(line):
    return main(line.split())


@pytest.mark.parametrize("name", SEQUENCES)
def test_help_shows_options_and_examples(name, capsys):
    assert main([*name.split("-", 1), "--help"]) == 0
    assert f"scgarage {name.replace('-', ' ', 1)} " in capsys.readouterr().out


def test_from_a_file_to_a_table(folder, capsys):
    assert run("sequences split real.fa.gz --labels-key class --train train.fa --test test.fa") == 0
    assert len(read_fasta("train.fa")) == 48
    assert not {r.name for r in read_fasta("train.fa")} & {r.name for r in read_fasta("test.fa")}
    small = "--params.n-iterations 2 --params.n-channels 4 --accelerator cpu"
    assert run(f"sequences fit train.fa --labels-key class --out model {small}") == 0
    assert run("sequences sample model --n-sequences 40 --out made.fa") == 0
    assert run('sequences sample model --classes {"b":3} --out few.fa.gz') == 0
    assert [record.field("class") for record in read_fasta("few.fa.gz")] == ["b"] * 3
    judge = "sequences evaluate made.fa --train train.fa --test test.fa --labels-key class --n-repeats 1 --out t.csv"
    assert run(judge) == 0
    assert "kmer_distance" in set(pd.read_csv("t.csv")["metric"])
    assert run(judge) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sequences fit absent.fa --out model", "no FASTA file absent.fa"),
        ("sequences fit real.fa.gz --out model --params.colour red", "no setting 'colour'"),
        ("sequences fit real.fa.gz --out model --labels-key kind", "no kind="),
        ("sequences fit real.fa.gz --out model --alphabet protein --length 99", "no window of 99 letters"),
        ("sequences sample model --out x.fa", "not both"),
        ("sequences sample model --n-sequences 3 --out x.fa", "not a model folder"),
        ("sequences split real.fa.gz --train real.fa.gz --test x.fa", "exists already"),
    ],
)
def test_wrong_input_is_said(folder, line, said, capsys):
    assert run(line) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["real.fa.gz"]
