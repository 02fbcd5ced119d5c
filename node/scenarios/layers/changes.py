"""Change layers: proposed changes as JSON, and their application to rows.

A layer never changes the data that it is for. It names the version that its author saw, and may state the value of
each member at that time (``before``): if the value is another one now, the change is in conflict and is left out, and
the three values are reported. Layers are applied in order; those that change different members commute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import digest
from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType, Row, Rows
from node.scenarios.tables import geometries
from node.scenarios.tables.files import is_figure, normal
from node.scenarios.tables.rows import check_key, rounded, row_id

MAX_OPERATIONS: Final = 10_000
FACTOR: Final = "factor"

_TEXTS: Final = ("id", "title", "target", "file", "target_sha256", "key", "author", "reason")
_MEMBERS: Final = frozenset({"op", "id", "before", "set", "unset", GEOMETRY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A change that does not fit the data: the value that its author saw, the intended value, and the value now.

    ``field`` is empty if the conflict is about the whole row: it exists already, or does not exist any more.
    """

    layer: str
    id: str
    field: str
    seen: Any
    now: Any
    meant: Any
    sentence: str
    case: str = ""
    """The case of the sentence: ``there``, ``gone``, ``changed``, ``unmultiplied``, ``no-member``, ``no-figure``."""

    def to_json(self) -> dict[str, Any]:
        return {
            "wanted" if field.name == "meant" else field.name: getattr(self, field.name) for field in fields(self)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Rows with layers applied, and the changes that were left out."""

    rows: Rows
    conflicts: tuple[Conflict, ...] = ()


# ---- JSON


def layer_to_json(layer: Layer) -> dict[str, Any]:
    """Return a layer as JSON, with its hash. ``layer_from_json`` reads it."""
    return {**_unsealed(layer), "sha256": layer.sha256}


def sealed(layer: Layer) -> Layer:
    """Return the layer with its hash: SHA-256 of its canonical JSON (RFC 8785) without the hash."""
    return replace(layer, sha256=digest(_unsealed(layer), fractions=True))


def _unsealed(layer: Layer) -> dict[str, Any]:
    return {
        **{name: getattr(layer, name) for name in _TEXTS},
        "version": layer.version,
        "at": stamp(layer.at),
        "operations": [_operation_to_json(operation) for operation in layer.operations],
    }


def _operation_to_json(edit: Operation) -> dict[str, Any]:
    members: dict[str, Any] = {"op": edit.op.value, "id": edit.id}
    if edit.before:
        members["before"] = dict(edit.before)
    if edit.set:
        members["set"] = dict(edit.set)
    if edit.unset:
        members["unset"] = list(edit.unset)
    if edit.geometry is not None:
        members[GEOMETRY] = dict(edit.geometry)
    return members


def layer_from_json(body: Mapping[str, Any]) -> Layer:
    """Read a layer, without its hash (see ``sealed``). Unknown members are ignored.

    Raises ``InvalidInput``, which names the member: a missing text, an operation that changes nothing or contradicts
    another, an invalid value.
    """
    texts = {}
    for name in _TEXTS:
        text = body.get(name)
        if not isinstance(text, str) or not text.strip() or len(text) > 4000:
            raise _bad(name, "is missing" if not text else "is not a short text", "write what, why and by whom")
        texts[name] = normal(text)
    version = body.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _bad("version", f"is {str(version)[:40]!r}", "write the number of the dataset's version")
    stated = body.get("operations")
    if not isinstance(stated, list | tuple) or not stated:
        raise _bad("operations", "are missing", "a layer changes something")
    if len(stated) > MAX_OPERATIONS:
        raise _bad("operations", f"are {len(stated)}", f"at most {MAX_OPERATIONS}: publish another version instead")
    key = tuple(texts["key"].split(","))
    operations = tuple(_operation(one, f"operations.{index}", key) for index, one in enumerate(stated))
    _check_together(operations)
    return Layer(version=version, at=_at(body.get("at")), operations=operations, **texts)


def _operation(raw: Any, path: str, key: tuple[str, ...]) -> Operation:
    if not isinstance(raw, Mapping):
        raise _bad(path, "is not an object", 'write {"op": "update", "id": …, "set": {…}}')
    if unknown := sorted(set(map(str, raw)) - _MEMBERS):
        raise _bad(f"{path}.{unknown[0]}", "is not known", f"the members are {', '.join(sorted(_MEMBERS))}")
    if raw.get("op") not in [one.value for one in OperationType]:
        raise _bad(f"{path}.op", f"is {str(raw.get('op'))[:40]!r}", f"write one of {', '.join(OperationType)}")
    op, identifier = OperationType(raw["op"]), raw.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int) or identifier == "":
        raise _bad(f"{path}.id", "names no row", f"write the value of {','.join(key)}")
    before = _values(raw.get("before"), f"{path}.before", key, factors=False)
    values = _values(
        raw.get("set"), f"{path}.set", key if op is OperationType.UPDATE else (), factors=op is OperationType.UPDATE
    )
    unset = raw.get("unset") or ()
    if not isinstance(unset, list | tuple) or not all(isinstance(one, str) and one for one in unset):
        raise _bad(f"{path}.unset", "is not a list of members", 'write ["name", …]')
    if both := sorted({*values} & {*unset} | {*unset} & {*key}):
        raise _bad(f"{path}.unset", f"removes {both[0]}, which is set or names the row", "do one of the two")
    geometry = raw.get(GEOMETRY)
    if geometry is not None:
        try:
            geometry = geometries.check(geometry)
        except InvalidInput as error:
            raise _bad(f"{path}.{GEOMETRY}", f"is none: {error.detail}", error.remedy) from None
    operation = Operation(
        op=op,
        id=normal(str(identifier)),
        before=before,
        set=values,
        unset=tuple(normal(one) for one in unset),
        geometry=geometry,
    )
    if op is OperationType.UPDATE and not (values or unset or geometry):
        raise _bad(path, "changes nothing", "say set, unset or geometry")
    if op is OperationType.ADD and (before or unset or not (values or geometry)):
        raise _bad(path, "adds a row: it needs values to set, and has none from before", "write set: {…}")
    if op is OperationType.REMOVE and (values or unset or geometry):
        raise _bad(path, "removes a row: it cannot set values", "write op: update, or leave the values out")
    return operation


def _values(raw: Any, path: str, key: tuple[str, ...], *, factors: bool) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise _bad(path, "is not an object", "write {member: value}")
    values: dict[str, Any] = {}
    for name, value in raw.items():
        member = f"{path}.{name}"
        if not isinstance(name, str) or not name or name == GEOMETRY or name in key:
            raise _bad(member, "is not allowed there", f"{GEOMETRY} stands beside set, and a row keeps its key")
        if isinstance(value, Mapping) and factors:
            if set(value) != {FACTOR} or not is_figure(value[FACTOR]):
                raise _bad(member, "is not a value", f"write a value, or {{{FACTOR}: 0.8}} to multiply")
            values[normal(name)] = {FACTOR: value[FACTOR]}
        elif value is None or isinstance(value, bool) or is_figure(value):
            values[normal(name)] = value
        elif isinstance(value, str):
            values[normal(name)] = normal(value)
        else:
            raise _bad(member, f"is {str(value)[:40]!r}", "write a text, a number, true, false or null")
    return values


def _check_together(operations: Sequence[Operation]) -> None:
    seen: dict[str, set[str]] = {}
    for index, operation in enumerate(operations):
        fields = _fields(operation)
        before = seen.setdefault(operation.id, set())
        if before and ("" in fields or "" in before or before & fields):
            raise _bad(
                f"operations.{index}", f"changes {operation.id} twice", "put all changes of a row into one operation"
            )
        before |= fields


def _at(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return moment(str(value))
    except ValueError:
        raise _bad("at", f"is {str(value)[:40]!r}", "write a time like 2026-11-20T12:00:00Z") from None


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"change layer: {path} {why}", remedy=remedy, facts={"at": path})


# ---- rows


def overlaps(a: Layer, b: Layer) -> tuple[tuple[str, str], ...]:
    """Return what both layers change, as (id, member); the member is empty if one of them adds or removes the row."""
    mine: dict[str, set[str]] = {}
    for operation in a.operations:
        mine.setdefault(operation.id, set()).update(_fields(operation))
    shared: set[tuple[str, str]] = set()
    for other in b.operations:
        fields, theirs = mine.get(other.id, set()), _fields(other)
        both = {""} if fields and "" in fields | theirs else fields & theirs
        shared |= {(other.id, field) for field in both}
    return tuple(sorted(shared))


def _fields(edit: Operation) -> set[str]:
    if edit.op is not OperationType.UPDATE:
        return {""}
    return {*edit.set, *edit.unset, *([GEOMETRY] if edit.geometry is not None else [])}


def apply(rows: Rows, key: str, layers: Sequence[Layer]) -> Applied:
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
    figures = _columns_of_figures(rows)
    conflicts: list[Conflict] = []
    for layer in layers:
        if layer.key != key:
            raise InvalidInput(f"the layer {layer.title} knows rows by {layer.key}, not by {key}")
        for operation in layer.operations:
            clashes = _misfits(layer, operation, by_id.get(operation.id)) or _unknown(layer, operation, columns)
            if clashes := clashes or _no_figures(layer, operation, figures):
                conflicts += clashes
            elif operation.op is OperationType.REMOVE:
                del by_id[operation.id]
            elif operation.op is OperationType.ADD:
                by_id[operation.id] = {**_key_values(operation.id, names, whole), **_changed({}, operation)}
            else:
                by_id[operation.id] = _changed(by_id[operation.id], operation)
    return Applied(rows=list(by_id.values()), conflicts=tuple(conflicts))


def _key_values(identifier: str, names: tuple[str, ...], whole: Mapping[str, bool]) -> Row:
    parts = [identifier] if len(names) == 1 else identifier.split(",")
    if len(parts) != len(names):
        raise InvalidInput(
            f"{identifier!r} is not a value of {', '.join(names)}", remedy="write them with commas between"
        )
    digits = {name: whole[name] and part.lstrip("-").isdecimal() for name, part in zip(names, parts, strict=True)}
    return {name: int(part) if digits[name] else part for name, part in zip(names, parts, strict=True)}


def _changed(row: Row, edit: Operation) -> Row:
    changed: dict[str, Any] = {name: value for name, value in row.items() if name not in edit.unset}
    for name, value in edit.set.items():
        changed[name] = rounded(float(changed[name]) * value[FACTOR]) if _is_factor(value) else value
    if edit.geometry is not None:
        changed[GEOMETRY] = edit.geometry
    return changed


def _misfits(layer: Layer, edit: Operation, row: Row | None) -> list[Conflict]:
    """Return why a change cannot be made; empty if it can."""
    tell = _teller(layer, edit)
    if edit.op is OperationType.ADD:
        if row is None:
            return []
        return [tell("", None, dict(row), dict(edit.set), f"{edit.id} already exists; the layer adds it", "there")]
    new_values = _new_values(edit)
    if row is None:
        does = "removes" if edit.op is OperationType.REMOVE else "changes"
        sentence = f"{edit.id} does not exist; the layer {does} it"
        return [tell("", dict(edit.before) or None, None, new_values, sentence, "gone")]
    conflicts = []
    for name, seen in edit.before.items():
        now = row.get(name)
        if not _same(seen, now):
            then = "and the layer removes it" if edit.op is OperationType.REMOVE else _would(edit, name)
            was = f"{name} of {edit.id} was {_shown(seen)}"
            sentence = f"{was} when the change was made and is {_shown(now)} now; {then}"
            conflicts.append(tell(name, seen, now, new_values.get(name) if new_values else None, sentence, "changed"))
    for name, value in edit.set.items():
        if _is_factor(value) and not conflicts and not _multiplies(row.get(name), value[FACTOR]):
            now = row.get(name)
            sentence = f"{name} of {edit.id} is {_shown(now)}; the layer multiplies it by {value[FACTOR]:g}"
            conflicts.append(tell(name, edit.before.get(name), now, value, sentence, "unmultiplied"))
    return conflicts


def _unknown(layer: Layer, edit: Operation, columns: Collection[str]) -> list[Conflict]:
    """Return conflicts for members that no row has: misspelt or renamed ones, which no model would read."""
    tell = _teller(layer, edit)
    conflicts = []
    for name in edit.set:
        if columns and name not in columns:
            near = get_close_matches(name, list(columns), n=1)
            guess = f" (there is {near[0]})" if near else ""
            told = f"no row has {name}{guess}; the layer sets it"
            conflicts.append(tell(name, None, None, edit.set[name], told, "no-member"))
    return conflicts


def _columns_of_figures(rows: Rows) -> frozenset[str]:
    """Return the members that are a number wherever they have a value."""
    seen: dict[str, bool] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                seen[name] = seen.get(name, True) and is_figure(value)
    return frozenset(name for name, all_figures in seen.items() if all_figures)


def _no_figures(layer: Layer, edit: Operation, figures: Collection[str]) -> list[Conflict]:
    """Return the conflicts of values that are texts in columns of numbers, with which no model could calculate."""
    tell = _teller(layer, edit)
    return [
        tell(
            name,
            edit.before.get(name),
            None,
            value,
            f"{name} holds numbers; the layer sets {_shown(value)}",
            "no-figure",
        )
        for name, value in edit.set.items()
        if name in figures and not (value is None or _is_factor(value) or is_figure(value))
    ]


def _teller(layer: Layer, edit: Operation) -> Callable[[str, Any, Any, Any, str, str], Conflict]:
    def tell(field: str, seen: Any, now: Any, value: Any, sentence: str, case: str) -> Conflict:
        return Conflict(
            layer=layer.id,
            id=edit.id,
            field=field,
            seen=seen,
            now=now,
            meant=value,
            sentence=sentence,
            case=case,
        )

    return tell


def _new_values(edit: Operation) -> dict[str, Any] | None:
    if edit.op is OperationType.REMOVE:
        return None
    moved = {} if edit.geometry is None else {GEOMETRY: dict(edit.geometry)}
    return {**edit.set, **dict.fromkeys(edit.unset), **moved}


def _would(edit: Operation, name: str) -> str:
    if name in edit.set:
        value = edit.set[name]
        return f"the layer {f'multiplies it by {value[FACTOR]:g}' if _is_factor(value) else f'sets {_shown(value)}'}"
    return "the layer removes it" if name in edit.unset else "the layer changes other members of it"


def _is_factor(value: Any) -> bool:
    return isinstance(value, Mapping)


def _multiplies(now: Any, factor: float) -> bool:
    return is_figure(now) and math.isfinite(float(now) * factor)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return normal(a) == normal(b)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _shown(value: Any) -> str:
    return "empty" if value is None else f"{value:g}" if isinstance(value, float) else str(value)[:80]
