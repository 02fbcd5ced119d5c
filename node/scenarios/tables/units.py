"""Units of measure by their UCUM codes (The Unified Code for Units of Measure 2.2, case sensitive).

A unit is a factor over base units, so that two codes can be compared and figures converted. In three points this is
stricter than UCUM, which is too lenient for data exchanged between cities. UCUM ignores text in braces; here it is
kept, because ``{veh}/h`` and ``{PCU}/h`` are not the same. The mole and the bel are dimensions, not numbers. And
levels such as ``dB[SPL]`` are a class of their own, which can be compared only with the same level. The atomic mass
unit ``u`` is left out: authors who write ``km/u`` mean an hour (uur).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from node.base.errors import InvalidInput
from node.scenarios.tables.unitcodes import (
    ATOMS,
    BASES,
    LEVELS,
    OFFSETS,
    PREFIXES,
    PREFIXES_OF_TWO,
    SAME_WORDS,
    guess_code,
)

MAX_LENGTH: Final = 80
_MAX_DEPTH: Final = 8
_HUGE: Final = Fraction(10) ** 100

_TOKEN: Final = re.compile(
    r"(?P<unit>(?:10[*^]|(?:[A-Za-z%'\"_]|\[[^\]\[{}\s]*\])+))(?P<exponent>[+-]?\d{1,2})?"
    r"|(?P<number>\d{1,15})"
    r"|\{(?P<word>[^{}]*)\}"
    r"|(?P<sign>[./()])"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: a figure in it is ``figure * factor + offset`` in base units.

    ``dimension`` are the exponents of ``unitcodes.BASES``; ``level`` names the reference of a level (``B[SPL]``): its
    factor counts bels; ``words`` are the annotations with their exponents, in one spelling.
    """

    code: str
    dimension: tuple[int, ...]
    factor: Fraction
    offset: Fraction = Fraction(0)
    level: str = ""
    words: tuple[tuple[str, int], ...] = ()

    @property
    def special(self) -> bool:
        """Return whether it has a zero of its own, or is a level: then it cannot be combined with others."""
        return bool(self.offset or self.level)


