"""The values of scenarios as JSON, and back, exactly: for the database, the wire and the bundles of runs.

The members of a value are its fields; the classes declare their types. A missing member takes the field's default,
and an unknown one is ignored, so that a body of an older or a newer Hansa can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from node.base.clock import moment, stamp
from node.base.errors import LocalFault

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Return ``value`` (a dataclass of ``node.scenarios.model`` or ``run_model``, or a part of one) as JSON.

    Moments become XSD dateTimes in UTC, durations seconds, tuples arrays.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(name): to_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], body: Mapping[str, Any]) -> T:
    """Return the value of class ``kind`` from which ``to_json`` made ``body``. Raises ``LocalFault`` if it is
    none."""
    try:
        declared: Any = kind
        value: T = _reader(declared)(body)
    except (KeyError, TypeError, ValueError) as error:
        raise LocalFault(f"the stored value cannot be read as a {kind.__name__}: {error}") from error
    return value


Read = Callable[[Any], Any]


@cache
def _reader(kind: Any) -> Read:
    """Return a function that reads a value of the declared type ``kind``."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        within = [argument for argument in arguments if argument is not NoneType]
        read = _reader(within[0]) if len(within) == 1 else _one_of(tuple(within))
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        return _tuple(arguments)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        read = _reader(arguments[1])
        return lambda value: {name: read(member) for name, member in value.items()}
    if kind is datetime:
        return moment
    if kind is timedelta:
        return lambda value: timedelta(seconds=value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    return _as_is


def _tuple(arguments: tuple[Any, ...]) -> Read:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        read = _reader(arguments[0])
        return lambda value: tuple(read(item) for item in value)
    readers = [_reader(argument) for argument in arguments]
    return lambda value: tuple(read(item) for read, item in zip(readers, value, strict=True))


def _one_of(kinds: tuple[Any, ...]) -> Read:
    """Return a reader for several types: among dataclasses, it picks the one that shares the most members with the
    body; values of other types are returned unchanged."""
    if not all(is_dataclass(kind) for kind in kinds):
        return _as_is
    names = {kind: {field.name for field in fields(kind)} for kind in kinds}
    return lambda body: _reader(max(kinds, key=lambda kind: len(names[kind] & body.keys())))(body)


def _dataclass(kind: type[Any]) -> Read:
    hints = get_type_hints(kind)
    members = fields(kind)
    # Made at first use: a class may contain itself.
    readers: dict[str, Read] = {}

    def read(body: Mapping[str, Any]) -> Any:
        if not readers:
            readers.update({field.name: _reader(hints[field.name]) for field in members})
        return kind(**{field.name: readers[field.name](body[field.name]) for field in members if _has(body, field)})

    return read


def _has(body: Mapping[str, Any], field: Field[Any]) -> bool:
    if field.name in body:
        return True
    if field.default is MISSING and field.default_factory is MISSING:
        raise KeyError(f"{field.name} is missing")
    return False


def _as_is(value: Any) -> Any:
    return value
