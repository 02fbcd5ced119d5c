"""The content of a description, laid out by the plan of its kind (``node.portal.description.plans``)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.portal.description.content import Fact, Value, values
from node.portal.description.plans import PLANS, Column, SheetPlan
from node.portal.description.triples import Description
from node.portal.markup import unit
from node.vocab.namespaces import CSVW, DCT, QUDT, SCHEMA

MAX_ROWS: Final = 400
MAX_SOURCE: Final = 40_000
MAX_PARTS: Final = 40
MAX_LISTED: Final = 12
"""Values of a cell that are shown on one line."""

_PART_NAMES: Final = (f"{DCT}title", f"{CSVW}name")
_LEAST: Final = f"{SCHEMA}minValue"
_MOST: Final = f"{SCHEMA}maxValue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: the IRI of its subject (empty for a blank node) and the values of each column."""

    iri: str
    cells: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table; ``columns`` are the labels of columns that at least one row fills. ``more`` counts rows left out.
    ``title``: its name, if there are several under the same label."""

    label: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The laid out part of a description, and the properties that it covers."""

    paragraphs: tuple[Fact, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    predicates: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.paragraphs or self.sheets or self.sources)


def card(kind: str, description: Description, subject: str) -> Card:
    """Return the laid out part of ``description``."""
    plan = PLANS.get(kind)
    if plan is None:
        return Card()
    paragraphs = []
    for label, predicates in plan.paragraphs:
        if found := values(description, subject, *predicates):
            paragraphs.append(Fact(label=label, values=found))
    sheets = [sheet for sheet_plan in plan.sheets for sheet in _sheets(sheet_plan, description, subject)]
    if any(sheet.label == "bindings" for sheet in sheets):
        # Roles that have only a name are shown by the things that are bound to them.
        sheets = [sheet for sheet in sheets if sheet.label != "roles" or len(sheet.columns) > 1]
    sources = []
    for label, predicate in plan.sources:
        for term in description.terms(subject, predicate)[:5]:
            if term.is_literal:
                if kind == "schema" and not any(sheet.label == "members" for sheet in sheets):
                    # A schema of an earlier release has no statements about its fields.
                    sheets += _json_schema(term.value)
                sources.append((label, _set_out(term.value)[:MAX_SOURCE]))
    predicates_in_use = {predicate for _, predicates in plan.paragraphs for predicate in predicates}
    predicates_in_use |= {predicate for sheet_plan in plan.sheets for predicate in sheet_plan.rows}
    predicates_in_use |= {predicate for _, predicate in plan.sources}
    return Card(
        paragraphs=tuple(paragraphs),
        sheets=tuple(sheets),
        sources=tuple(sources),
        predicates=frozenset(predicates_in_use),
    )


def _sheets(plan: SheetPlan, description: Description, subject: str) -> Iterator[Sheet]:
    """Yield the table of a plan, or one for each of its parts."""
    if not plan.parts:
        sheet = _sheet(plan, description, subject)
        if sheet:
            yield sheet
        return
    parts = sorted((description.value(part, *_PART_NAMES), part) for part in description.subjects(plan.parts))
    for name, part in parts[:MAX_PARTS]:
        sheet = _sheet(plan, description, part)
        if sheet:
            yield replace(sheet, title=name if len(parts) > 1 else "")


def _sheet(plan: SheetPlan, description: Description, subject: str) -> Sheet | None:
    terms = description.terms(subject, *plan.rows)
    nodes = [term.value for term in terms if not term.is_literal]
    if plan.types:
        nodes += [n for n in description.subjects(*plan.types) if n != subject and not n.startswith("_:")]
    # Canonical N-Quads order blank nodes arbitrarily, so rows are sorted here.
    nodes = sorted(dict.fromkeys(nodes), key=lambda node: _place(description, node, plan))
    rows = [
        Row(
            iri="" if node.startswith("_:") else node,
            cells=tuple(_cell(description, node, column) for column in plan.columns),
        )
        for node in nodes
    ]
    # A row may also be a plain text: a risk may be a sentence instead of a node.
    said = tuple(value for value in values(description, subject, *plan.rows) if value.shape == "text")
    rows += [Row(iri="", cells=((value,), *((),) * (len(plan.columns) - 1))) for value in said]
    if not rows:
        return None
    return _without_empty_columns(plan.label, tuple(column.label for column in plan.columns), rows)


