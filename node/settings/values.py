"""The forms of settings: a value from a file or from the environment becomes the value that the node uses."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

_TRUE: Final = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})


class SettingFault(ValueError):
    """A setting cannot be used. ``place`` is its name, with the members inside of it."""

    def __init__(self, words: str, *place: str) -> None:
        super().__init__(f"{'.'.join(place)}: {words}" if place else words)
        self.words = words
        self.place = place

    def below(self, name: str) -> SettingFault:
        """Return this fault for a value that is the member ``name`` of another."""
        return SettingFault(self.words, name, *self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a number, and of the length of a text or a table."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    min_length: int | None = None
    max_length: int | None = None

    def check_number(self, value: float) -> None:
        """Raise ``SettingFault`` unless the number is within the limits; what is no number (NaN) is not."""
        if self.ge is not None and not value >= self.ge:
            raise SettingFault(f"this must be at least {self.ge}, not {value}")
        if self.gt is not None and not value > self.gt:
            raise SettingFault(f"this must be more than {self.gt}, not {value}")
        if self.le is not None and not value <= self.le:
            raise SettingFault(f"this must be at most {self.le}, not {value}")

    def check_length(self, length: int, unit: str) -> None:
        """Raise ``SettingFault`` unless something may have ``length`` units."""
        if self.min_length is not None and length < self.min_length:
            words = "must not be empty" if self.min_length == 1 else f"must have at least {self.min_length} {unit}"
            raise SettingFault(f"this {words}")
        if self.max_length is not None and length > self.max_length:
            raise SettingFault(f"this may have at most {self.max_length} {unit}")


_FREE: Final = Limits()


def read(form: Any, value: Any, limits: Limits = _FREE) -> Any:
    """Return ``value`` in a ``form``: a type, or one of the forms of ``typing`` that settings have. Texts may stand
    for numbers and flags, as in the environment. Raises ``SettingFault`` for another value."""
    origin, inner = get_origin(form), get_args(form)
    if origin is Literal:
        return _choice(inner, value)
    if origin in (typing.Union, types.UnionType):
        (other,) = (each for each in inner if each is not type(None))
        return None if value is None else read(other, value, limits)
    if origin is tuple:
        return _list(inner[0], value)
    if origin is dict:
        table = _table(inner, value)
        limits.check_length(len(table), "entries")
        return table
    if form in _PLAIN:
        return _PLAIN[form](value, limits)
    if issubclass(form, Enum):
        return form(_choice([each.value for each in form], value))
    if isinstance(value, form):
        return value
    if not isinstance(value, Mapping):
        raise SettingFault("this must be a table")
    return form.of(value)


def _choice(choices: typing.Sequence[Any], value: Any) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise SettingFault(f"this must be one of: {', '.join(choices)}")
    return value


def _list(form: Any, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise SettingFault('this must be a list, such as ["nl"]')
    return tuple(_member(form, each, str(number)) for number, each in enumerate(value))


def _table(forms: tuple[Any, ...], value: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise SettingFault("this must be a table")
    return {_member(forms[0], name, str(name)): _member(forms[1], each, str(name)) for name, each in value.items()}


def _member(form: Any, value: Any, name: str) -> Any:
    try:
        return read(form, value)
    except SettingFault as fault:
        raise fault.below(name) from fault


def _text(value: Any, limits: Limits) -> str:
    if not isinstance(value, str):
        raise SettingFault("this must be a text")
    limits.check_length(len(value), "characters")
    return value


def _path(value: Any, _limits: Limits) -> Path:
    if not isinstance(value, str | Path):
        raise SettingFault("this must be a path")
    return Path(value)


def _flag(value: Any, _limits: Limits) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word not in _TRUE | _FALSE:
        raise SettingFault("this must be true or false")
    return word in _TRUE


def _whole_number(value: Any, limits: Limits) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingFault("this must be a whole number") from error
    limits.check_number(number)
    return number


def _number(value: Any, limits: Limits) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingFault("this must be a number") from error
    limits.check_number(number)
    return number


_PLAIN: Final[Mapping[Any, Callable[[Any, Limits], Any]]] = {
    bool: _flag,
    float: _number,
    int: _whole_number,
    Path: _path,
    str: _text,
}
