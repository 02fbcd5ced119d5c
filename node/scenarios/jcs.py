"""JSON in canonical form (RFC 8785), with fractions.

``node.base.jsons.canonical`` refuses fractions, because what is signed has none. Rows, layers and parameters have
some: they are written as ECMAScript writes them, shortest first.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final

_WHOLE: Final = 2**53


def text(value: Any) -> str:
    """``value`` in canonical form. Raises ``ValueError`` for NaN and infinities, and for what is no JSON."""
    # Without a JSONEncoder for each value: a result has some ten thousand rows, and each is written like this.
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        # RFC 8785 §3.2.3 sorts by UTF-16 code units.
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join([f"{encode_basestring(name)}:{text(one)}" for name, one in members]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(text, value)) + "]"
    if value is None or isinstance(value, int):
        return json.dumps(value)
    raise ValueError(f"{type(value).__name__} has no place in JSON")


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in lower-case hexadecimal. Raises as ``text``."""
    return hashlib.sha256(text(value).encode()).hexdigest()


def number(value: float) -> str:
    """A figure as ECMAScript writes it (RFC 8785 §3.2.2.3; ECMA-262, Number::toString)."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    written = repr(value)
    if "e" not in written and abs(value) < _WHOLE:
        return "0" if value == 0 else written.removesuffix(".0")
    sign, figures, exponent = Decimal(written).as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        shown = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        shown = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        shown = f"0.{'0' * -point}{digits}"
    else:
        mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
        shown = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"-{shown}" if sign else shown