class Relation(StrEnum):
    """The relation of figures in one unit to figures in another."""

    SAME = "same"
    FACTOR = "factor"
    INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of ``compare``: a figure in the first unit is ``figure * factor + offset`` in the second.

    ``words_differ``: both have annotations, but different ones. ``words_missing``: one of them has none.
    """

    relation: Relation
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    words_differ: bool = False
    words_missing: bool = False


@lru_cache(maxsize=1024)
def parse(code: str) -> Unit:
    """Return the unit with this UCUM code. Raises ``InvalidInput``, with the code that was probably meant."""
    if len(code) > MAX_LENGTH:
        raise InvalidInput(f"a unit of {len(code)} characters is not read", remedy="write its UCUM code, like km/h")
    try:
        return _Reader(code).read()
    except _NoUnit as error:
        guess, why = guess_code(code, _is_unit)
        advice = f"write {guess}" if guess else "write a UCUM code, like km/h, {vehicles}/h, ug/m3 or kW.h (ucum.org)"
        raise InvalidInput(
            f"{code!r} is not a unit in UCUM: {error}",
            remedy=f"{advice}: {why}" if why else advice,
            facts={"unit": code, **({"meant": guess} if guess else {})},
        ) from None


def compare(a: Unit | str, b: Unit | str) -> Comparison:
    """Return how figures in ``a`` relate to figures in ``b``. Raises ``InvalidInput`` for a text that is not a
    unit."""
    first, second = _unit(a), _unit(b)
    if first.dimension != second.dimension or first.level != second.level:
        return Comparison(Relation.INCOMPATIBLE)
    factor = first.factor / second.factor
    offset = (first.offset - second.offset) / second.factor
    return Comparison(
        Relation.SAME if factor == 1 and offset == 0 else Relation.FACTOR,
        factor,
        offset,
        words_differ=bool(first.words and second.words and first.words != second.words),
        words_missing=bool(first.words) is not bool(second.words),
    )


def convert(value: float, a: Unit | str, b: Unit | str) -> float:
    """Return a finite figure in ``a`` as one in ``b``, rounded once. Raises ``InvalidInput`` if they cannot be
    compared."""
    first, second = _unit(a), _unit(b)
    comparison = compare(first, second)
    if comparison.relation is Relation.INCOMPATIBLE:
        raise InvalidInput(
            f"{first.code} cannot be converted to {second.code}",
            remedy="they measure different things",
            facts={"from": first.code, "to": second.code},
        )
    if comparison.relation is Relation.SAME:
        return value
    try:
        return float(Fraction(repr(value)) * comparison.factor + comparison.offset)
    except OverflowError:
        raise InvalidInput(
            f"{value:g} {first.code} is too large a number in {second.code}", remedy="check the value and its unit"
        ) from None


def _unit(unit: Unit | str) -> Unit:
    return parse(unit) if isinstance(unit, str) else unit


def _is_unit(code: str) -> bool:
    try:
        _Reader(code).read()
    except _NoUnit:
        return False
    return True


class _NoUnit(Exception):
    """The reason why a text is not a unit."""


class _Reader:
    """Reads one code, by the grammar of UCUM §2.1."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._tokens: list[re.Match[str]] = []
        at = 0
        while at < len(code):
            token = _TOKEN.match(code, at)
            if token is None:
                raise _NoUnit(f"{code[at]!r} is not allowed in it")
            self._tokens.append(token)
            at = token.end()
        self._at = 0

    def read(self) -> Unit:
        if not self._tokens:
            raise _NoUnit("it is empty")
        unit = self._term(0)
        if self._at < len(self._tokens):
            raise _NoUnit(f"{self._tokens[self._at][0]!r} needs a point or a slash before it")
        if not 1 / _HUGE < unit.factor < _HUGE:
            raise _NoUnit("its factor is too large or too small")
        words = tuple(sorted((word, power) for word, power in unit.words if power))
        return Unit(self._code, unit.dimension, unit.factor, unit.offset, unit.level, words)

    def _sign(self) -> str:
        return self._tokens[self._at]["sign"] or "" if self._at < len(self._tokens) else ""

    def _term(self, depth: int) -> Unit:
        if depth > _MAX_DEPTH:
            raise _NoUnit("its parentheses are nested too deeply")
        if self._sign() == "/":
            self._at += 1
            unit = _times(_ONE, self._component(depth), -1)
        else:
            unit = self._component(depth)
        while (sign := self._sign()) in (".", "/") and sign:
            self._at += 1
            unit = _times(unit, self._component(depth), 1 if sign == "." else -1)
        return unit

    def _component(self, depth: int) -> Unit:
        if self._at >= len(self._tokens):
            raise _NoUnit("something is missing at its end")
        token = self._tokens[self._at]
        self._at += 1
        if token["sign"] == "(":
            unit = self._term(depth + 1)
            if self._sign() != ")":
                raise _NoUnit("a parenthesis is not closed")
            self._at += 1
        elif token["sign"]:
            raise _NoUnit(f"{token[0]!r} is in the place of a unit")
        elif token["number"]:
            if not int(token["number"]):
                raise _NoUnit("its factor is zero")
            unit = Unit("", _NONE, Fraction(int(token["number"])))
        elif token["unit"]:
            unit = _power(_simple(token["unit"]), int(token["exponent"] or 1))
        else:
            return _annotate(_ONE, token["word"])
        if self._at < len(self._tokens) and self._tokens[self._at]["word"] is not None:
            unit = _annotate(unit, self._tokens[self._at]["word"])
            self._at += 1
        return unit


def _simple(symbol: str) -> Unit:
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    for prefix, factor in PREFIXES.items():
        rest = symbol.removeprefix(prefix)
        if rest != symbol and rest in _METRIC:
            unit = _KNOWN[rest]
            return Unit("", unit.dimension, unit.factor * factor, unit.offset, unit.level)
    for prefix, factor in PREFIXES_OF_TWO.items():
        if (rest := symbol.removeprefix(prefix)) != symbol and rest in ("bit", "By"):
            return Unit("", _NONE, _KNOWN[rest].factor * factor)
    raise _NoUnit(f"{symbol} is unknown")


