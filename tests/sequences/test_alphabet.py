import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.sequences import DNA, PROTEIN, find_alphabet
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
