"""Alphabets of biological sequences, and letters as numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = ["ALPHABETS", "DNA", "PROTEIN", "UNKNOWN", "Alphabet", "find_alphabet"]

UNKNOWN = 255
"""Code of a letter that stands for several, such as N."""

_INVALID = 254


@dataclass(frozen=True)
class Alphabet:
    """The letters of a kind of sequence.

    Attributes
    ----------
    name
        Name on the command line and in model files.
    letters
        Letters in the order of their codes.
    ambiguous
        Letters that stand for several; sequences may hold them, windows may not.
    same
        Pairs of a letter and the one it is read as, such as U for T.

    Examples
    --------
    >>> DNA.encode("ACGTn").tolist()
    [0, 1, 2, 3, 255]
    >>> DNA.decode(DNA.encode("GATTACA"))
    'GATTACA'
    """

    name: str
    letters: str
    ambiguous: str
    same: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.letters)

    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        table = np.full(256, _INVALID, dtype=np.uint8)
        pairs = {letter: code for code, letter in enumerate(self.letters)}
        pairs |= dict.fromkeys(self.ambiguous, UNKNOWN) | {letter: pairs[twin] for letter, twin in self.same}
        for letter, code in pairs.items():
            table[[ord(letter), ord(letter.lower())]] = code
        return table

    def encode(self, text: str, *, name: str = "the sequence") -> NDArray[np.uint8]:
        """Return the code of each letter, upper or lower case, shape ``(len(text),)``, uint8.

        Parameters
        ----------
        text
            Letters.
        name
            What errors call the sequence.

        Returns
        -------
        Place of each letter in ``letters``, :data:`UNKNOWN` for an ambiguous one.

        Raises
        ------
        InputError
            For a letter that is not of the alphabet.
        """
        codes = self._codes[np.frombuffer(text.encode("ascii", errors="replace"), dtype=np.uint8)]
        wrong = np.flatnonzero(codes == _INVALID)
        if len(wrong):
            place = int(wrong[0])
            hint = "; remove the gaps of an alignment" if text[place] in "-." else ""
            msg = (
                f"{name} has {text[place]!r} at position {place + 1}, which is no letter of the {self.name} "
                f"alphabet ({self.letters}, or {self.ambiguous} for unknown ones){hint}"
            )
            raise InputError(msg)
        return codes

    def decode(self, codes: NDArray[np.uint8]) -> str:
        """Return the letters of codes, shape ``(n_positions,)``."""
        return np.frombuffer(self.letters.encode("ascii"), dtype=np.uint8)[codes].tobytes().decode("ascii")


DNA = Alphabet("dna", "ACGT", "RYSWKMBDHVN", (("U", "T"),))
"""The four bases; U is read as T."""

PROTEIN = Alphabet("protein", "ACDEFGHIKLMNPQRSTVWY", "BJOUXZ*")
"""The twenty amino acids."""

ALPHABETS: dict[str, Alphabet] = {alphabet.name: alphabet for alphabet in (DNA, PROTEIN)}
"""Alphabets by name."""


def find_alphabet(name: str) -> Alphabet:
    """Return the alphabet of a name.

    Raises
    ------
    InputError
        When there is none.
    """
    if name not in ALPHABETS:
        msg = f"there is no alphabet {name!r}; available: {', '.join(map(repr, ALPHABETS))}"
        raise InputError(msg)
    return ALPHABETS[name]
