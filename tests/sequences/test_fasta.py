import gzip

import numpy as np
import pytest

from scgarage.errors import InputError, OutputExistsError
from scgarage.sequences import DNA, PROTEIN, FastaRecord, find_alphabet, read_fasta, write_fasta
from scgarage.sequences.fasta import UNKNOWN


def test_codes_are_places_in_the_alphabet():
    for alphabet in (DNA, PROTEIN):
        assert alphabet.encode(alphabet.letters).tolist() == list(range(len(alphabet)))
        assert alphabet.decode(alphabet.encode(alphabet.letters.lower())) == alphabet.letters
        assert set(alphabet.encode(alphabet.ambiguous)) == {UNKNOWN}


def test_uracil_is_read_as_thymine():
    np.testing.assert_array_equal(DNA.encode("ACGU"), DNA.encode("ACGT"))


@pytest.mark.parametrize(("text", "said"), [("AC-T", "gaps"), ("ACQT", "'Q' at position 3"), ("ACé", "position 3")])
def test_foreign_letters_are_named(text, said):
    with pytest.raises(InputError, match=said):
        DNA.encode(text)


def test_unknown_alphabet_is_refused():
    with pytest.raises(InputError, match="available: 'dna', 'protein'"):
        find_alphabet("rna")


RECORDS = [FastaRecord("one", "ACGT" * 40, "class=a of=x"), FastaRecord("two", "A"), FastaRecord("three", "NNAC", "b")]


@pytest.mark.parametrize("name", ["file.fa", "file.fasta.gz"])
def test_what_is_written_is_read(tmp_path, name):
    assert read_fasta(write_fasta(tmp_path / name, RECORDS)) == RECORDS


def test_gzip_is_known_by_its_content_and_written_with_the_same_bytes(tmp_path):
    (tmp_path / "zipped.txt").write_bytes(gzip.compress(b">a\nAC\nGT\n"))
    assert read_fasta(tmp_path / "zipped.txt") == [FastaRecord("a", "ACGT")]
    one, two = (write_fasta(tmp_path / name, RECORDS).read_bytes() for name in ("1.gz", "2.gz"))
    assert one == two


def test_comments_white_space_and_line_breaks_do_not_matter(tmp_path):
    (tmp_path / "odd.fa").write_bytes(b"\r\n>a  first\r\n;comment\r\nAC GT\r\n\r\nac\r\n>b\r\nT")
    assert read_fasta(tmp_path / "odd.fa") == [FastaRecord("a", "ACGTac", "first"), FastaRecord("b", "T")]


def test_fields_of_the_header():
    assert RECORDS[0].field("class") == "a"
    assert RECORDS[0].field("source") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no entry"),
        (b"ACGT\n", "before the first '>name'"),
        (b">\nAC\n", "line 1: '>' without a name"),
        (b">a\n>b\nAC\n", "'a' has no letters"),
        (b">a\nAC\n>b\n", "'b' has no letters"),
        (b">a\nAC\n>a\nGT\n", "several entries of the name 'a'"),
        (b"\x1f\x8b\x08broken", "damaged"),
        (b">a\n\xff\xfe\n", "damaged"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, said):
    (tmp_path / "bad.fa").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_fasta(tmp_path / "bad.fa")


def test_truncated_gzip_and_absent_files_are_refused(tmp_path):
    (tmp_path / "cut.fa.gz").write_bytes(gzip.compress(b">a\n" + b"ACGT" * 500)[:-9])
    for name in ("cut.fa.gz", "absent.fa"):
        with pytest.raises(InputError, match=name):
            read_fasta(tmp_path / name)


def test_outputs_are_not_replaced_and_bad_names_not_written(tmp_path):
    path = write_fasta(tmp_path / "a.fa", RECORDS)
    with pytest.raises(OutputExistsError):
        write_fasta(path, RECORDS)
    for bad in ([], [FastaRecord("two words", "A")], [FastaRecord("", "A")]):
        with pytest.raises(InputError):
            write_fasta(tmp_path / "b.fa", bad)
    assert [file.name for file in tmp_path.iterdir()] == ["a.fa"]
