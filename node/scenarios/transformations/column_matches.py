"""Draft a mapping between two ends: by the terms of their fields first, then names and labels, types and units."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.chain.interfaces import fits
from node.scenarios.chain.mismatch import ERROR
from node.scenarios.model import Port
from node.scenarios.tables import mapping_grammar, spans, units
from node.scenarios.transformations.mapping_proposal import (
    DOUBTFUL,
    LIKELY,
    SURE,
    ColumnProposal,
    MappingProposal,
    Reason,
)
from node.scenarios.transformations.schema_fields import MappingEnd, SchemaField, end_of_port
from node.semantics.profiles.units import unit_of
from node.vocab.namespaces import local_name

Alignments = Mapping[str, Collection[str]]
"""A term → the terms that mean the same."""

RESERVED: Final = frozenset({"step", "units", "group", "keep"})
"""Words of column mappings, which no output column can have as its name."""
_LEAST: Final = 45
_SURE: Final = 80
_LIKELY: Final = 60
_RATIO: Final = 0.72
_NUMBERS: Final = frozenset({"number", "integer"})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    source: SchemaField
    target: SchemaField
    score: float
    reasons: tuple[Reason, ...]


def propose(
    source: MappingEnd,
    target: MappingEnd,
    *,
    choices: Mapping[str, str] | None = None,
    alignments: Alignments | None = None,
) -> MappingProposal:
    """Return the mapping from ``source`` to ``target``. ``choices``: field of the target → column of the source that
    a person chose, empty for none. Raises ``InvalidInput`` for a choice that names no field."""
    choices = choices or {}
    _check(choices, source, target)
    assignment = _assignment(source, target, choices, alignments or {})
    columns = [_column(field, assignment.get(field.name), source, field.name in choices) for field in target.fields]
    return MappingProposal(source=source, target=target, columns=tuple(columns), notes=tuple(_notes(source, target)))


def missing_mapping(source: Port, target: Port) -> dict[str, Any]:
    """Return the definition of a mapping that makes rows of ``source`` fit ``target``; empty if none covers all that
    it demands."""
    proposal = propose(end_of_port(source), end_of_port(target))
    definition = proposal.definition if proposal.covers else {}
    if not definition:
        return {}
    made = mapping_grammar.output_port(mapping_grammar.parse_mapping(definition), schemas=target.schemas)
    made = replace(made, role=source.role, step=made.step or source.step)
    return {} if any(mismatch.severity == ERROR for mismatch in fits(made, target)) else definition


def _check(choices: Mapping[str, str], source: MappingEnd, target: MappingEnd) -> None:
    for name, column in choices.items():
        for end, text, kind in ((target, name, "field"), (source, column, "column")):
            if text and end.field(text) is None:
                names = ", ".join(field.name for field in end.fields[:20])
                raise InvalidInput(
                    f"there is no {kind} {text[:80]}",
                    remedy=f"choose one of: {names}",
                    facts={"case": "no-field", "name": text[:80], "known": names},
                )


def _assignment(
    source: MappingEnd, target: MappingEnd, choices: Mapping[str, str], alignments: Alignments
) -> dict[str, _Match]:
    """Return the match of each field of the target that has one; a column fills one field, unless a person chose it
    for several."""
    assignment: dict[str, _Match] = {}
    for field in target.fields:
        column = source.field(choices.get(field.name, ""))
        if column is not None:
            assignment[field.name] = _Match(source=column, target=field, score=100, reasons=(_reason("chosen"),))
    columns_in_use = {match.source.name for match in assignment.values()}
    candidates = _candidates(
        [field for field in source.fields if field.name not in columns_in_use],
        [field for field in target.fields if field.name not in choices],
        alignments,
    )
    for match in sorted(candidates, key=lambda match: (-match.score, match.target.name, match.source.name)):
        if match.target.name not in assignment and match.source.name not in columns_in_use:
            assignment[match.target.name] = match
            columns_in_use.add(match.source.name)
    free = [field for field in source.fields if field.name not in columns_in_use]
    open_fields = [field for field in target.fields if field.name not in assignment and field.name not in choices]
    for field in open_fields:
        alike = [column for column in free if _are_alike(column, field)]
        rivals = [other for other in open_fields if alike and _are_alike(alike[0], other)]
        if len(alike) == 1 and len(rivals) == 1:
            reason = _reason("only-unit", have=alike[0].unit or "", need=field.unit or "")
            assignment[field.name] = _Match(source=alike[0], target=field, score=50, reasons=(reason,))
    return assignment


def _candidates(
    columns: Iterable[SchemaField], fields: Iterable[SchemaField], alignments: Alignments
) -> Iterable[_Match]:
    names = {field.name: _words(field) for field in (*columns, *fields)}
    fields = [field for field in fields if field.constant is None]
    for column in columns:
        for field in fields:
            match = _match(column, field, names, alignments)
            if match is not None:
                yield match


def _match(
    column: SchemaField, field: SchemaField, names: Mapping[str, tuple[str, ...]], alignments: Alignments
) -> _Match | None:
    score, reason = _likeness(column, field, names, alignments)
    if reason is None:
        return None
    if column.term and field.term and reason.code not in ("same-term", "aligned-term"):
        score -= 40
    if _obstacle(column, field, None) is not None:
        # It is named if nothing better fits.
        score -= 30
    elif column.unit and field.unit:
        score += 3
    score += 2 if column.types & field.types else 0
    return _Match(source=column, target=field, score=score, reasons=(reason,)) if score >= _LEAST else None


def _likeness(
    column: SchemaField, field: SchemaField, names: Mapping[str, tuple[str, ...]], alignments: Alignments
) -> tuple[float, Reason | None]:
    if column.term and column.term == field.term:
        return 100, _reason("same-term", term=local_name(field.term))
    if column.term and field.term in alignments.get(column.term, ()):
        return 92, _reason("aligned-term", have=local_name(column.term), term=local_name(field.term))
    if column.name == field.name:
        return 90, _reason("same-name")
    words, others = names[column.name], names[field.name]
    if words == others:
        return 86, _reason("same-name")
    folded = {_fold(label) for label in (*column.labels, " ".join(words))}
    common = [label for label in (*field.labels, " ".join(others)) if _fold(label) in folded]
    if common:
        return 82, _reason("same-label", label=common[0])
    if column.quantity and column.quantity == field.quantity:
        return 70, _reason("same-quantity", term=local_name(field.quantity))
    ratio = _ratio(" ".join(words), " ".join(others))
    shared = set(words) & set(others)
    if shared and (shared == set(words) or shared == set(others)) and any(len(word) > 2 for word in shared):
        ratio = max(ratio, 0.75)
    return (30 + 40 * ratio, _reason("similar-name")) if ratio >= _RATIO else (0, None)


def _ratio(text: str, other: str) -> float:
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= _RATIO and matcher.quick_ratio() >= _RATIO else 0


def _column(field: SchemaField, match: _Match | None, source: MappingEnd, is_choice: bool) -> ColumnProposal:
    if field.name in RESERVED:
        return ColumnProposal(field=field, reasons=(_reason("reserved-name"),))
    if match is None:
        if field.constant is not None and not is_choice:
            rule: dict[str, Any] = {"constant": field.constant, **({"unit": field.unit} if field.unit else {})}
            return ColumnProposal(
                field=field, rule=rule, certainty=SURE, reasons=(_reason("constant", value=str(field.constant)[:80]),)
            )
        return ColumnProposal(field=field, reasons=(_reason("left-out" if is_choice else "no-match"),))
    obstacle = _obstacle(match.source, field, source.step)
    if obstacle is not None:
        return ColumnProposal(field=field, source=match.source, reasons=(*match.reasons, obstacle))
    column, notes = match.source, list(match.reasons)
    rule = {"rename": column.name}
    if column.unit and field.unit and _incompatible(column.unit, field.unit):
        column = replace(column, unit=per_step(column.unit, source.step))
        notes.append(_reason("counted", step=spans.step_text(source.step) if source.step else ""))
    if field.unit:
        rule["unit"] = field.unit
        if not column.unit and field.unit != "1":
            notes.append(_reason("unit-assumed", need=field.unit))
    if column.unit and field.unit and units.compare(column.unit, field.unit).relation is units.Relation.FACTOR:
        notes.append(_reason("converted", have=column.unit, need=field.unit))
    if field.types == {"integer"} and column.types == {"number"}:
        rule["decimals"] = 0
        notes.append(_reason("rounded"))
    certainty = SURE if match.score >= _SURE else LIKELY if match.score >= _LIKELY else DOUBTFUL
    return ColumnProposal(field=field, source=column, rule=rule, certainty=certainty, reasons=tuple(notes))


def _obstacle(column: SchemaField, field: SchemaField, step: timedelta | None) -> Reason | None:
    """Return why ``column`` cannot fill ``field``; None if it can."""
    if column.unit and field.unit and _incompatible(column.unit, field.unit):
        rate = per_step(column.unit, step)
        if rate is None or _incompatible(rate, field.unit):
            return _reason("units-differ", column=column.name, have=column.unit, need=field.unit)
    if column.types and field.types and not _passes(column.types, field.types):
        have, need = "/".join(sorted(column.types)), "/".join(sorted(field.types))
        return _reason("types-differ", column=column.name, have=have, need=need)
    return None


def _passes(have: frozenset[str], need: frozenset[str]) -> bool:
    return bool(have & need) or bool(have & _NUMBERS and need & _NUMBERS)


def _incompatible(have: str, need: str) -> bool:
    comparison = units.compare(have, need)
    return comparison.relation is units.Relation.INCOMPATIBLE or comparison.words_differ


def per_step(unit: str, step: timedelta | None) -> str | None:
    """Return the unit of a figure that was counted during each ``step``: ``{vehicles}`` in each quarter of an hour is
    ``{vehicles}/(15.min)``. None without a step of whole minutes."""
    minutes, rest = divmod(step, timedelta(minutes=1)) if step is not None else (0, timedelta())
    if not minutes or rest:
        return None
    code = f"{unit}/({minutes}.min)"
    try:
        return units.parse(code).code
    except InvalidInput:
        return None


def _are_alike(column: SchemaField, field: SchemaField) -> bool:
    """Return whether both have units of one quantity that is not a mere number."""
    if not column.unit or not field.unit or field.unit == "1" or (column.term and field.term):
        return False
    return (
        field.constant is None
        and _obstacle(column, field, None) is None
        and bool(any(units.parse(field.unit).dimension))
    )


def _notes(source: MappingEnd, target: MappingEnd) -> Iterable[Reason]:
    if source.step is not None and target.step is not None:
        order = spans.compare_steps(source.step, target.step)
        if order is not spans.Order.SAME:
            have, need = spans.step_text(source.step), spans.step_text(target.step)
            yield _reason(f"step-{order}", have=have, need=need)


def _words(field: SchemaField) -> tuple[str, ...]:
    """Return the words of a name, without the unit at its end: ``maxSpeed_kmh`` → max, speed."""
    words = [_fold(word) for word in _WORD.findall(field.name)]
    if len(words) > 1 and unit_of(field.name) and not re.search(r"[(\[]", field.name):
        words.pop()
    return tuple(words) or (_fold(field.name),)


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char)).strip()


def _reason(code: str, **values: str) -> Reason:
    return Reason(code=code, values=values)
