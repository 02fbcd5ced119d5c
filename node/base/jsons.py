"""JSON input and output: one strict reader for everything that strangers send, one canonical writer for hashes.

``json.loads`` accepts ``NaN``, turns ``1e400`` into infinity, keeps the last of duplicate keys, and fails on deep
nesting with a ``RecursionError``; none of that may reach a protocol handler.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Final

from node.base.errors import InvalidInput

MAX_DEPTH = 32

_EXACT: Final = 2**53
"""Every reader of JSON reads integers up to here exactly."""
_LITERALS: Final = {None: "null", True: "true", False: "false"}


def compile_encoder(encoder: json.JSONEncoder) -> Callable[[Any], str]:
    """Return ``encoder.encode`` for an encoder without indentation; what contains itself ends in ``RecursionError``.

    The standard library makes a compiled encoder for each value, which takes longer than writing a short one with it.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    write = make(
        None,
        encoder.default,
        encode_basestring_ascii if encoder.ensure_ascii else encode_basestring,
        None,
        encoder.key_separator,
        encoder.item_separator,
        encoder.sort_keys,
        encoder.skipkeys,
        encoder.allow_nan,
    )
    return lambda value: "".join(write(value, 0))


def decode(text: str) -> Any:
    """Return the value in ``text``, JSON that this node has written itself. Raises ``ValueError``.

    ``json.loads`` looks for white space around the value, which takes as long as reading a short one.
    """
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        end = -1
    return value if end == len(text) else json.loads(text)


_PLAIN_READER: Final[Any] = json.JSONDecoder()
_scan: Final = _PLAIN_READER.scan_once
_encode: Final = compile_encoder(
    json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
)
_BEYOND: Final = re.compile("[\ud800-\U0010ffff]")


def read_json(body: bytes | str, *, max_depth: int = MAX_DEPTH) -> Any:
    """Return the JSON value in ``body``, read strictly (RFC 8259, I-JSON).

    Raises ``InvalidInput`` for bytes that are not UTF-8, duplicate keys, NaN and infinities, numbers out of range,
    lone surrogates, and nesting deeper than ``max_depth``.
    """
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        if text.startswith("\ufeff"):
            raise ValueError("it begins with a byte order mark")
        value = _READER.decode(text)
        # A text with few opening brackets cannot be deep, and most messages need no closer look.
        if text.count("[") + text.count("{") > max_depth and _is_deeper(value, max_depth):
            raise ValueError(f"it is nested deeper than {max_depth} levels")
        text.encode("utf-8")
        _refuse_surrogates(text)
        return value
    except InvalidInput:
        raise
    except RecursionError as error:  # The reader ends where its own stack would, which is far deeper.
        raise InvalidInput(
            f"the body is not valid JSON: it is nested deeper than {max_depth} levels",
            remedy="send one JSON document in UTF-8",
        ) from error
    except ValueError as error:
        raise InvalidInput(
            f"the body is not valid JSON: {error}", remedy="send one JSON document in UTF-8"
        ) from error


def read_object(body: bytes | str, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """As ``read_json``, but the value must be an object."""
    value = read_json(body, max_depth=max_depth)
    if not isinstance(value, dict):
        raise InvalidInput("the body must be one JSON object", remedy="send an object: { … }")
    return value


def canonical(value: Any, *, fractions: bool = False) -> bytes:
    """Return ``value`` as canonical JSON (RFC 8785, JCS): the form that we hash, sign and compare.

    Numbers other than integers within ±2^53 are refused with ``ValueError``, because other writers disagree about
    them and no signed content has any. Rows, layers and parameters have ``fractions``, which are only hashed. Raises
    ``ValueError`` also for NaN, infinities and values that are not JSON.
    """
    return canonical_text(value, fractions=fractions).encode("utf-8")


def canonical_text(value: Any, *, fractions: bool = False) -> str:
    """Return ``value`` as ``canonical`` writes it, as text."""
    if not fractions:
        text = _written_at_once(value)
        if text is not None:
            return text
    return _write(value, fractions)


def digest(value: Any, *, fractions: bool = False) -> str:
    """Return the SHA-256 of the canonical form of ``value``, in lower-case hexadecimal. Raises as ``canonical``."""
    return hashlib.sha256(canonical(value, fractions=fractions)).hexdigest()


def number(value: float) -> str:
    """Return ``value`` as in ECMAScript (RFC 8785 §3.2.2.3; ECMA-262, Number::toString). Raises ``ValueError``."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number")
    shortest = repr(value)
    if "e" not in shortest and abs(value) < _EXACT:
        return "0" if value == 0 else shortest.removesuffix(".0")
    sign, figures, exponent = Decimal(shortest).as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
        text = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"-{text}" if sign else text


def _written_at_once(value: Any) -> str | None:
    """Return the text of ``_write`` without fractions, made by the standard library's compiled encoder; None if the
    two may differ: for numbers other than small integers, names beyond U+D7FF, and values that it does not know."""
    if not isinstance(value, dict | list):
        return None
    try:
        text = _encode(value)
    except (TypeError, ValueError):
        return None
    if not _has_small_integers_only(value):
        return None
    # The encoder sorts by code points. Up to U+D7FF that is also the order of UTF-16.
    return text if text.isascii() or _BEYOND.search(text) is None else None


def _has_small_integers_only(value: Any) -> bool:
    """Return whether all numbers in ``value`` are integers within ±2^53. The values are looked at, not their text: a
    signed record is ten thousand characters in a few values. It is not recursive."""
    containers = [value]
    while containers:
        container = containers.pop()
        for member in container.values() if isinstance(container, dict) else container:
            if isinstance(member, str) or member is None:
                continue
            if isinstance(member, dict | list | tuple):
                containers.append(member)
            elif not isinstance(member, int) or not -_EXACT <= member <= _EXACT:
                return False
    return True


def _write(value: Any, fractions: bool) -> str:
    # No JSONEncoder is made for each value: a result has some ten thousand rows, each written this way.
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return _LITERALS[value]
    if isinstance(value, int):
        if not fractions and abs(value) > _EXACT:
            raise ValueError("an integer beyond 2^53 has no canonical form")
        return int.__repr__(value)
    if isinstance(value, float):
        if fractions:
            return number(value)
        if value.is_integer() and abs(value) <= _EXACT:
            return str(int(value))
        raise ValueError("a fraction has no canonical form here: write it as text")
    if isinstance(value, Mapping):
        # RFC 8785 §3.2.3 sorts by UTF-16 code units, not by code points.
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join([f"{encode_basestring(k)}:{_write(v, fractions)}" for k, v in members]) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join([_write(item, fractions) for item in value]) + "]"
    raise ValueError(f"{type(value).__name__} cannot be written as JSON")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object has the same member twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


def _refuse_surrogates(text: str) -> None:
    if "\\ud" in text or "\\uD" in text:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")


_READER: Final = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates, parse_constant=_refuse_constant, parse_float=_finite_float
)


def _is_deeper(value: Any, limit: int) -> bool:
    """Return whether ``value`` has objects and arrays in more than ``limit`` levels. It is not recursive."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return False
        members = [item.values() if isinstance(item, dict) else item for item in level]
        level = [member for part in members for member in part if isinstance(member, dict | list)]
    return bool(level)
