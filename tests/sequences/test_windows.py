import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import PROTEIN, FastaRecord, Windows, read_fasta, write_fasta

LONG = FastaRecord("chr", "ACGTACGTAC", "class=a")


def test_windows_are_pieces_of_the_sequence():
    cut = Windows.cut([LONG], length=4, stride=3, labels_key="class")
    assert cut.texts() == [LONG.sequence[start : start + 4] for start in (0, 3, 6)]
    assert cut.names.tolist() == ["chr:0-4", "chr:3-7", "chr:6-10"]
    assert cut.classes == ("a",)
    assert Windows.cut([LONG]).texts() == [LONG.sequence]


def test_short_and_unknown_pieces_are_left_out_and_counted():
    records = [FastaRecord("n", "ACGNACGT"), FastaRecord("s", "AC")]
    with pytest.warns(UserWarning, match="1 sequences shorter than 4 letters and 1 windows with unknown"):
        cut = Windows.cut(records, length=4)
    assert cut.texts() == ["ACGT"]
    with pytest.raises(InputError, match="no window of 4 letters is left"):
        Windows.cut(records[1:], length=4)


def test_file_to_windows_and_back(tmp_path):
    protein = [FastaRecord(f"p{i}", text, "class=x") for i, text in enumerate(["MKTAY", "GGSTK"])]
    cut = Windows.cut(protein, alphabet=PROTEIN, labels_key="class")
    again = read_fasta(write_fasta(tmp_path / "p.fa", cut.records()))
    assert again == protein


def test_one_hot_agrees_with_the_codes():
    cut = Windows.cut([LONG])
    np.testing.assert_array_equal(cut.one_hot().argmax(axis=2), cut.codes)
    np.testing.assert_array_equal(cut.one_hot().sum(axis=2), 1)


def test_split_keeps_sources_together_and_shares_of_classes():
    records = [FastaRecord(f"r{i}", "ACGTACGT", f"class={'a' if i < 30 else 'b'}") for i in range(40)]
    cut = Windows.cut(records, length=2, labels_key="class")
    train, test = cut.split(0.2, random_state=3)
    assert not set(train.sources) & set(test.sources)
    assert len(train) + len(test) == len(cut)
    assert {label: int((test.labels == label).sum()) for label in "ab"} == {"a": 6 * 4, "b": 2 * 4}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"labels_key": "kind"}, "no kind="),
        ({"length": 0}, "at least 1"),
        ({"alphabet": PROTEIN, "length": 99}, "left"),
    ],
)
def test_bad_requests_are_refused(how, said):
    with pytest.raises(InputError, match=said):
        Windows.cut([LONG], **how)


def test_different_lengths_need_one():
    with pytest.raises(InputError, match="2 to 10 letters; pass length="):
        Windows.cut([LONG, FastaRecord("s", "AC")])


def test_arrays_must_fit():
    codes = np.zeros((3, 4), dtype=np.uint8)
    with pytest.raises(InputError, match="expected one for each of 3"):
        Windows(codes, labels=np.array(["a"]))
    with pytest.raises(InputError, match="expected numbers below 4"):
        Windows(codes + 4)
    with pytest.raises(InputError, match="uint8"):
        Windows(codes.astype(int))
    with pytest.raises(InputError, match="share must lie"):
        Windows(codes).split(1.0)
