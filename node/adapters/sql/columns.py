"""Column types with the same meaning on SQLite and PostgreSQL.

Text compares by code point on both (PostgreSQL would otherwise sort by the language of its installation), so that
"after this IRI" and "before this moment" mean the same everywhere as in Python.
"""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput

_COMPRESSED: Final = b"\x78"
"""The first byte of what ``zlib`` writes. JSON and N-Quads never begin with it."""
_LEVEL: Final = 1
_WORTH_IT: Final = 1024
"""Bytes from which compression is tried."""


class Unstorable(InvalidInput, DontWrapMixin):
    """A value that a database cannot store. The mix-in keeps SQLAlchemy from wrapping it."""


class _CodePointText(TypeDecorator[Any]):
    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return Text(collation=collation)


class Words(_CodePointText):
    """Text. Raises ``InvalidInput`` for what one of the databases cannot store: NUL and lone surrogates."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text = str(value)
        if "\0" in text:
            raise Unstorable("text cannot contain the character NUL", remedy="remove the character")
        if not text.isascii():
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise Unstorable("text cannot contain an unpaired surrogate") from error
        return text


class Moment(_CodePointText):
    """An aware datetime, as ISO text in UTC that sorts as time does (``node.base.clock.stamp``)."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else stamp(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text in ASCII; None is NULL. Tuples come back as lists."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return json.dumps(value, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class LongJson(Json):
    """As ``Json``, for values that may be long. In SQLite they are compressed as ``Octets`` are: a column of text may
    hold bytes there (SQLite "Datatypes" §3). PostgreSQL compresses long texts by itself."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        text = super().process_bind_param(value, dialect)
        if text is None or dialect.name != "sqlite" or len(text) < _WORTH_IT:
            return text
        return zlib.compress(text.encode("ascii"), _LEVEL)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if isinstance(value, bytes):
            try:
                value = zlib.decompress(value)
            except zlib.error as error:
                raise ValueError("a value in the database is damaged") from error
        return super().process_result_value(value, dialect)


class Octets(TypeDecorator[bytes]):
    """Bytes, compressed (RFC 1950) where that saves room. Values that an earlier node stored as they are can be read
    too. Damaged bytes are returned as they are: the hash of what they belong to tells that they are damaged."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        octets = bytes(value)
        if octets[:1] == _COMPRESSED:
            # Stored as it is, it would be taken for compressed bytes.
            return zlib.compress(octets, _LEVEL)
        if len(octets) < _WORTH_IT:
            return octets
        return min(octets, zlib.compress(octets, _LEVEL), key=len)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        octets = bytes(value)
        if octets[:1] != _COMPRESSED:
            return octets
        try:
            return zlib.decompress(octets)
        except zlib.error:
            return octets


class _Whole(TypeDecorator[int]):
    """A whole number of 64 bits. Refuses larger ones, which may come from a request, with ``InvalidInput``."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        if value is not None and not -(2**63) <= value < 2**63:
            raise Unstorable("a number is too large")
        number: int | None = value
        return number


class _Ordinal(_Whole):
    """A whole number that is a key. On SQLite only INTEGER can be the row's own number."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Integer() if dialect.name == "sqlite" else BigInteger()


Big = _Whole()
Ordinal = _Ordinal()
