"""Sequences of one length, as numbers."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.sequences.fasta import DNA, UNKNOWN, Alphabet, FastaRecord


@dataclass(frozen=True, eq=False)
class Windows:
    """Sequences of one length, with or without classes.

    Attributes
    ----------
    codes
        Place of each letter in the alphabet, ``(n_sequences, n_positions)``, uint8.
    alphabet
        The letters.
    labels
        Class of each sequence, ``(n_sequences,)``, or ``None``.
    names
        Name of each sequence, ``(n_sequences,)``.
    sources
        Name of the longer sequence that each was cut from, ``(n_sequences,)``; windows of one source are alike and
        must not be divided between training and test.

    Raises
    ------
    InputError
        When the arrays do not fit each other or the alphabet.
    """

    codes: NDArray[np.uint8]
    alphabet: Alphabet = DNA
    labels: NDArray[np.str_] | None = None
    names: NDArray[np.str_] | None = None
    sources: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.codes.dtype != np.uint8 or not self.codes.size:
            msg = (
                f"codes has shape {self.codes.shape} and dtype {self.codes.dtype}; expected (n_sequences, n_positions) "
                "and uint8, at least one sequence of one letter"
            )
            raise InputError(msg)
        if self.codes.max() >= len(self.alphabet):
            msg = f"codes has {self.codes.max()}; expected numbers below {len(self.alphabet)} for {self.alphabet.name}"
            raise InputError(msg)
        for field in ("labels", "names", "sources"):
            values = getattr(self, field)
            if values is not None and values.shape != (len(self.codes),):
                msg = f"{field} has shape {values.shape}; expected one for each of {len(self.codes)} sequences"
                raise InputError(msg)

    @classmethod
    def cut(
        cls,
        records: Sequence[FastaRecord],
        *,
        length: int | None = None,
        alphabet: Alphabet = DNA,
        labels_key: str | None = None,
        stride: int | None = None,
    ) -> Self:
        """Cut sequences into windows; what is shorter than a window or unknown is left out with a warning.

        Parameters
        ----------
        records
            Entries of a FASTA file.
        length
            Letters of a window; by default the sequences' length, when they have one.
        alphabet
            The letters.
        labels_key
            The class is the value of ``labels_key=value`` in the header.
        stride
            Letters from one window's start to the next, by default ``length``: windows then do not overlap.

        Returns
        -------
        Windows in the order of the sequences, named ``name:start-end`` (from 0, end not included) when cut.

        Raises
        ------
        InputError
            When the sequences have several lengths and ``length`` is not given, no window is left, a letter is not of
            the alphabet, or a header has no ``labels_key``.
        """
        length = _length(records, length)
        step = length if stride is None else stride
        if length < 1 or step < 1:
            msg = f"length and stride must be at least 1; found {length} and {step}"
            raise InputError(msg)
        encoded = [alphabet.encode(record.sequence, name=f"the sequence {record.name!r}") for record in records]
        found = [_windows(codes, length, step) for codes in encoded]
        known = [(codes != UNKNOWN).all(axis=1) for codes, _ in found]
        _warn(found, known, length)
        kept = [codes[good] for (codes, _), good in zip(found, known, strict=True)]
        sizes = [len(codes) for codes in kept]
        names = [
            record.name if len(codes) == length else f"{record.name}:{start}-{start + length}"
            for record, codes, (_, starts), good in zip(records, encoded, found, known, strict=True)
            for start in starts[good]
        ]
        classes = None if labels_key is None else np.repeat(classes_of(records, labels_key), sizes)
        sources = np.repeat(np.array([record.name for record in records]), sizes)
        return cls(np.concatenate(kept), alphabet, classes, np.array(names), sources)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def length(self) -> int:
        """Letters of each sequence."""
        return int(self.codes.shape[1])

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Classes in alphabetical order; none without labels."""
        return () if self.labels is None else tuple(np.unique(self.labels).tolist())

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """Return some of the sequences."""
        fields = {name: getattr(self, name) for name in ("labels", "names", "sources")}
        kept: dict[str, Any] = {name: None if values is None else values[rows] for name, values in fields.items()}
        return replace(self, codes=self.codes[rows], **kept)

    def split(self, share: float, *, random_state: int = 0) -> tuple[Self, Self]:
        """Divide the sequences, class by class and whole sources together.

        Parameters
        ----------
        share
            Share of the sources of each class that go to the second part.
        random_state
            Seed.

        Returns
        -------
        The two parts.

        Raises
        ------
        InputError
            When a part would be empty.
        """
        mask = held_out(self.sources, self.labels, len(self), share, random_state=random_state)
        return self.take(~mask), self.take(mask)

    def one_hot(self) -> NDArray[np.float32]:
        """Return one-hot vectors, ``(n_sequences, n_positions, n_letters)``, float32."""
        return np.eye(len(self.alphabet), dtype=np.float32)[self.codes]

    def texts(self) -> list[str]:
        """Return the letters of each sequence."""
        joined = self.alphabet.decode(self.codes.ravel())
        return [joined[start : start + self.length] for start in range(0, len(joined), self.length)]

    def records(self, *, labels_key: str = "class") -> list[FastaRecord]:
        """Return entries for :func:`write_fasta`, the class as ``labels_key=value`` in the header."""
        numbers = np.char.mod("sequence_%d", np.arange(1, len(self) + 1))
        names = numbers if self.names is None else self.names
        about = [""] * len(self) if self.labels is None else [f"{labels_key}={label}" for label in self.labels]
        return [FastaRecord(str(name), *both) for name, *both in zip(names, self.texts(), about, strict=True)]

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"Windows({len(self)} x {self.length} {self.alphabet.name}{classes})"


