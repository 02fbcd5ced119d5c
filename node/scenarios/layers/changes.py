"""Change layers: what somebody would change, as JSON, and rows with layers on them.

A layer never touches the data that it is for. It names the version that its author looked at, and may say of each
member what it was then (``before``): where it is something else by now, the change is in conflict and is left out,
and the three values are told. Layers are stacked in order; those that touch different members commute.
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
    """A change that does not fit the data: what its author saw, what is there now, and what was wanted.

    ``field`` is empty where the whole row is meant: it is there already, or not there any more.
    """

    layer: str
    id: str
    field: str
    seen: Any
    now: Any
    wanted: Any
    sentence: str
    case: str = ""
    """Which sentence it is: ``there``, ``gone``, ``changed``, ``unmultiplied``, ``no-member``, ``no-figure``."""

    def to_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Rows with layers on them, and the changes that were left out."""

    rows: Rows
    conflicts: tuple[Conflict, ...] = ()


# ---- JSON


def layer_to_json(layer: Layer) -> dict[str, Any]:
    """A layer as JSON, with its hash. ``layer_from_json`` reads it."""
    return {**_unsealed(layer), "sha256": layer.sha256}


def sealed(layer: Layer) -> Layer:
    """The layer with its hash: SHA-256 of its canonical JSON (RFC 8785) without the hash."""
    return replace(layer, sha256=digest(_unsealed(layer), fractions=True))


def _unsealed(layer: Layer) -> dict[str, Any]:
    return {
        **{name: getattr(layer, name) for name in _TEXTS},
        "version": layer.version,
        "at": stamp(layer.at),
        "operations": [_operation_to_json(operation) for operation in layer.operations],
    }


def _operation_to_json(one: Operation) -> dict[str, Any]:
    members: dict[str, Any] = {"op": one.op.value, "id": one.id}
    if one.before:
        members["before"] = dict(one.before)
    if one.set:
        members["set"] = dict(one.set)
    if one.unset:
        members["unset"] = list(one.unset)
    if one.geometry is not None:
        members[GEOMETRY] = dict(one.geometry)
    return members


def layer_from_json(body: Mapping[str, Any]) -> Layer:
    """Read a layer, without its hash (see ``sealed``). Members that are not known are passed over.

    Raises ``InvalidInput`` naming the member: a text that is missing, an operation that says nothing or contradicts
    another, a value that is none.
    """
    texts = {}
    for name in _TEXTS:
        said = body.get(name)
        if not isinstance(said, str) or not said.strip() or len(said) > 4000:
            raise _bad(name, "is missing" if not said else "is no short text", "a layer says what, why and by whom")
        texts[name] = normal(said)
    version = body.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise _bad("version", f"is {str(version)[:40]!r}", "write the number of the dataset's version")
    said = body.get("operations")
    if not isinstance(said, list | tuple) or not said:
        raise _bad("operations", "are missing", "a layer changes something")
    if len(said) > MAX_OPERATIONS:
        raise _bad("operations", f"are {len(said)}", f"at most {MAX_OPERATIONS}: publish another version instead")
    key = tuple(texts["key"].split(","))
    operations = tuple(_operation(one, f"operations.{index}", key) for index, one in enumerate(said))
    _check_together(operations)
    return Layer(version=version, at=_at(body.get("at")), operations=operations, **texts)


def _operation(said: Any, path: str, key: tuple[str, ...]) -> Operation:
    if not isinstance(said, Mapping):
        raise _bad(path, "is no object", 'write {"op": "update", "id": …, "set": {…}}')
    if unknown := sorted(set(map(str, said)) - _MEMBERS):
        raise _bad(f"{path}.{unknown[0]}", "is not known", f"the members are {', '.join(sorted(_MEMBERS))}")
    if said.get("op") not in [one.value for one in OperationType]:
        raise _bad(f"{path}.op", f"is {str(said.get('op'))[:40]!r}", f"write one of {', '.join(OperationType)}")
    op, identifier = OperationType(said["op"]), said.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int) or identifier == "":
        raise _bad(f"{path}.id", "names no row", f"write the value of {','.join(key)}")
    before = _values(said.get("before"), f"{path}.before", key, factors=False)
    wanted = _values(
        said.get("set"), f"{path}.set", key if op is OperationType.UPDATE else (), factors=op is OperationType.UPDATE
    )
    unset = said.get("unset") or ()
    if not isinstance(unset, list | tuple) or not all(isinstance(one, str) and one for one in unset):
        raise _bad(f"{path}.unset", "is no list of members", 'write ["name", …]')
    if both := sorted({*wanted} & {*unset} | {*unset} & {*key}):
        raise _bad(f"{path}.unset", f"takes away {both[0]}, which is set or names the row", "do one of the two")
    geometry = said.get(GEOMETRY)
    if geometry is not None:
        try:
            geometry = geometries.check(geometry)
        except InvalidInput as error:
            raise _bad(f"{path}.{GEOMETRY}", f"is none: {error.detail}", error.remedy) from None
    made = Operation(
        op=op,
        id=normal(str(identifier)),
        before=before,
        set=wanted,
        unset=tuple(normal(one) for one in unset),
        geometry=geometry,
    )
    if op is OperationType.UPDATE and not (wanted or unset or geometry):
        raise _bad(path, "changes nothing", "say set, unset or geometry")
    if op is OperationType.ADD and (before or unset or not (wanted or geometry)):
        raise _bad(path, "adds a row: it has values to set and nothing before", "write set: {…}")
    if op is OperationType.REMOVE and (wanted or unset or geometry):
        raise _bad(path, "removes a row: there is nothing to set", "write op: update, or leave the values out")
    return made


