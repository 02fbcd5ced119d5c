"""Operations of a change layer as a form makes them: typed text becomes values, and each keeps the value seen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType, Row, Rows
from node.scenarios.tables.rows import row_id

MAX_EDITED: Final = 24
"""The most columns of one feature in a form: a form has sixty fields at most."""

_POSITION: Final = re.compile(r"\s*(-?\d{1,3}(?:\.\d{1,15})?)[\s,]+(-?\d{1,2}(?:\.\d{1,15})?)\s*")
_POSITION_REMEDY: Final = "enter longitude and latitude, for example 3.7226 51.0541"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A member of a feature in the form. ``shape``: ``number``, ``flag`` or ``text``; ``value`` is the value in the
    data, ``set`` the layer's value instead (None: none), both as the form writes them."""

    name: str
    shape: str
    value: str
    set: str | None = None
    factor: str | None = None


def columns(rows: Rows, key: str) -> dict[str, str]:
    """Return column → shape of its values, for the columns that can be edited."""
    kinds: dict[str, set[type]] = {}
    for row in rows:
        if kinds.keys() != row.keys():
            kinds.update((name, set()) for name in row if name not in kinds)
    shapes: dict[str, str] = {}
    for name, types in kinds.items():
        if name in (*names_of(key), GEOMETRY):
            continue
        types.update([type(row.get(name)) for row in rows])
        if present := {_shape(one) for one in types} - {""}:
            shapes[name] = present.pop() if len(present) == 1 else "text"
    return dict(list(shapes.items())[:MAX_EDITED])


def editable(shapes: Mapping[str, str], key: str) -> dict[str, str]:
    """Return those of ``shapes`` (column → shape of its values, or empty) that can be edited, as ``columns`` does."""
    kept = [(name, shape) for name, shape in shapes.items() if shape and name not in (*names_of(key), GEOMETRY)]
    return dict(kept[:MAX_EDITED])


def _shape(kind: type) -> str:
    """Return the shape of values of a type; empty for those that no form has a field for."""
    if issubclass(kind, bool):
        return "flag"
    if issubclass(kind, int | float):
        return "number"
    return "" if kind is type(None) or issubclass(kind, Mapping | list) else "text"


def cells(rows: Rows, layer: Layer, feature: str, shapes: Mapping[str, str] | None = None) -> list[Cell]:
    """Return the form of one feature: with the values of the data, and the changes of the layer. ``shapes`` has the
    shape of each column, if ``rows`` are not all rows."""
    row = find(rows, layer.key, feature)
    change = next(
        (
            operation
            for operation in layer.operations
            if operation.id == feature and operation.op is not OperationType.REMOVE
        ),
        None,
    )
    fields = []
    for name, shape in (columns(rows, layer.key) if shapes is None else editable(shapes, layer.key)).items():
        value = change.set.get(name) if change else None
        factor = value.get("factor") if isinstance(value, Mapping) else None
        fields.append(
            Cell(
                name=name,
                shape=shape,
                value=plain(row.get(name)) if row else "",
                set=plain(value) if value is not None and factor is None else None,
                factor=plain(factor) if factor is not None else None,
            )
        )
    return fields


def find(rows: Rows, key: str, feature: str) -> Row | None:
    """Return the row of that name."""
    names = names_of(key)
    return next((row for row in rows if row_id(row, names) == feature), None)


def names_of(key: str) -> tuple[str, ...]:
    """Return the members that name a row: a key of several members has commas between them."""
    return tuple(key.split(","))


def change_feature(layer: Layer, rows: Rows, feature: str, fields: Mapping[str, str]) -> Layer:
    """Return the layer with a feature changed by ``fields``: ``set.<column>`` or ``factor.<column>``; empty or
    unchanged fields change nothing. Raises ``InvalidInput`` for an unreadable value, and if nothing is changed."""
    row = find(rows, layer.key, feature)
    column_names = columns(rows, layer.key)
    earlier = next(
        (
            operation
            for operation in layer.operations
            if operation.id == feature and operation.op is not OperationType.REMOVE
        ),
        None,
    )
    # Parts of an earlier operation that the form does not show stay.
    values = {name: value for name, value in earlier.set.items() if name not in column_names} if earlier else {}
    for name, shape in column_names.items():
        text, factor = fields.get(f"set.{name}", "").strip(), fields.get(f"factor.{name}", "").strip()
        if factor:
            values[name] = {"factor": _number(name, factor)}
        elif text and (row is None or text != plain(row.get(name))):
            values[name] = parse_value(name, text, shape)
    if earlier and earlier.op is OperationType.ADD:
        return _put(layer, replace(earlier, set=values))
    if row is None:
        raise _no_such_feature(layer, feature)
    if not values:
        raise InvalidInput(
            "no value was changed",
            remedy="enter a new value or a factor for at least one field",
            facts={"case": "nothing-changed"},
        )
    one = earlier or Operation(op=OperationType.UPDATE, id=feature)
    return _put(layer, replace(one, before={name: row.get(name) for name in values}, set=values))


