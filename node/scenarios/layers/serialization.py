"""Change layers as JSON: what a person or a program proposes, checked member by member, and its hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import digest
from node.scenarios.layers.changes import members
from node.scenarios.layers.conflicts import FACTOR
from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType
from node.scenarios.tables import geometries
from node.scenarios.tables.files import is_figure, normal

MAX_OPERATIONS: Final = 10_000

_TEXTS: Final = ("id", "title", "target", "file", "target_sha256", "key", "author", "reason")
_MEMBERS: Final = frozenset({"op", "id", "before", "set", "unset", GEOMETRY})


def layer_to_json(layer: Layer) -> dict[str, Any]:
    """Return a layer as JSON, with its hash. ``layer_from_json`` reads it."""
    return {**_unsealed_json(layer), "sha256": layer.sha256}


def with_hash(layer: Layer) -> Layer:
    """Return the layer with its hash: SHA-256 of its canonical JSON (RFC 8785) without the hash."""
    return replace(layer, sha256=digest(_unsealed_json(layer), fractions=True))


def _unsealed_json(layer: Layer) -> dict[str, Any]:
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
    """Read a layer, without its hash (see ``with_hash``). Unknown members are ignored.

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
    raw_operations = body.get("operations")
    if not isinstance(raw_operations, list | tuple) or not raw_operations:
        raise _bad("operations", "are missing", "a layer changes something")
    if len(raw_operations) > MAX_OPERATIONS:
        raise _bad(
            "operations", f"are {len(raw_operations)}", f"at most {MAX_OPERATIONS}: publish another version instead"
        )
    key = tuple(texts["key"].split(","))
    operations = tuple(_operation(one, f"operations.{index}", key) for index, one in enumerate(raw_operations))
    _check_together(operations)
    return Layer(version=version, at=_at(body.get("at")), operations=operations, **texts)


def _operation(raw: Any, path: str, key: tuple[str, ...]) -> Operation:
    if not isinstance(raw, Mapping):
        raise _bad(path, "is not an object", 'write {"op": "update", "id": …, "set": {…}}')
    if unknown := sorted(set(map(str, raw)) - _MEMBERS):
        raise _bad(f"{path}.{unknown[0]}", "is not known", f"the members are {', '.join(sorted(_MEMBERS))}")
    if raw.get("op") not in [type_.value for type_ in OperationType]:
        raise _bad(f"{path}.op", f"is {str(raw.get('op'))[:40]!r}", f"write one of {', '.join(OperationType)}")
    op, identifier = OperationType(raw["op"]), raw.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int) or identifier == "":
        raise _bad(f"{path}.id", "names no row", f"write the value of {','.join(key)}")
    before = _values(raw.get("before"), f"{path}.before", key, factors=False)
    values = _values(
        raw.get("set"), f"{path}.set", key if op is OperationType.UPDATE else (), factors=op is OperationType.UPDATE
    )
    unset = raw.get("unset") or ()
    if not isinstance(unset, list | tuple) or not all(isinstance(type_, str) and type_ for type_ in unset):
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
        unset=tuple(normal(type_) for type_ in unset),
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
    keys: dict[str, set[str]] = {}
    for index, operation in enumerate(operations):
        fields = members(operation)
        before = keys.setdefault(operation.id, set())
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
