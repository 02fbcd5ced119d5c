"""Checks rows and parameters against annotations: converts inputs to the declared types, and rounds outputs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from node.sdk.interface import INTEGER, JSON, NUMBER, TEXT, TRUTH, Column, Setting, Table
from node.sdk.troubles import BadInput, BadOutput, Trouble

MOST_EXACT: Final = 2**53
"""The largest whole number that every reader of JSON reads as itself."""

_BRACES: Final = str.maketrans("", "", "{}")

_NAMES: Final[Mapping[str, str]] = {
    NUMBER: "a number",
    INTEGER: "a whole number",
    TEXT: "text",
    TRUTH: "true or false",
}


class _NotSo(Exception):
    """A value that does not fit: the rest of the sentence, and the remedy."""


def checked_input(table: Table, rows: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows with the declared members only, in the declared types, and a caveat for each column that leaves
    its range. Numbers may be text, because tables without types have only text. Raises ``BadInput``."""
    rows_kept = [
        _row(table, number, row, BadInput, lenient=True) for number, row in enumerate(_rows(table, rows, BadInput))
    ]
    return rows_kept, _outside(table, rows_kept)


def checked_output(table: Table, rows: Any) -> list[dict[str, Any]]:
    """Return the rows in their given order, rounded to the declared decimals. Raises ``BadOutput``."""
    rows_kept = []
    names = {column.name for column in table.columns}
    for number, row in enumerate(_rows(table, rows, BadOutput)):
        values = _row(table, number, row, BadOutput, lenient=False)
        more = sorted(str(name) for name in row if name not in names)
        if more:
            raise BadOutput(
                f"row {number + 1} of {table.role} has {', '.join(more[:5])}, which the annotation does not name",
                remedy="add the column to the TypedDict, or leave it out of the row",
            )
        for column in table.columns:
            value = values.get(column.name)
            if column.type == NUMBER and value is not None:
                values[column.name] = round_decimal(value, column.decimals)
        rows_kept.append(values)
    return rows_kept


def checked_setting(setting: Setting, value: Any) -> Any:
    """Return the value of a parameter in its declared type. Raises ``BadInput``, also outside its range."""
    where = f"parameter {setting.name}"
    if value is None and setting.empty:
        return None
    if setting.many:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{where} is {_display_text(value)}, not a list", remedy="give a list of values")
        return [_check_bounds(setting, item, where) for item in value]
    return _check_bounds(setting, value, where)


def round_decimal(value: float, decimals: int | None) -> float:
    """Return ``value`` rounded to decimals as written, halves to the even digit, without a negative zero."""
    if decimals is not None:
        # Only numbers below 15 digits before the point can be rounded; larger doubles have no decimals.
        exact = Decimal(repr(value))
        if exact.adjusted() < 15:
            value = float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN))
    return value + 0.0


def _check_bounds(setting: Setting, value: Any, where: str) -> Any:
    try:
        number = _value(setting, value, lenient=True)
    except _NotSo as why:
        raise BadInput(f"{where} is {why.args[0]}", remedy=why.args[1]) from None
    if setting.minimum is not None and number < setting.minimum:
        raise BadInput(f"{where} is {number}, below {setting.minimum:g}", remedy=f"give {setting.minimum:g} or more")
    if setting.maximum is not None and number > setting.maximum:
        raise BadInput(f"{where} is {number}, above {setting.maximum:g}", remedy=f"give {setting.maximum:g} or less")
    return number


def _rows(table: Table, rows: Any, trouble: type[Trouble]) -> Sequence[Mapping[str, Any]]:
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
        raise trouble(
            f"{table.role} is not a list of rows but {_display_text(rows)}", remedy="give a list of objects"
        )
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise trouble(f"row {number + 1} of {table.role} is {_display_text(row)}, not an object with members")
    return rows