def _power(unit: Unit, exponent: int) -> Unit:
    if exponent == 1:
        return unit
    if unit.special:
        raise _NoUnit("a temperature with a zero of its own, or a level, has no powers")
    return Unit("", tuple(one * exponent for one in unit.dimension), unit.factor**exponent)


def _times(a: Unit, b: Unit, sign: int) -> Unit:
    if (a.special or b.special) and not (a is _ONE and sign == 1):
        raise _NoUnit(
            "a temperature with a zero of its own, or a level, stands alone (for differences write K or dB)"
        )
    words = dict(a.words)
    for word, power in b.words:
        words[word] = words.get(word, 0) + sign * power
    return Unit(
        "",
        tuple(one + sign * other for one, other in zip(a.dimension, b.dimension, strict=True)),
        a.factor * b.factor**sign,
        words=tuple(words.items()),
    )


def _annotate(unit: Unit, word: str) -> Unit:
    lower_case = " ".join(word.casefold().replace("_", " ").split())
    if not lower_case:
        return unit
    known = SAME_WORDS.get(lower_case, lower_case)
    return Unit("", unit.dimension, unit.factor, unit.offset, unit.level, (*unit.words, (known, 1)))


_WRITTEN: Final[Mapping[str, str]] = MappingProxyType({"Cel": "°C", "ug/m3": "µg/m³", "m2": "m²", "km.h-1": "km/h"})


def words(code: str | None) -> str:
    """Return a UCUM code as people write the unit: ``{veh}/h`` → ``veh/h``, ``dB[SPL]`` → ``dB``, ``1`` → nothing.

    For display only: the text is often not a code any more, and two codes may give the same text.
    """
    if code is None or code == "1":
        return ""
    plain = re.sub(r"\[SPL\]|[{}]", "", code)
    plain = re.sub(r"\((\d+)\.min\)", "\\1\u00a0min", plain)
    return _WRITTEN.get(plain, plain)


_NONE: Final = (0,) * len(BASES)
_ONE: Final = Unit("1", _NONE, Fraction(1))
_KNOWN: dict[str, Unit] = {base: Unit(base, tuple(int(base == one) for one in BASES), Fraction(1)) for base in BASES}
_METRIC: set[str] = set(BASES)


def _learn() -> None:
    for symbol, metric, factor, code in ATOMS:
        unit = _Reader(code).read()
        _KNOWN[symbol] = Unit(symbol, unit.dimension, unit.factor * Fraction(factor))
        if metric:
            _METRIC.add(symbol)
    for symbol, (factor, offset) in OFFSETS.items():
        _KNOWN[symbol] = Unit(symbol, _KNOWN["K"].dimension, Fraction(factor), Fraction(offset))
    _METRIC.add("Cel")
    for symbol in LEVELS:
        _KNOWN[symbol] = Unit(symbol, _NONE, Fraction(1), level=symbol)
        _METRIC.add(symbol)


_learn()

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": "a number", "m": "a length", "m2": "an area", "m3": "a volume", "s": "a time", "g": "a mass",
        "m/s": "a speed", "/s": "something per time", "/m": "something per length", "K": "a temperature",
        "W": "a power", "J": "an energy", "g/m3": "a concentration", "g/s": "a mass per time", "m3/s": "a discharge",
        "Pa": "a pressure", "rad": "an angle", "dB": "a difference of levels", "g/m": "a mass per length",
        "/m2": "something per area", "m/s2": "an acceleration", "C": "a charge", "A": "a current", "N": "a force",
    }
)  # fmt: skip
_KIND_OF: Final = {parse(code).dimension: words for code, words in _KINDS.items()}


def kind(unit: Unit) -> str:
    """Return the quantity that a unit measures, in English: ``a speed``; empty if no short word exists."""
    return f"a level ({unit.level})" if unit.level else _KIND_OF.get(unit.dimension, "")
