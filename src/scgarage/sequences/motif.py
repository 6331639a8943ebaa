"""Motifs, and sequences simulated with planted ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.sequences.fasta import DNA, PROTEIN, Alphabet
from scgarage.sequences.windows import Windows

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
"""Bases that a letter of a consensus stands for."""


@dataclass(frozen=True, eq=False)
class Motif:
    r"""A position weight matrix.

    .. math:: s(x) = \sum_{j=1}^{w} \log_2 \frac{p_j(x_j)}{q(x_j)}

    is the log-odds score of a window :math:`x` against a background :math:`q`.

    Attributes
    ----------
    name
        Name in tables.
    probabilities
        Probability :math:`p` of each letter at each position, ``(n_positions, n_letters)``, rows adding up to one.
    alphabet
        The letters.

    Raises
    ------
    InputError
        When the rows are no probabilities of the alphabet's letters.

    References
    ----------
    Stormo, DNA binding sites: representation and discovery, Bioinformatics 2000,
    doi:10.1093/bioinformatics/16.1.16.

    Examples
    --------
    >>> Motif.of_consensus("TATAWAAR").consensus()
    'TATAAAAA'
    """

    name: str
    probabilities: NDArray[np.float64]
    alphabet: Alphabet = DNA

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 2 or not len(p) or p.shape[1] != len(self.alphabet):
            msg = f"probabilities of {self.name!r} has shape {p.shape}; expected (n_positions, {len(self.alphabet)})"
            raise InputError(msg)
        if (p < 0).any() or not np.allclose(p.sum(axis=1), 1):
            msg = f"probabilities of {self.name!r} must not be negative and add up to one in each row"
            raise InputError(msg)

    @classmethod
    def of_consensus(cls, consensus: str, *, name: str | None = None, certainty: float = 0.9) -> Self:
        """Return a DNA motif of a consensus in IUPAC letters.

        Parameters
        ----------
        consensus
            Such as ``"TATAWAAR"``.
        name
            Name; the consensus by default.
        certainty
            Probability of the letters that a position allows, together; the others share the rest.
        """
        unknown = sorted(set(consensus) - set(IUPAC))
        if unknown or not consensus:
            msg = f"consensus {consensus!r} has {unknown}; expected letters among {''.join(IUPAC)}"
            raise InputError(msg)
        return cls.of_sets(name or consensus, [IUPAC[letter] for letter in consensus], DNA, certainty=certainty)

    @classmethod
    def of_sets(cls, name: str, allowed: list[str], alphabet: Alphabet, *, certainty: float = 0.9) -> Self:
        """Return a motif from the letters that each position allows, equally probable among themselves."""
        if not 0 < certainty <= 1:
            msg = f"certainty must lie in (0, 1]; found {certainty}"
            raise InputError(msg)
        inside = np.array([[letter in letters for letter in alphabet.letters] for letters in allowed], dtype=np.float64)
        n_inside = inside.sum(axis=1, keepdims=True)
        n_outside = len(alphabet) - n_inside
        share = np.where(n_outside > 0, certainty, 1.0)
        return cls(name, inside * share / n_inside + (1 - inside) * (1 - share) / np.maximum(n_outside, 1), alphabet)

    @property
    def width(self) -> int:
        """Number of positions."""
        return len(self.probabilities)

    def consensus(self) -> str:
        """Return the most probable letter of each position."""
        return self.alphabet.decode(self.probabilities.argmax(axis=1).astype(np.uint8))

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Draw instances, ``(n, width)``, uint8."""
        edges = self.probabilities.cumsum(axis=1)[:, :-1]
        codes: NDArray[np.uint8] = (rng.random((n, self.width, 1)) > edges).sum(axis=2).astype(np.uint8)
        return codes

    def scores(self, sequences: Windows, *, background: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return log-odds scores (bits) of every window, ``(n_sequences, n_positions - width + 1)``.

        Parameters
        ----------
        sequences
            Where to look; one strand only.
        background
            Probability of each letter, ``(n_letters,)``; uniform by default.

        Raises
        ------
        InputError
            When the alphabets differ or the sequences are shorter than the motif.
        """
        if sequences.alphabet != self.alphabet or sequences.length < self.width:
            msg = (
                f"motif {self.name!r} ({self.width} {self.alphabet.name} letters) cannot lie in sequences of "
                f"{sequences.length} {sequences.alphabet.name} letters"
            )
            raise InputError(msg)
        base = np.full(len(self.alphabet), 1 / len(self.alphabet)) if background is None else background
        odds = np.log2(np.maximum(self.probabilities, 1e-4) / np.maximum(base, 1e-4))
        n_starts = sequences.length - self.width + 1
        scores = np.zeros((len(sequences), n_starts))
        for place, column in enumerate(odds):
            scores += column[sequences.codes[:, place : place + n_starts]]
        return scores


MOTIFS: dict[str, Motif] = {
    motif.name: motif
    for motif in (
        Motif.of_consensus("TATAWAAR", name="tata-box"),
        Motif.of_consensus("TGACGTCA", name="cre"),
        Motif.of_consensus("CACGTG", name="e-box"),
        Motif.of_sets("p-loop", ["AG", *[PROTEIN.letters] * 4, "G", "K", "ST"], PROTEIN),
        Motif.of_sets("zinc-finger", ["C", *[PROTEIN.letters] * 2, "C", *[PROTEIN.letters] * 3, "LIVMFYWC"], PROTEIN),
    )
}
"""Motifs from published consensus sequences, 90 % certain at each position.

TATA box: Basehoar, Zanton & Pugh, Cell 2004, doi:10.1016/S0092-8674(04)00205-3. cAMP response element: Montminy et al.,
PNAS 1986, doi:10.1073/pnas.83.18.6682. E-box (canonical): Murre et al., Cell 1989, doi:10.1016/0092-8674(89)90682-X.
P-loop: PROSITE PS00017, ``[AG]-x(4)-G-K-[ST]``. Zinc finger: the first half of PROSITE PS00028,
``C-x(2)-C-x(3)-[LIVMFYWC]``.
"""


def simulate_sequences(
    motifs: Mapping[str, Sequence[Motif]],
    n_per_class: int = 500,
    length: int = 50,
    *,
    background: NDArray[np.float64] | None = None,
    persistence: float = 0.0,
    places: tuple[int, int] | None = None,
    random_state: int = 0,
) -> Windows:
    r"""Simulate sequences in which every class has its motifs once each, at random places.

    The background is a Markov chain that keeps a letter with probability :math:`a` and else draws anew:

    .. math:: P(x_{j+1} = c \mid x_j) = a\, 1[c = x_j] + (1 - a)\, q(c)

    so each position has the distribution :math:`q`. Motifs replace it; they lie in the order given and do not overlap.

    Parameters
    ----------
    motifs
        Motifs of each class; an empty list for a class without any.
    n_per_class
        Sequences of a class.
    length
        Letters of a sequence.
    background
        Probability :math:`q` of each letter, ``(n_letters,)``; uniform by default.
    persistence
        Probability :math:`a` that a letter is kept.
    places
        First and last position at which the first motif may start; wherever all fit by default.
    random_state
        Seed; the same seed gives the same sequences.

    Returns
    -------
    Sequences with classes, in random order.

    Raises
    ------
    InputError
        When there is no motif, their alphabets differ, they do not fit or a number is out of range.

    Examples
    --------
    >>> from scgarage.sequences import MOTIFS
    >>> simulate_sequences({"promoter": [MOTIFS["tata-box"]], "none": []}, 10, 30)
    Windows(20 x 30 dna, 2 classes)
    """
    _check(motifs, n_per_class, length, persistence)
    alphabet = next(motif for own in motifs.values() for motif in own).alphabet
    base = np.full(len(alphabet), 1 / len(alphabet)) if background is None else np.asarray(background, dtype=np.float64)
    if base.shape != (len(alphabet),) or (base < 0).any() or not np.isclose(base.sum(), 1):
        msg = f"background must hold {len(alphabet)} probabilities that add up to one; found {base.tolist()}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    parts = []
    for own in motifs.values():
        codes = _background(n_per_class, length, base, persistence, rng)
        _plant(codes, own, places, rng)
        parts.append(codes)
    order = rng.permutation(len(motifs) * n_per_class)
    labels = np.repeat(np.array(list(motifs), dtype=np.str_), n_per_class)[order]
    names = np.char.mod("simulated_%d", np.arange(1, len(order) + 1))
    return Windows(np.concatenate(parts)[order], alphabet, labels, names, names)


def _check(motifs: Mapping[str, Sequence[Motif]], n_per_class: int, length: int, persistence: float) -> None:
    alphabets = {motif.alphabet.name for own in motifs.values() for motif in own}
    if len(alphabets) != 1:
        msg = f"motifs need one alphabet, and one class at least needs a motif; found {sorted(alphabets) or 'no motif'}"
        raise InputError(msg)
    widest = max(sum(motif.width for motif in own) for own in motifs.values())
    if n_per_class < 1 or widest > length or not 0 <= persistence < 1:
        msg = (
            f"n_per_class={n_per_class}, length={length}, persistence={persistence}; expected at least one sequence, "
            f"at least {widest} letters for the motifs of a class, and a probability below 1"
        )
        raise InputError(msg)


def _background(
    n: int, length: int, base: NDArray[np.float64], persistence: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    fresh = rng.choice(len(base), size=(n, length), p=base).astype(np.uint8)
    anew = rng.random((n, length)) >= persistence
    anew[:, 0] = True
    # The letter at a position is the one drawn last, which np.maximum.accumulate finds for all rows at once.
    last = np.maximum.accumulate(np.where(anew, np.arange(length), 0), axis=1)
    return np.take_along_axis(fresh, last, axis=1)


def _plant(
    codes: NDArray[np.uint8], motifs: Sequence[Motif], places: tuple[int, int] | None, rng: np.random.Generator
) -> None:
    """Write instances into ``codes`` in place: free letters are divided at random before, between and behind."""
    n, length = codes.shape
    free = length - sum(motif.width for motif in motifs)
    low, high = (0, free) if places is None else places
    if not 0 <= low <= high <= free:
        msg = f"places={places}; expected 0 <= first <= last <= {free}, so that the motifs fit"
        raise InputError(msg)
    start = np.asarray(rng.integers(low, high + 1, size=n))
    used = 0
    for motif in motifs:
        columns = (start + used)[:, None] + np.arange(motif.width)
        np.put_along_axis(codes, columns, motif.draw(n, rng), axis=1)
        used += motif.width
        start = np.asarray(rng.integers(start, free + 1))
