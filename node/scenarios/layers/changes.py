"""Change layers applied to rows.

A layer never changes the data that it is for. It names the version that its author saw, and may state the value of
each member at that time (``before``): if the value is another one now, the change is in conflict and is left out, and
the three values are reported. Layers are applied in order; those that change different members commute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.base.errors import InvalidInput
from node.scenarios.layers.conflicts import (
    FACTOR,
    Conflict,
    columns_of_figures,
    is_factor,
    misfits,
    no_figures,
    unknown,
)
from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType, Row, Rows
from node.scenarios.tables.rows import check_key, round_figure, row_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredRows:
    """Rows with layers applied, and the changes that were left out."""

    rows: Rows
    conflicts: tuple[Conflict, ...] = ()


def overlaps(a: Layer, b: Layer) -> tuple[tuple[str, str], ...]:
    """Return what both layers change, as (id, member); the member is empty if one of them adds or removes the row."""
    mine: dict[str, set[str]] = {}
    for operation in a.operations:
        mine.setdefault(operation.id, set()).update(members(operation))
    pairs: set[tuple[str, str]] = set()
    for other in b.operations:
        fields, theirs = mine.get(other.id, set()), members(other)
        both = {""} if fields and "" in fields | theirs else fields & theirs
        pairs |= {(other.id, field) for field in both}
    return tuple(sorted(pairs))


def members(edit: Operation) -> set[str]:
    if edit.op is not OperationType.UPDATE:
        return {""}
    return {*edit.set, *edit.unset, *([GEOMETRY] if edit.geometry is not None else [])}


def apply(rows: Rows, key: str, layers: Sequence[Layer]) -> LayeredRows:
    """Return rows with layers applied, in order. The given rows stay as they are, also as objects if unchanged.

    ``key`` names the member that identifies rows (several, with commas between); an added row stands at the end.
    Changes that do not fit are left out and reported. Raises ``InvalidInput`` if the key does not identify each row,
    or a layer identifies rows by another key.
    """
    names = tuple(key.split(","))
    check_key(rows, names)
    by_id: dict[str, Row] = {row_id(row, names): row for row in rows}
    if len(by_id) < len(rows):
        raise InvalidInput(f"several rows have the same {key} as text", remedy="give the layer another key")
    whole = {name: all(isinstance(row.get(name), int) for row in rows) and bool(rows) for name in names}
    columns = {name for row in rows for name in row}
    figures = columns_of_figures(rows)
    conflicts: list[Conflict] = []
    for layer in layers:
        if layer.key != key:
            raise InvalidInput(
                f"the layer {layer.title} knows rows by {layer.key}, not by {key}",
                remedy="choose a layer that was made for this dataset",
            )
        for operation in layer.operations:
            clashes = misfits(layer, operation, by_id.get(operation.id)) or unknown(layer, operation, columns)
            if clashes := clashes or no_figures(layer, operation, figures):
                conflicts += clashes
            elif operation.op is OperationType.REMOVE:
                del by_id[operation.id]
            elif operation.op is OperationType.ADD:
                by_id[operation.id] = {**_key_values(operation.id, names, whole), **_change_row({}, operation)}
            else:
                by_id[operation.id] = _change_row(by_id[operation.id], operation)
    return LayeredRows(rows=list(by_id.values()), conflicts=tuple(conflicts))


def _key_values(identifier: str, names: tuple[str, ...], whole: Mapping[str, bool]) -> Row:
    parts = [identifier] if len(names) == 1 else identifier.split(",")
    if len(parts) != len(names):
        raise InvalidInput(
            f"{identifier!r} is not a value of {', '.join(names)}", remedy="write them with commas between"
        )
    digits = {name: whole[name] and part.lstrip("-").isdecimal() for name, part in zip(names, parts, strict=True)}
    return {name: int(part) if digits[name] else part for name, part in zip(names, parts, strict=True)}


def _change_row(row: Row, edit: Operation) -> Row:
    changes: dict[str, Any] = {name: value for name, value in row.items() if name not in edit.unset}
    for name, value in edit.set.items():
        changes[name] = round_figure(float(changes[name]) * value[FACTOR]) if is_factor(value) else value
    if edit.geometry is not None:
        changes[GEOMETRY] = edit.geometry
    return changes