def held_out(
    sources: NDArray[np.str_] | None, labels: NDArray[np.str_] | None, n_rows: int, share: float, *, random_state: int
) -> NDArray[np.bool_]:
    """Return which rows are held out, ``(n_rows,)``: a share of the sources of each class, at least one."""
    if not 0 < share < 1:
        msg = f"share must lie between 0 and 1; found {share}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    groups = np.arange(n_rows) if sources is None else np.unique(sources, return_inverse=True)[1]
    classes = pd.Series(labels if labels is not None else np.zeros(n_rows, dtype=np.int64)).groupby(groups).first()
    chosen: list[NDArray[np.int64]] = []
    for _, members in classes.groupby(classes):
        mixed = rng.permutation(members.index.to_numpy(dtype=np.int64))
        chosen.append(mixed[: max(1, round(share * len(mixed)))])
    mask = np.isin(groups, np.concatenate(chosen))
    if mask.all():
        msg = f"nothing is left beside the held-out share of {len(classes)} sequences; give more sequences"
        raise InputError(msg)
    return mask


def _length(records: Sequence[FastaRecord], length: int | None) -> int:
    found = {len(record.sequence) for record in records}
    if length is not None:
        return length
    if len(found) != 1:
        msg = f"the sequences have {min(found, default=0)} to {max(found, default=0)} letters; pass length= of a window"
        raise InputError(msg)
    return found.pop()


def _windows(codes: NDArray[np.uint8], length: int, step: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    starts = np.arange(0, len(codes) - length + 1, step, dtype=np.int64)
    return codes[starts[:, None] + np.arange(length)], starts


def _warn(
    found: Sequence[tuple[NDArray[np.uint8], NDArray[np.int64]]], known: Sequence[NDArray[np.bool_]], length: int
) -> None:
    short = sum(not len(starts) for _, starts in found)
    unknown = sum(int((~good).sum()) for good in known)
    total = sum(len(starts) for _, starts in found)
    said = f"{short} sequences shorter than {length} letters and {unknown} windows with unknown letters"
    if total == unknown:
        msg = f"no window of {length} letters is left: {said}; pass a smaller length="
        raise InputError(msg)
    if short or unknown:
        warnings.warn(f"left out: {said}", UserWarning, stacklevel=3)


def classes_of(records: Sequence[FastaRecord], labels_key: str) -> NDArray[np.str_]:
    """Return the value of ``labels_key=value`` in each header, ``(n_records,)``; all must have one."""
    values = [record.field(labels_key) for record in records]
    missing = [record.name for record, value in zip(records, values, strict=True) if not value]
    if missing:
        msg = (
            f"{len(missing)} of {len(records)} headers have no {labels_key}=..., the first is {missing[0]!r}; "
            f"expected '>name {labels_key}=value', or leave the class out"
        )
        raise InputError(msg)
    return np.array(values, dtype=np.str_)