def _values(said: Any, path: str, key: tuple[str, ...], *, factors: bool) -> dict[str, Any]:
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        raise _bad(path, "is no object", "write {member: value}")
    made: dict[str, Any] = {}
    for name, value in said.items():
        member = f"{path}.{name}"
        if not isinstance(name, str) or not name or name == GEOMETRY or name in key:
            raise _bad(member, "cannot stand there", f"{GEOMETRY} stands beside set, and the key of a row stays")
        if isinstance(value, Mapping) and factors:
            if set(value) != {FACTOR} or not is_figure(value[FACTOR]):
                raise _bad(member, "is no value", f"write a value, or {{{FACTOR}: 0.8}} to multiply")
            made[normal(name)] = {FACTOR: value[FACTOR]}
        elif value is None or isinstance(value, bool) or is_figure(value):
            made[normal(name)] = value
        elif isinstance(value, str):
            made[normal(name)] = normal(value)
        else:
            raise _bad(member, f"is {str(value)[:40]!r}", "write a text, a number, true, false or null")
    return made


def _check_together(operations: Sequence[Operation]) -> None:
    seen: dict[str, set[str]] = {}
    for index, one in enumerate(operations):
        fields = _fields(one)
        before = seen.setdefault(one.id, set())
        if before and ("" in fields or "" in before or before & fields):
            raise _bad(
                f"operations.{index}", f"changes {one.id} a second time", "say all about a member of a row once"
            )
        before |= fields


def _at(said: Any) -> datetime:
    if isinstance(said, datetime):
        return said.astimezone(UTC)
    try:
        return moment(str(said))
    except ValueError:
        raise _bad("at", f"is {str(said)[:40]!r}", "write a time like 2026-11-20T12:00:00Z") from None


def _bad(path: str, why: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"change layer: {path} {why}", remedy=remedy, facts={"at": path})


# ---- rows


def overlaps(a: Layer, b: Layer) -> tuple[tuple[str, str], ...]:
    """What both layers change, as (id, member); the member is empty where one of them adds or removes the row."""
    mine: dict[str, set[str]] = {}
    for operation in a.operations:
        mine.setdefault(operation.id, set()).update(_fields(operation))
    found = set()
    for other in b.operations:
        fields, theirs = mine.get(other.id, set()), _fields(other)
        if fields and "" in fields | theirs:
            found.add((other.id, ""))
        else:
            found |= {(other.id, field) for field in fields & theirs}
    return tuple(sorted(found))


def _fields(one: Operation) -> set[str]:
    if one.op is not OperationType.UPDATE:
        return {""}
    return {*one.set, *one.unset, *([GEOMETRY] if one.geometry is not None else [])}


def apply(rows: Rows, key: str, layers: Sequence[Layer]) -> Applied:
    """Rows with layers on them, in order. The rows given are not changed; those that no layer touches are the same.

    ``key`` names the member by which rows are known (several, with commas between); a row that is added stands at
    the end. Changes that do not fit are left out and told. Raises ``InvalidInput`` where the key does not name each
    row, or a layer knows rows by another one.
    """
    names = tuple(key.split(","))
    check_key(rows, names)
    held: dict[str, Row] = {row_id(row, names): row for row in rows}
    if len(held) < len(rows):
        raise InvalidInput(f"{key} does not tell the rows apart as text", remedy="give the layer another key")
    whole = {name: all(isinstance(row.get(name), int) for row in rows) and bool(rows) for name in names}
    columns = {name for row in rows for name in row}
    figures = _columns_of_figures(rows)
    conflicts: list[Conflict] = []
    for layer in layers:
        if layer.key != key:
            raise InvalidInput(f"the layer {layer.title} knows rows by {layer.key}, not by {key}")
        for operation in layer.operations:
            found = _misfits(layer, operation, held.get(operation.id)) or _unknown(layer, operation, columns)
            found = found or _no_figures(layer, operation, figures)
            if found:
                conflicts += found
            elif operation.op is OperationType.REMOVE:
                del held[operation.id]
            elif operation.op is OperationType.ADD:
                held[operation.id] = {**_key_values(operation.id, names, whole), **_changed({}, operation)}
            else:
                held[operation.id] = _changed(held[operation.id], operation)
    return Applied(rows=list(held.values()), conflicts=tuple(conflicts))