def _row(
    table: Table, number: int, row: Mapping[str, Any], trouble: type[Trouble], *, lenient: bool
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in row:
            if column.required:
                have = ", ".join(sorted(map(str, row))[:12]) or "nothing"
                raise trouble(
                    f"row {number + 1} of {table.role} has no {column.name}: it has {have}",
                    remedy=f"give each row the member {column.name}",
                )
            continue
        value = row[column.name]
        if value is None or (lenient and value == "" and column.type != TEXT):
            if not column.empty:
                raise trouble(
                    f"{column.name} is empty in row {number + 1} of {table.role}", remedy="give a value in each row"
                )
            values[column.name] = None
            continue
        try:
            values[column.name] = _value(column, value, lenient=lenient)
        except _NotSo as why:
            where = f"{column.name} in row {number + 1} of {table.role}"
            raise trouble(f"{where} is {why.args[0]}", remedy=why.args[1]) from None
    return values


def _value(declaration: Column | Setting, value: Any, *, lenient: bool) -> Any:
    value_of_type: Any = _to_type(declaration.type, value, lenient=lenient)
    if value_of_type is None:
        expected = _NAMES.get(declaration.type, "JSON")
        raise _NotSo(f"{_display_text(value)}, not {expected}", f"give {expected}")
    if isinstance(value_of_type, float):
        if not math.isfinite(value_of_type):
            raise _NotSo(str(value_of_type), "give a finite number; leave out what is unknown")
    elif isinstance(value_of_type, int) and abs(value_of_type) > MOST_EXACT:
        raise _NotSo("too large a whole number", "a number beyond 2^53 is not read exactly")
    if declaration.values and value_of_type not in declaration.values:
        allowed = ", ".join(map(str, declaration.values))
        raise _NotSo(f"{_display_text(value)}, which is none of {allowed}", "give one of these")
    return value_of_type


def _to_type(type_: str, value: Any, *, lenient: bool) -> Any:
    """Return ``value`` as ``type_``, or None if it does not have this type."""
    if type_ == NUMBER and type(value) is float:
        return value
    if type_ == JSON:
        return _json(value)
    if type_ == TRUTH:
        if lenient and isinstance(value, str):
            return {"true": True, "false": False}.get(value.strip().casefold())
        return value if isinstance(value, bool) else None
    if type_ == TEXT:
        if lenient and isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return str(value) if isinstance(value, str) and _sayable(value) else None
    if lenient and isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        # Numbers of other libraries (numpy) are recognised by these methods.
        if isinstance(value, str | bytes | list | dict | bool) or not hasattr(value, "__float__"):
            return None
        value = value.__index__() if hasattr(value, "__index__") else float(value)
    if type_ == NUMBER:
        return float(value)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return int(value)


def _sayable(text: str) -> bool:
    # Half a character (a lone surrogate) exists only in Python.
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


def _json(value: Any) -> Any:
    """Return a copy of ``value`` if JSON can represent it, so that only plain values leave the model."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None


def _outside(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    problems = []
    for column in table.columns:
        low, high = column.minimum, column.maximum
        if low is None and high is None:
            continue
        values = [row[column.name] for row in rows if row.get(column.name) is not None]
        out = [v for v in values if (low is not None and v < low) or (high is not None and v > high)]
        if out:
            # Texts in braces are shown without the braces, as in all texts for people.
            unit = f" {column.unit.translate(_BRACES)}" if column.unit and column.unit != "1" else ""
            bounds = f"{'' if low is None else f'{low:g}'}–{'' if high is None else f'{high:g}'}{unit}"
            problems.append(
                {
                    "code": "outside-validity",
                    "sentence": f"{column.name} of {table.role} leaves the range of validity {bounds} in "
                    f"{len(out)} of {len(rows)} rows: {min(out):g} to {max(out):g}",
                    "facts": {
                        "role": table.role,
                        "variable": column.name,
                        "rows": len(out),
                        "count": len(out),
                        "of": len(rows),
                        "minimum": low,
                        "maximum": high,
                        "unit": column.unit,
                        "lowest": f"{min(out):g}",
                        "highest": f"{max(out):g}",
                    },
                }
            )
    return problems


def _display_text(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"{value[:40]!r}"
    if isinstance(value, bool | int | float):
        return str(value)[:40]
    return f"a {type(value).__name__}"
