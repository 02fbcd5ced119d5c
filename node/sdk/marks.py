"""Declarations in annotations about a column, parameter, input or output: ``Annotated[float, Unit("m")]``.

A plain text among them is a description: ``Annotated[float, Unit("km/h"), "mean speed of all vehicles"]``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from node.sdk.troubles import BadAnnotation

_STEP: Final = re.compile(r"P(?=.)(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")
_CRS: Final = re.compile(r"EPSG:\d{4,6}")
MOST_DECIMALS: Final = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a number, as a UCUM code: ``m``, ``km/h``, ``dB[SPL]``, ``{vehicles}/h``, ``1`` for a factor."""

    code: str

    def __post_init__(self) -> None:
        code = self.code
        if not isinstance(code, str) or not code.isascii() or not code.isprintable() or " " in code or not code:
            raise BadAnnotation(
                f"{code!r} is not a unit", remedy='write a UCUM code: Unit("km/h"), Unit("{vehicles}/h"), Unit("1")'
            )


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value, both allowed; None for no bound.

    A parameter outside its range is refused. A column outside its range is outside the validity of the model: it is
    computed all the same, and the result carries a caveat.
    """

    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.minimum, self.maximum):
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
                raise BadAnnotation(f"{bound!r} is not a bound of a range", remedy="write numbers: Range(0, 2)")
            if bound is not None and not math.isfinite(bound):
                raise BadAnnotation("a range has no infinite bounds", remedy="leave the bound away: Range(0)")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise BadAnnotation(
                f"the range {self.minimum:g} to {self.maximum:g} is empty", remedy="the lower bound comes first"
            )


@dataclass(frozen=True, slots=True)
class Decimals:
    """The number of significant decimals. Outputs are rounded to them, halves to the even digit."""

    count: int

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or not 0 <= self.count <= MOST_DECIMALS:
            raise BadAnnotation(f"{self.count!r} is no number of decimals", remedy=f"0 to {MOST_DECIMALS}")


@dataclass(frozen=True, slots=True)
class Kind:
    """The IRI of the quantity kind. It distinguishes quantities of one unit (vehicles and persons an hour)."""

    iri: str

    def __post_init__(self) -> None:
        _absolute(self.iri, "quantity kind")


@dataclass(frozen=True, slots=True)
class Step:
    """The resolution in time of an input or output, in ISO 8601: ``PT15M``, ``PT1H``, ``P1D``."""

    duration: str

    def __post_init__(self) -> None:
        if not isinstance(self.duration, str) or not _STEP.fullmatch(self.duration):
            raise BadAnnotation(
                f"{self.duration!r} is no time step", remedy='days, hours, minutes, seconds: Step("PT15M")'
            )


@dataclass(frozen=True, slots=True)
class Grain:
    """The resolution in space of an input or output, in metres."""

    metres: float


@dataclass(frozen=True, slots=True)
class Schema:
    """The IRI of a schema that the rows of an input or output conform to."""

    iri: str

    def __post_init__(self) -> None:
        _absolute(self.iri, "schema")


@dataclass(frozen=True, slots=True)
class Crs:
    """A coordinate system of the geometry in an input or output: ``EPSG:4326``."""

    code: str

    def __post_init__(self) -> None:
        if not isinstance(self.code, str) or not _CRS.fullmatch(self.code):
            raise BadAnnotation(f"{self.code!r} is no coordinate system", remedy='write Crs("EPSG:4326")')


def _absolute(iri: str, what: str) -> None:
    if not isinstance(iri, str) or not re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+", iri):
        raise BadAnnotation(f"{iri!r} is not the IRI of a {what}", remedy="write an absolute IRI: https://…")