def _key_values(identifier: str, names: tuple[str, ...], whole: Mapping[str, bool]) -> Row:
    parts = [identifier] if len(names) == 1 else identifier.split(",")
    if len(parts) != len(names):
        raise InvalidInput(
            f"{identifier!r} is no value of {', '.join(names)}", remedy="write them with commas between"
        )
    digits = {name: whole[name] and part.lstrip("-").isdecimal() for name, part in zip(names, parts, strict=True)}
    return {name: int(part) if digits[name] else part for name, part in zip(names, parts, strict=True)}


def _changed(row: Row, one: Operation) -> Row:
    made: dict[str, Any] = {name: value for name, value in row.items() if name not in one.unset}
    for name, value in one.set.items():
        made[name] = rounded(float(made[name]) * value[FACTOR]) if _is_factor(value) else value
    if one.geometry is not None:
        made[GEOMETRY] = one.geometry
    return made


def _misfits(layer: Layer, one: Operation, row: Row | None) -> list[Conflict]:
    """Why a change cannot be made; empty where it can."""
    tell = _teller(layer, one)
    if one.op is OperationType.ADD:
        if row is None:
            return []
        return [tell("", None, dict(row), dict(one.set), f"{one.id} is there already; the layer adds it", "there")]
    wanted = _wanted(one)
    if row is None:
        does = "removes" if one.op is OperationType.REMOVE else "changes"
        told = f"{one.id} is not there; the layer {does} it"
        return [tell("", dict(one.before) or None, None, wanted, told, "gone")]
    found = []
    for name, seen in one.before.items():
        now = row.get(name)
        if not _same(seen, now):
            then = "and the layer removes it" if one.op is OperationType.REMOVE else _would(one, name)
            told = f"{name} of {one.id} was {_shown(seen)} when the change was made and is {_shown(now)} now; {then}"
            found.append(tell(name, seen, now, wanted.get(name) if wanted else None, told, "changed"))
    for name, value in one.set.items():
        if _is_factor(value) and not found and not _multiplies(row.get(name), value[FACTOR]):
            now = row.get(name)
            told = f"{name} of {one.id} is {_shown(now)}; the layer multiplies it by {value[FACTOR]:g}"
            found.append(tell(name, one.before.get(name), now, value, told, "unmultiplied"))
    return found


def _unknown(layer: Layer, one: Operation, columns: Collection[str]) -> list[Conflict]:
    """A member that no row has is misspelt, or was renamed: setting it would change nothing that a model reads."""
    tell = _teller(layer, one)
    found = []
    for name in one.set:
        if columns and name not in columns:
            near = get_close_matches(name, list(columns), n=1)
            guess = f" (there is {near[0]})" if near else ""
            told = f"no row has {name}{guess}; the layer sets it"
            found.append(tell(name, None, None, one.set[name], told, "no-member"))
    return found


def _columns_of_figures(rows: Rows) -> frozenset[str]:
    """The members that are a number wherever they have a value."""
    seen: dict[str, bool] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                seen[name] = seen.get(name, True) and is_figure(value)
    return frozenset(name for name, all_figures in seen.items() if all_figures)


def _no_figures(layer: Layer, one: Operation, figures: Collection[str]) -> list[Conflict]:
    """A word where all others are numbers: no model could reckon with it."""
    tell = _teller(layer, one)
    return [
        tell(
            name,
            one.before.get(name),
            None,
            value,
            f"{name} holds numbers; the layer sets {_shown(value)}",
            "no-figure",
        )
        for name, value in one.set.items()
        if name in figures and not (value is None or _is_factor(value) or is_figure(value))
    ]


def _teller(layer: Layer, one: Operation) -> Callable[[str, Any, Any, Any, str, str], Conflict]:
    def tell(field: str, seen: Any, now: Any, wanted: Any, sentence: str, case: str) -> Conflict:
        return Conflict(
            layer=layer.id,
            id=one.id,
            field=field,
            seen=seen,
            now=now,
            wanted=wanted,
            sentence=sentence,
            case=case,
        )

    return tell


def _wanted(one: Operation) -> dict[str, Any] | None:
    if one.op is OperationType.REMOVE:
        return None
    moved = {} if one.geometry is None else {GEOMETRY: dict(one.geometry)}
    return {**one.set, **dict.fromkeys(one.unset), **moved}


def _would(one: Operation, name: str) -> str:
    if name in one.set:
        value = one.set[name]
        return f"the layer {f'multiplies it by {value[FACTOR]:g}' if _is_factor(value) else f'sets {_shown(value)}'}"
    return "the layer takes it away" if name in one.unset else "the layer changes other members of it"


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
