"""Column types with the same meaning on SQLite and PostgreSQL.

Text compares by code point on both (PostgreSQL would otherwise sort by the language of its installation), so that
"after this IRI" and "before this moment" mean the same everywhere as in Python.

Each type says how it converts values in functions of one value (``to_driver``, ``from_driver``), which compiled
statements call directly: SQLAlchemy's own way from a value to the driver has two more calls for each.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import compile_encoder, decode

_COMPRESSED: Final = b"\x78"
"""The first byte of what ``zlib`` writes. JSON and N-Quads never begin with it."""
_LEVEL: Final = 1
_WORTH_IT: Final = 1024
"""Bytes from which compression is tried."""


class Unstorable(InvalidInput, DontWrapMixin):
    """A value that a database cannot store. The mix-in keeps SQLAlchemy from wrapping it."""


Convert = Callable[[Any], Any]
"""Converts one value: for the driver, or from it."""

_encode: Final = compile_encoder(json.JSONEncoder(separators=(",", ":"), allow_nan=False))


class _ConvertedType(TypeDecorator[Any]):
    """A type whose values are converted by functions of one value; the default leaves them as they are."""

    impl: type[TypeEngine[Any]] = Text
    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert | None:
        """Return the conversion of a parameter; None if there is nothing to do."""
        return None

    def from_driver(self, dialect: Dialect) -> Convert | None:
        """Return the conversion of a column of a result; None if there is nothing to do."""
        return None

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        convert = self.to_driver(dialect)
        return value if convert is None else convert(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        convert = self.from_driver(dialect)
        return value if convert is None else convert(value)


class _CodePointText(_ConvertedType):
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return Text(collation=collation)


class Words(_CodePointText):
    """Text. Raises ``InvalidInput`` for what one of the databases cannot store: NUL and lone surrogates."""

    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _storable_text


class Moment(_CodePointText):
    """An aware datetime, as ISO text in UTC that sorts as time does (``node.base.clock.stamp``)."""

    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _stamp

    def from_driver(self, dialect: Dialect) -> Convert:
        return _moment


class Json(_ConvertedType):
    """A JSON value as text in ASCII; None is NULL. Tuples come back as lists."""

    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _json_text

    def from_driver(self, dialect: Dialect) -> Convert:
        return _json_value


class LongJson(Json):
    """As ``Json``, for values that may be long. In SQLite they are compressed as ``Octets`` are: a column of text may
    hold bytes there (SQLite "Datatypes" §3). PostgreSQL compresses long texts by itself."""

    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _compressed_json if dialect.name == "sqlite" else _json_text

    def from_driver(self, dialect: Dialect) -> Convert:
        return _long_json_value


class Octets(_ConvertedType):
    """Bytes, compressed (RFC 1950) where that saves room. Values that an earlier node stored as they are can be read
    too. Damaged bytes are returned as they are: the hash of what they belong to tells that they are damaged."""

    impl = LargeBinary
    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _stored_octets

    def from_driver(self, dialect: Dialect) -> Convert:
        return _read_octets


class _Whole(_ConvertedType):
    """A whole number of 64 bits. Refuses larger ones, which may come from a request, with ``InvalidInput``."""

    impl = BigInteger
    cache_ok = True

    def to_driver(self, dialect: Dialect) -> Convert:
        return _whole


class _Ordinal(_Whole):
    """A whole number that is a key. On SQLite only INTEGER can be the row's own number."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Integer() if dialect.name == "sqlite" else BigInteger()


Big = _Whole()
Ordinal = _Ordinal()


def to_driver(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return how a parameter of a type is converted for the driver; None if it is passed on as it is."""
    implementation = kind.dialect_impl(dialect)
    if not isinstance(implementation, _ConvertedType):
        return implementation.bind_processor(dialect)
    return _in_turn(implementation.to_driver(dialect), implementation.impl_instance.bind_processor(dialect))


def from_driver(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return how a column of a type is converted in results; None if it is passed on as it is."""
    implementation = kind.dialect_impl(dialect)
    if not isinstance(implementation, _ConvertedType):
        return implementation.result_processor(dialect, None)
    return _in_turn(implementation.impl_instance.result_processor(dialect, None), implementation.from_driver(dialect))


def _in_turn(first: Convert | None, then: Convert | None) -> Convert | None:
    if first is None or then is None:
        return first or then
    return lambda value: then(first(value))


def _storable_text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if type(value) is str else str(value)
    if "\0" in text:
        raise Unstorable("text cannot contain the character NUL", remedy="remove the character")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Unstorable("text cannot contain an unpaired surrogate") from error
    return text


def _stamp(value: datetime | None) -> str | None:
    return None if value is None else stamp(value)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else moment(value)


def _json_text(value: Any) -> str | None:
    return None if value is None else _encode(value)


def _json_value(value: Any) -> Any:
    return None if value is None else decode(value)


def _compressed_json(value: Any) -> Any:
    text = _json_text(value)
    return text if text is None or len(text) < _WORTH_IT else zlib.compress(text.encode("ascii"), _LEVEL)


def _long_json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            value = zlib.decompress(value).decode("ascii")
        except zlib.error as error:
            raise ValueError("a value in the database is damaged") from error
    return _json_value(value)


def _stored_octets(value: Any) -> bytes | None:
    if value is None:
        return None
    octets = bytes(value)
    if octets[:1] == _COMPRESSED:
        # Stored as it is, it would be taken for compressed bytes.
        return zlib.compress(octets, _LEVEL)
    if len(octets) < _WORTH_IT:
        return octets
    return min(octets, zlib.compress(octets, _LEVEL), key=len)


def _read_octets(value: Any) -> bytes | None:
    if value is None:
        return None
    octets = bytes(value)
    if octets[:1] != _COMPRESSED:
        return octets
    try:
        return zlib.decompress(octets)
    except zlib.error:
        return octets


def _whole(value: int | None) -> int | None:
    if value is not None and not -(2**63) <= value < 2**63:
        raise Unstorable("a number is too large")
    return value
