"""Classes of figures for maps: round breaks, colours, widths.

Changes get seven mirrored classes in ColorBrewer's PuOr, which people with colour vision deficiency can tell apart
(digest §9); a change smaller than the smallest break, which is never below the precision of the figures, is *no
change*. Plain values get five classes from light to dark. All compared figures share one scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CHANGES: Final = {
    -3: "#542788",
    -2: "#998ec3",
    -1: "#d8daeb",
    0: "#e9e9e6",
    1: "#fee0b6",
    2: "#f1a340",
    3: "#b35806",
}
"""Class → colour: less is purple, more is orange."""
CHANGE_WIDTHS: Final = {0: 2.0, 1: 4.0, 2: 6.5, 3: 9.5}
VALUES: Final = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")
VALUE_WIDTHS: Final = (3.0, 4.0, 5.0, 6.5, 8.0)

_TRIPLES: Final = ((1.0, 2.0, 5.0), (2.0, 5.0, 10.0), (5.0, 10.0, 20.0))
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TYPICAL: Final = 0.9
"""Breaks follow the ninth decile: one bridge that loses everything must not make the rest look unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The breaks between classes. ``changes``: classes mirror about zero; the breaks are the three positive ones."""

    breaks: tuple[float, ...]
    changes: bool
    lowest: float = 0.0
    highest: float = 0.0

    def class_of(self, figure: float) -> int:
        """Return -3 … 3 for a change, 0 … 4 for a value. A figure on a break belongs to the class further out."""
        size = abs(figure) if self.changes else figure
        number = sum(size >= one for one in self.breaks)
        return -number if self.changes and figure < 0 else number

    def colour(self, figure: float) -> str:
        number = self.class_of(figure)
        return CHANGES[number] if self.changes else VALUES[number]

    def width(self, figure: float) -> float:
        """Return the width of a line, in units of the drawing."""
        number = self.class_of(figure)
        return CHANGE_WIDTHS[abs(number)] if self.changes else VALUE_WIDTHS[number]

    def classes(self) -> list[tuple[int, float | None, float | None]]:
        """Return (class, from, until) from the highest to the lowest; None if a class is open."""
        if self.changes:
            small, middle, large = self.breaks
            return [
                (3, large, None),
                (2, middle, large),
                (1, small, middle),
                (0, -small, small),
                (-1, -middle, -small),
                (-2, -large, -middle),
                (-3, None, -large),
            ]
        edges: list[float | None] = [None, *self.breaks, None]
        return [(n, edges[n], edges[n + 1]) for n in range(len(edges) - 2, -1, -1)]

    def colour_of(self, number: int) -> str:
        return CHANGES[number] if self.changes else VALUES[number]

    def width_of(self, number: int) -> float:
        return CHANGE_WIDTHS[abs(number)] if self.changes else VALUE_WIDTHS[number]


def change_scale(changes: Iterable[float], decimals: int | None = None) -> Scale:
    """Return the scale for ``changes``; ``decimals`` is how many decimals of the figures are significant."""
    finite = [change for change in changes if math.isfinite(change)]
    noise = 10.0**-decimals if decimals is not None else 0.0
    # A difference of two rounded figures may miss the last decimal by the rounding error of floats.
    sizes = sorted(size for change in finite if (size := abs(change)) > 0 and size >= noise * 0.999)
    ends = {"lowest": min(finite, default=0.0), "highest": max(finite, default=0.0)}
    typical = sizes[round(_TYPICAL * (len(sizes) - 1))] if sizes else noise or 1.0
    power = math.floor(math.log10(typical))
    candidates = [
        tuple(_round(part, exponent) for part in triple)
        for exponent in range(power - 2, power + 3)
        for triple in _TRIPLES
    ]
    # Between the smallest floats there is no room for three breaks.
    distinct = [triple for triple in candidates if 0 < triple[0] < triple[1] < triple[2]]
    meaningful = [triple for triple in distinct if triple[0] >= noise * 0.999] or candidates[-1:]
    fitting = [triple for triple in meaningful if triple[2] <= typical]
    return Scale(breaks=fitting[-1] if fitting else meaningful[0], changes=True, **ends)


def value_scale(values: Iterable[float]) -> Scale:
    """Return the scale for ``values`` that are not compared with others."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    span = (high - low) / len(VALUES) or abs(high) / len(VALUES) or 1.0
    power = math.floor(math.log10(span))
    step = next(size for part in _STEPS if (size := _round(part, power)) >= span * 0.8)
    first = math.floor(low / step)
    breaks = tuple(float(f"{(first + n) * step:.12g}") for n in range(1, len(VALUES)))
    return Scale(breaks=breaks, changes=False, lowest=low, highest=high)


def _round(part: float, exponent: int) -> float:
    return float(f"{part}e{exponent}")