def _no_such_feature(layer: Layer, feature: str) -> InvalidInput:
    """Return the refusal of a change to a feature that the data does not contain."""
    return InvalidInput(
        f"the data does not contain {layer.key} {feature[:80]}",
        remedy="choose a feature on the map",
        facts={"case": "no-such-feature", "key": layer.key, "feature": feature[:80]},
    )


def remove_feature(layer: Layer, rows: Rows, feature: str) -> Layer:
    """Return the layer with a feature removed. Raises ``InvalidInput`` if there is no such feature."""
    row = find(rows, layer.key, feature)
    if row is None:
        raise _no_such_feature(layer, feature)
    seen = {name: row.get(name) for name in columns(rows, layer.key) if row.get(name) is not None}
    return _put(layer, Operation(op=OperationType.REMOVE, id=feature, before=seen))


def add_feature(layer: Layer, rows: Rows, feature: str, fields: Mapping[str, str]) -> Layer:
    """Return the layer with a new feature. Raises ``InvalidInput`` if its name is taken, or its place unreadable."""
    if (
        not feature
        or find(rows, layer.key, feature)
        or any(operation.id == feature for operation in layer.operations)
    ):
        raise InvalidInput(
            f"a new feature needs a {layer.key} that is not used yet",
            remedy="enter another one, for example new-001",
            facts={"case": "name-used", "key": layer.key},
        )
    values: dict[str, Any] = {}
    for name, shape in columns(rows, layer.key).items():
        if text := fields.get(f"set.{name}", "").strip():
            values[name] = parse_value(name, text, shape)
    geometry = parse_geometry(fields.get("geometry", ""), rows)
    return _put(layer, Operation(op=OperationType.ADD, id=feature, set=values, geometry=geometry))


def undone(layer: Layer, feature: str) -> Layer:
    """Return the layer without its changes to a feature."""
    return replace(layer, operations=tuple(operation for operation in layer.operations if operation.id != feature))


def _put(layer: Layer, operation: Operation) -> Layer:
    """Put ``operation`` in the place of an earlier one: a layer has one operation for each feature."""
    operations = list(layer.operations)
    for place, one in enumerate(operations):
        if one.id == operation.id:
            operations[place] = operation
            return replace(layer, operations=tuple(operations))
    return replace(layer, operations=(*operations, operation))


def parse_value(name: str, text: str, shape: str) -> Any:
    """Return the typed text as a value of the column's shape."""
    if shape == "flag":
        return text == "true"
    return _number(name, text) if shape == "number" else text


def _number(name: str, text: str) -> float | int:
    try:
        number = float(text.replace("\u00a0", "").replace("\u202f", "").replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(
            f"{name}: {text[:40]!r} is not a number",
            remedy="enter a number, for example 1800 or 0.5",
            facts={"case": "not-a-number", "name": name, "value": text[:40]},
        )
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def plain(value: Any) -> str:
    """Return a value as the form writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parse_geometry(text: str, rows: Rows) -> Mapping[str, Any] | None:
    """Return a geometry from ``longitude latitude`` pairs, one per line or separated by ``;``: a point, or a line of
    several.

    None if the data have no geometry at all. Raises ``InvalidInput`` for unreadable text.
    """
    if not any(isinstance(row.get(GEOMETRY), Mapping) for row in rows):
        return None
    positions = []
    for part in re.split(r"[;\n]", text):
        if part.strip():
            match = _POSITION.fullmatch(part)
            if not match or abs(float(match[1])) > 180 or abs(float(match[2])) > 90:
                raise InvalidInput(
                    f"{part.strip()[:60]!r} is not a position",
                    remedy=_POSITION_REMEDY,
                    facts={"case": "not-a-position", "value": part.strip()[:60]},
                )
            positions.append([float(match[1]), float(match[2])])
    if not positions:
        raise InvalidInput("a new feature needs coordinates", remedy=_POSITION_REMEDY, facts={"case": "no-position"})
    if len(positions) == 1:
        return {"type": "Point", "coordinates": positions[0]}
    return {"type": "LineString", "coordinates": positions}


def spell_geometry(geometry: Mapping[str, Any] | None) -> str:
    """Return a point or a line as ``parse_geometry`` reads it; empty for other shapes."""
    if not geometry:
        return ""
    positions: Sequence[Any] = geometry.get("coordinates", ())
    if geometry.get("type") == "Point":
        positions = [positions]
    elif geometry.get("type") != "LineString":
        return ""
    return "\n".join(f"{x} {y}" for x, y, *_ in positions)
