"""Changes of a layer that do not fit the data: what their author saw, what is there now, what would have been set."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Final

from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType, Row, Rows
from node.scenarios.tables.files import is_figure, normal

FACTOR: Final = "factor"


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


def misfits(layer: Layer, edit: Operation, row: Row | None) -> list[Conflict]:
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
    for name, value_before in edit.before.items():
        now = row.get(name)
        if not _same(value_before, now):
            then = "and the layer removes it" if edit.op is OperationType.REMOVE else _would(edit, name)
            was = f"{name} of {edit.id} was {_in_words(value_before)}"
            sentence = f"{was} when the change was made and is {_in_words(now)} now; {then}"
            conflicts.append(
                tell(name, value_before, now, new_values.get(name) if new_values else None, sentence, "changed")
            )
    for name, value in edit.set.items():
        if is_factor(value) and not conflicts and not _multiplies(row.get(name), value[FACTOR]):
            now = row.get(name)
            sentence = f"{name} of {edit.id} is {_in_words(now)}; the layer multiplies it by {value[FACTOR]:g}"
            conflicts.append(tell(name, edit.before.get(name), now, value, sentence, "unmultiplied"))
    return conflicts


def unknown(layer: Layer, edit: Operation, columns: Collection[str]) -> list[Conflict]:
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


def columns_of_figures(rows: Rows) -> frozenset[str]:
    """Return the members that are a number wherever they have a value."""
    flags: dict[str, bool] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                flags[name] = flags.get(name, True) and is_figure(value)
    return frozenset(name for name, all_figures in flags.items() if all_figures)


def no_figures(layer: Layer, edit: Operation, figures: Collection[str]) -> list[Conflict]:
    """Return the conflicts of values that are texts in columns of numbers, with which no model could calculate."""
    tell = _teller(layer, edit)
    return [
        tell(
            name,
            edit.before.get(name),
            None,
            value,
            f"{name} holds numbers; the layer sets {_in_words(value)}",
            "no-figure",
        )
        for name, value in edit.set.items()
        if name in figures and not (value is None or is_factor(value) or is_figure(value))
    ]


def _teller(layer: Layer, edit: Operation) -> Callable[[str, Any, Any, Any, str, str], Conflict]:
    def tell(field: str, before: Any, now: Any, value: Any, sentence: str, case: str) -> Conflict:
        return Conflict(
            layer=layer.id,
            id=edit.id,
            field=field,
            seen=before,
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
        return (
            f"the layer {f'multiplies it by {value[FACTOR]:g}' if is_factor(value) else f'sets {_in_words(value)}'}"
        )
    return "the layer removes it" if name in edit.unset else "the layer changes other members of it"


def is_factor(value: Any) -> bool:
    return isinstance(value, Mapping)


def _multiplies(now: Any, factor: float) -> bool:
    return is_figure(now) and math.isfinite(float(now) * factor)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return normal(a) == normal(b)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _in_words(value: Any) -> str:
    return "empty" if value is None else f"{value:g}" if isinstance(value, float) else str(value)[:80]