def _without_empty_columns(label: str, columns: tuple[str, ...], rows: list[Row]) -> Sheet:
    """Return the sheet without its empty columns; the first stays if rows are known by their IRI alone."""
    keep = [place for place in range(len(columns)) if any(row.cells[place] for row in rows)]
    if 0 not in keep and any(row.iri for row in rows):
        keep.insert(0, 0)
    return Sheet(
        label=label,
        columns=tuple(columns[place] for place in keep),
        rows=tuple(Row(iri=row.iri, cells=tuple(row.cells[place] for place in keep)) for row in rows[:MAX_ROWS]),
        more=max(0, len(rows) - MAX_ROWS),
    )


def _cell(description: Description, node: str, column: Column) -> tuple[Value, ...]:
    if column.inner:
        return tuple(_line(description, term.value, column) for term in description.terms(node, *column.properties))
    if column.merged:
        several = values(description, node, *column.properties, depth=1)
        return tuple(value for value in several if value.shape == "iri") if column.named else several
    for predicate in column.properties:
        if found := values(description, node, predicate, depth=1):
            return (_join_texts(found),) if column.listed else found
    return ()


def _join_texts(several: Sequence[Value]) -> Value:
    """Return short texts as one: ``Gent, Ledeberg, …``."""
    texts = [next(iter(value.texts.values()), value.plain) for value in several[:MAX_LISTED]]
    return Value(shape="text", texts={"": ", ".join(texts) + (", …" if len(several) > MAX_LISTED else "")})


def _line(description: Description, node: str, column: Column) -> Value:
    """Return a node in one line: ``speed, km/h, 30–130``."""
    parts: list[str] = []
    bounds = dict.fromkeys((_LEAST, _MOST), "")
    for predicate in column.inner:
        value = description.value(node, predicate)
        if predicate in bounds:
            bounds[predicate] = value
        elif value:
            parts.append(unit(value) if predicate == f"{QUDT}ucumCode" else value)
    least, most = bounds[_LEAST], bounds[_MOST]
    if least or most:
        parts.append(f"{least}–{most}" if least and most else f"≥ {least}" if least else f"≤ {most}")
    return Value(shape="text", texts={"": ", ".join(parts)})


def _place(description: Description, node: str, plan: SheetPlan) -> tuple[int, str]:
    position = description.value(node, plan.order) if plan.order else ""
    for predicate in plan.columns[0].properties:
        if texts := description.texts(node, predicate):
            name = texts.get("en") or next(iter(texts.values()))
            return (int(position) if position.isdecimal() else 0), name.casefold()
    return (int(position) if position.isdecimal() else 0), node


def _json_schema(source: str) -> list[Sheet]:
    """Return the members that a JSON Schema describes, as a table."""
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError):
        return []
    rows = [
        Row(
            iri="",
            cells=(
                (_plain(name),),
                (_plain(str(member.get("description") or member.get("title"))),)
                if member.get("description") or member.get("title")
                else (),
                (_plain(_type(member)),),
                (Value(shape="flag", plain="yes" if is_required else "no"),),
            ),
        )
        for name, member, is_required in _members(schema)
    ]
    return [_without_empty_columns("members", ("name", "meaning", "type", "required"), rows)] if rows else []


def _members(schema: Any) -> Iterator[tuple[str, dict[str, Any], bool]]:
    members = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(members, dict):
        names = schema.get("required") if isinstance(schema.get("required"), list) else []
        for name, member in members.items():
            if isinstance(member, dict):
                yield name, member, name in names


def _type(member: dict[str, Any]) -> str:
    kind = member.get("type", "")
    said = " / ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    return f"{said} ({member['format']})" if said and isinstance(member.get("format"), str) else said


def _plain(text: str) -> Value:
    return Value(shape="text", texts={"": text})


def _set_out(source: str) -> str:
    """Return JSON indented; any other source unchanged."""
    try:
        return json.dumps(json.loads(source), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return source
