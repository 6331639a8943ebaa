"""Alphabets and FASTA files."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io import atomic_output

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


GZIP_MAGIC = b"\x1f\x8b"
LINE = 60
"""Letters in a line of a written file."""


@dataclass(frozen=True)
class FastaRecord:
    """One entry of a FASTA file.

    Attributes
    ----------
    name
        First word of the header.
    sequence
        Letters as in the file, line breaks and white space taken out.
    description
        The rest of the header.
    """

    name: str
    sequence: str
    description: str = ""

    def field(self, key: str) -> str | None:
        """Return the value of ``key=value`` in the description.

        Examples
        --------
        >>> FastaRecord("p1", "ACGT", "class=tata source=simulated").field("class")
        'tata'
        """
        pairs = (word.split("=", 1) for word in self.description.split())
        return next((pair[1] for pair in pairs if len(pair) == 2 and pair[0] == key), None)


def read_fasta(path: str | Path) -> list[FastaRecord]:
    """Read a FASTA file; gzip is recognised by its content.

    Parameters
    ----------
    path
        File.

    Returns
    -------
    Its entries in their order; at least one.

    Raises
    ------
    InputError
        When the file is absent, empty or damaged, is no FASTA file, has an entry without a name or letters, or two
        entries of one name.

    References
    ----------
    Pearson & Lipman, PNAS 1988, doi:10.1073/pnas.85.8.2444.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"there is no FASTA file {path}"
        raise InputError(msg)
    try:
        with _open(path) as lines:
            records = list(_parse(lines, path))
    except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"{path} is damaged or no text ({error}); expected a FASTA file, plain or gzipped"
        raise InputError(msg) from error
    if not records:
        msg = f"{path} has no entry; expected a FASTA file: a line '>name', then lines of letters"
        raise InputError(msg)
    names = [record.name for record in records]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"{path} has several entries of the name {twice!r}; names must differ"
        raise InputError(msg)
    return records


def write_fasta(path: str | Path, records: Iterable[FastaRecord], *, overwrite: bool = False) -> Path:
    """Write a FASTA file that is complete or not there at all; gzipped when the name ends in ``.gz``.

    Parameters
    ----------
    path
        File.
    records
        Entries.
    overwrite
        Replace a file that exists.

    Raises
    ------
    OutputExistsError
        When the file exists and ``overwrite`` is not set.
    InputError
        When a name is empty or has white space, or there is nothing to write.
    """
    entries = [_entry(record) for record in records]
    if not entries:
        msg = f"there are no sequences to write to {path}"
        raise InputError(msg)
    content = "".join(entries).encode("ascii")
    with atomic_output(path, overwrite=overwrite) as temporary:
        # A time stamp would make the bytes of two equal files differ.
        temporary.write_bytes(gzip.compress(content, mtime=0) if str(path).endswith(".gz") else content)
    return Path(path)


def _open(path: Path) -> TextIO:
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    return gzip.open(path, "rt", encoding="utf-8") if zipped else path.open(encoding="utf-8")


def _parse(lines: Iterable[str], path: Path) -> Iterator[FastaRecord]:
    header, parts = "", list[str]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith(">"):
            if header:
                yield _record(header, parts, path)
            header, parts = text[1:].strip(), []
            if not header:
                msg = f"{path}, line {number}: '>' without a name; expected '>name description'"
                raise InputError(msg)
        elif text and not text.startswith(";"):
            if not header:
                msg = f"{path}, line {number}: found {text[:20]!r} before the first '>name'; expected a FASTA file"
                raise InputError(msg)
            parts.append("".join(text.split()))
    if header:
        yield _record(header, parts, path)


def _record(header: str, parts: list[str], path: Path) -> FastaRecord:
    name, _, description = header.partition(" ")
    sequence = "".join(parts)
    if not sequence:
        msg = f"{path}: the entry {name!r} has no letters; the file may be cut off"
        raise InputError(msg)
    return FastaRecord(name, sequence, description.strip())


def _entry(record: FastaRecord) -> str:
    if not record.name or len(record.name.split()) != 1:
        msg = f"{record.name!r} cannot be a name in a FASTA file; give one without white space"
        raise InputError(msg)
    starts = range(0, len(record.sequence), LINE)
    lines = "\n".join(record.sequence[start : start + LINE] for start in starts)
    return f">{f'{record.name} {record.description}'.strip()}\n{lines}\n"
