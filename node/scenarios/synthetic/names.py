"""Made-up names in the pattern of real ones: ``gent-seg-017`` becomes ``gent-seg-041``, never an existing one."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

Chance = Callable[[], float]
"""The next number of a seeded generator, from 0 up to 1."""

_MOST_CHARACTERS = 60
_TRIES = 50


def names_like(values: Sequence[str], count: int, chance: Chance) -> list[str]:
    """Return ``count`` different names, none of them in ``values`` (which is not empty).

    Names that are one stem and a number keep stem and width, with numbers that are not in use. All others keep only
    their common beginning (up to a sign such as a hyphen) and the kinds of characters.
    """
    stem = _stem(values)
    if stem is not None:
        return _number_names(stem, [value[len(stem) :] for value in values], count)
    return _scramble(values, count, chance)


def are_numbered(values: Sequence[str]) -> bool:
    """Return whether the values are one stem and a number each: ``gent-node-00``, ``gent-node-10`` …"""
    return _stem(values) is not None


def _stem(values: Sequence[str]) -> str | None:
    stem = _common_prefix(values).rstrip(string.digits)
    rests = [value[len(stem) :] for value in values]
    return stem if all(rest.isdecimal() and rest.isascii() for rest in rests) else None


def whole_numbers_like(values: Sequence[int], count: int) -> list[int]:
    """Return ``count`` different whole numbers of the usual width, none of them in ``values``."""
    taken_values = set(values)
    width = _usual_width([str(abs(value)) for value in values])
    numbers: list[int] = []
    number = 10 ** (width - 1)
    while len(numbers) < count:
        if number not in taken_values:
            numbers.append(number)
        number += 1
    return numbers


def _number_names(stem: str, rests: Sequence[str], count: int) -> list[str]:
    taken_numbers = {int(rest) for rest in rests}
    padded = any(rest.startswith("0") and len(rest) > 1 for rest in rests)
    width = _usual_width(rests)

    def free() -> Iterator[int]:
        number = 1 if padded else 10 ** (width - 1)
        while True:
            if number not in taken_numbers:
                yield number
            number += 1

    numbers = free()
    return [f"{stem}{next(numbers):0{width if padded else 1}d}" for _ in range(count)]


def _common_prefix(values: Sequence[str]) -> str:
    """Return the characters that all values begin with."""
    first, last = min(values), max(values)
    return first[: next((at for at, sign in enumerate(first) if last[at : at + 1] != sign), len(first))]


def _usual_width(texts: Sequence[str]) -> int:
    # The longer of equally frequent widths, so that the same values give the same width in any order.
    return max(Counter(map(len, texts)).items(), key=lambda item: (item[1], item[0]))[0]


def _scramble(values: Sequence[str], count: int, chance: Chance) -> list[str]:
    shared = _common_prefix(values)
    kept = re.match(r".*[^0-9A-Za-z]", shared, re.DOTALL)
    beginning = len(kept.group()) if kept and len(values) > 1 else 0
    taken_values = set(values)
    names: list[str] = []
    while len(names) < count:
        name = _new(values, beginning, taken_values, chance)
        taken_values.add(name)
        names.append(name)
    return names


def _new(values: Sequence[str], beginning: int, others: Collection[str], chance: Chance) -> str:
    name = ""
    for _ in range(_TRIES):
        pattern = values[int(chance() * len(values))][:_MOST_CHARACTERS]
        name = pattern[:beginning] + "".join(_other(sign, chance) for sign in pattern[beginning:])
        if name and name not in others:
            return name
    # Patterns as short as one letter run out.
    number = 1
    while f"{name}{number}" in others:
        number += 1
    return f"{name}{number}"


def _other(sign: str, chance: Chance) -> str:
    if sign.isdigit():
        return string.digits[int(chance() * 10)]
    if sign.isalpha():
        letter = string.ascii_lowercase[int(chance() * 26)]
        return letter.upper() if sign.isupper() else letter
    return sign
