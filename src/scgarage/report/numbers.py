"""Numbers as a reader wants them: few digits, the same number of decimals along a row."""

from collections.abc import Iterable

import numpy as np

__all__ = ["NOTHING", "decimals_for", "duration", "number", "with_sd"]

NOTHING = "–"
"""Stands where there is no number."""

MOST_DECIMALS = 5


def decimals_for(values: Iterable[float], *, digits: int = 3) -> int:
    """Return the decimals that give the largest of ``values`` about ``digits`` significant digits.

    Examples
    --------
    >>> decimals_for([0.0123, 0.5]), decimals_for([153.2]), decimals_for([float("nan")])
    (3, 0, 2)
    """
    sizes = np.abs(np.array(list(values), dtype=float))
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if not sizes.size:
        return digits - 1
    return int(np.clip(digits - 1 - np.floor(np.log10(sizes.max())), 0, MOST_DECIMALS))


def number(value: float, decimals: int) -> str:
    """Write a number with thousands separators and a real minus sign; a missing one is a dash.

    Examples
    --------
    >>> number(12345.6, 0), number(-0.0312, 3), number(float("nan"), 2)
    ('12,346', '−0.031', '–')
    """
    if value is None or not np.isfinite(value):
        return NOTHING
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def with_sd(value: float, sd: float, decimals: int) -> str:
    """Write a value and, when there is one, its standard deviation.

    Examples
    --------
    >>> with_sd(0.5123, 0.0201, 3), with_sd(0.5, float("nan"), 2)
    ('0.512 ± 0.020', '0.50')
    """
    text = number(value, decimals)
    if text == NOTHING or sd is None or not np.isfinite(sd):
        return text
    return f"{text} ± {number(sd, decimals)}"


def duration(seconds: float) -> str:
    """Write a time in words.

    Examples
    --------
    >>> duration(0.51), duration(42), duration(760), duration(8000)
    ('0.5 s', '42 s', '12 min 40 s', '2 h 13 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"
