"""Comparison of a source with the target that takes its rows: columns, units, steps in time, places, schemas.

Everything is compared by its meaning, not by its spelling, and each mismatch names both sides. Rows are inspected too
if there are any: a dataset often has undescribed columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import Port, Rows, Transformation, Variable
from node.scenarios.tables import mapping_grammar, places, spans, units
from node.scenarios.tables.files import is_figure, is_number
from node.scenarios.tables.geometries import extent
from node.scenarios.tables.unitcodes import SAME_WORDS

ERROR: Final = "violation"
"""The run is impossible, or its figures would be wrong."""
WARNING: Final = "warning"
"""The run is possible, but a person should know."""

LOOKED_AT: Final = 2000
"""The most rows of a sample that are inspected."""
COLUMN_MAPPING: Final = "column mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """How a source does not fit a target. ``code`` is stable, ``have`` and ``need`` are the two sides, ``facts`` are
    the values in the sentence."""

    code: str
    sentence: str
    remedy: str = ""
    variable: str = ""
    have: str = ""
    need: str = ""
    severity: str = ERROR
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


def fits(source: Port, target: Port, *, sample: Rows | None = None) -> tuple[Mismatch, ...]:
    """Return all mismatches between ``source`` and ``target``, those that stop a run first.

    ``sample`` are rows of the source: columns that its description lacks are searched there. Codes:
    ``missing-variable``, ``undescribed``, ``type``, ``unit-dimension``, ``unit-factor``, ``unit-words``,
    ``unit-unknown``, ``unit-unsaid``, ``quantity-kind``, ``time-step``, ``crs``, ``extent``, ``grain``, ``schema``.
    """
    distinct = [
        *_variables(source, target, sample),
        *_step(source, target),
        *_place(source, target, sample),
        *_schema(source, target),
    ]
    ends = {"source": source.role, "target": target.role}
    told = [replace(fromkey, facts={**ends, **fromkey.facts}) for fromkey in dict.fromkeys(distinct)]
    return tuple(sorted(told, key=lambda one: one.severity != ERROR))


def mending(source: Port, target: Port, transformations: Sequence[Transformation]) -> Sequence[Transformation]:
    """Return the transformations, in their order, that lead from ``source`` to ``target``.

    A side with columns is compared by them; one without columns, by its schemas: both must share one. A
    transformation that is written as a column mapping has the columns of its definition.
    """
    return tuple(
        transformation
        for transformation in transformations
        if any(_admits(source, port) for port in input_ports(transformation))
        and any(_admits(port, target) for port in output_ports(transformation))
    )


def input_ports(card: Transformation) -> tuple[Port, ...]:
    """Return the input of a transformation, from its card or else from its definition."""
    return card.inputs or (_mapped(card, card.sources, as_input=True),)


def output_ports(card: Transformation) -> tuple[Port, ...]:
    """Return the output of a transformation, from its card or else from its definition."""
    return card.outputs or (_mapped(card, card.targets, as_input=False),)


def _mapped(card: Transformation, schemas: tuple[str, ...], *, as_input: bool) -> Port:
    if card.language == COLUMN_MAPPING:
        try:
            read = mapping_grammar.parse_mapping(card.definition)
        except InvalidInput:
            return Port(role="", schemas=schemas)
        return (
            mapping_grammar.input_port(read, schemas=schemas)
            if as_input
            else mapping_grammar.output_port(read, schemas=schemas)
        )
    return Port(role="", schemas=schemas)


def _admits(source: Port, target: Port) -> bool:
    if source.variables and target.variables:
        return not any(fit.severity == ERROR for fit in fits(source, target))
    return bool(set(source.schemas) & set(target.schemas))


# ---- columns and units


def _variables(source: Port, target: Port, sample: Rows | None) -> Iterator[Mismatch]:
    rows = list(islice(sample, LOOKED_AT)) if sample is not None else None
    if target.variables and not source.variables and rows is None:
        if not set(source.schemas) & set(target.schemas):
            needed = ", ".join(variable.name for variable in target.variables)
            yield Mismatch(
                code="undescribed",
                sentence=f"{source.role} does not state its columns; {_input(source, target)} needs {needed}",
                remedy="ask its owner to describe the columns, or to name a schema",
                need=needed,
                severity=WARNING,
                facts={"variables": [variable.name for variable in target.variables]},
            )
        return
    unsaid = []
    for need in target.variables:
        have = source.variable(need.name)
        if have is None and not (rows and any(need.name in row for row in rows)):
            if (rows == [] and not source.variables) or not need.required:
                continue
            yield from _missing(source, target, need)
            continue
        if rows and is_number(need):
            yield from _type(source, need, rows)
        if have is not None and have.unit is not None and need.unit is not None:
            yield from _unit(source, target, have, need)
        elif need.unit not in (None, "1"):
            unsaid.append(need)
        if have is not None:
            yield from _quantity(source, target, have, need)
    if unsaid:
        names = ", ".join(one.name for one in unsaid)
        yield Mismatch(
            code="unit-unsaid",
            sentence=f"{source.role} does not say in which units {names} come; "
            f"{_input(source, target)} reads them in {', '.join(units.words(one.unit) for one in unsaid)}",
            remedy="ask its owner to state the units of the columns",
            variable=unsaid[0].name if len(unsaid) == 1 else "",
            need=", ".join(str(one.unit) for one in unsaid),
            severity=WARNING,
            facts={"variables": [one.name for one in unsaid], "needUnit": [one.unit for one in unsaid]},
        )


def _missing(source: Port, target: Port, need: Variable) -> Iterator[Mismatch]:
    unit = units.words(need.unit)
    in_unit = f" in {unit}" if unit else ""
    has = ", ".join(variable.name for variable in source.variables)
    yield Mismatch(
        code="missing-variable",
        sentence=f"{_input(source, target)} needs {need.name}{in_unit}; {source.role} has no such column"
        + (f" (it has {has})" if has else ""),
        remedy="put a transformation between them that makes this column",
        variable=need.name,
        have=has,
        need=need.name,
        facts={
            "variable": need.name,
            "columns": [variable.name for variable in source.variables],
            **({"case": "in-unit", "needUnit": need.unit} if unit else {}),
        },
    )
    # A column with another name may be the intended one, in a unit that nobody would notice.
    for other in source.variables:
        if target.variable(other.name) is None and other.unit and need.unit and _counts_the_same(other, need):
            yield from _unit(source, target, other, need)


def _counts_the_same(have: Variable, need: Variable) -> bool:
    try:
        compared = units.compare(have.unit or "1", need.unit or "1")
        words = units.parse(have.unit or "1").words
    except InvalidInput:
        return False
    alike = compared.relation is units.Relation.FACTOR and not compared.words_differ and not compared.words_missing
    return alike and bool(words) and (have.quantity == need.quantity or None in (have.quantity, need.quantity))


def _unit(source: Port, target: Port, have: Variable, need: Variable) -> Iterator[Mismatch]:
    came, needed = str(have.unit), str(need.unit)
    units_text = _comes(source, target, have, units.words(came) or "1", units.words(needed) or "1")
    about = {"variable": have.name, "have": came, "need": needed}
    facts = {"variable": have.name, "haveUnit": came, "needUnit": needed}
    try:
        compared = units.compare(came, needed)
    except InvalidInput as error:
        yield Mismatch(
            code="unit-unknown",
            sentence=f"{_comes(source, target, have, came, needed)}: {error.detail}",
            remedy=error.remedy,
            severity=WARNING if came == needed else ERROR,
            # Both units as written, since the mistake may lie in either.
            facts={"variable": have.name, "came": came, "wanted": needed},
            **about,
        )
        return
    if compared.relation is units.Relation.INCOMPATIBLE:
        kinds = [units.kind(units.parse(code)) for code in (came, needed)]
        difference = (
            f"{kinds[0]} is not {kinds[1]}"
            if all(kinds) and kinds[0] != kinds[1]
            else "they measure different things"
        )
        yield Mismatch(
            code="unit-dimension",
            sentence=f"{units_text}: {difference}",
            remedy="wire another column, or put a transformation between them",
            facts=facts,
            **about,
        )
        return
    if compared.relation is units.Relation.FACTOR:
        yield Mismatch(
            code="unit-factor",
            sentence=f"{units_text}: {_would_be(compared)}",
            remedy="put a transformation between them that converts it",
            facts={**facts, **({"case": "zero"} if compared.offset else {"factor": float(1 / compared.factor)})},
            **about,
        )
    if compared.words_differ:
        words = [word for code in (came, needed) for word, _ in units.parse(code).words]
        yield Mismatch(
            code="unit-words",
            sentence=f"{units_text}: the same measure of other things",
            remedy="put a transformation between them that turns one into the other",
            # Known annotations stand for different things; unknown ones may be the same in another language.
            severity=ERROR if all(word in SAME_WORDS for word in words) else WARNING,
            facts=facts,
            **about,
        )


def _comes(source: Port, target: Port, have: Variable, came: str, needed: str) -> str:
    return f"{source.role}.{have.name} comes in {came}; {_input(source, target)} needs {needed}"


_PARTS: Final = {
    Fraction(1, 2): "half", Fraction(1, 3): "a third", Fraction(1, 4): "a quarter", Fraction(1, 10): "a tenth",
    Fraction(1, 100): "a hundredth", Fraction(1, 1000): "a thousandth", Fraction(2): "twice",
}  # fmt: skip


def _would_be(compared: units.Comparison) -> str:
    """Describe how wrong a figure would be without a conversion."""
    if compared.offset:
        return "their scales have different zero points"
    wrong = 1 / compared.factor
    if wrong in _PARTS:
        return (
            f"every figure would be {_PARTS[wrong]} of what it is" if wrong < 1 else "every figure would be doubled"
        )
    return f"every figure would be {float(wrong):.6g} times what it is"


def _quantity(source: Port, target: Port, have: Variable, need: Variable) -> Iterator[Mismatch]:
    if have.quantity and need.quantity and have.quantity.rstrip("/") != need.quantity.rstrip("/"):
        yield Mismatch(
            code="quantity-kind",
            sentence=f"{source.role}.{have.name} is {_short(have.quantity)}; "
            f"{_input(source, target)} needs {_short(need.quantity)}",
            remedy="wire another column, or put a transformation between them",
            variable=have.name,
            have=have.quantity,
            need=need.quantity,
            facts={"variable": have.name, "have": _short(have.quantity), "need": _short(need.quantity)},
        )


def _type(source: Port, need: Variable, rows: Rows) -> Iterator[Mismatch]:
    for index, row in enumerate(rows):
        value = row.get(need.name)
        if value is not None and not is_figure(value):
            yield Mismatch(
                code="type",
                sentence=f"row {index + 1} of {source.role} has {str(value)[:40]!r} as {need.name}: no number",
                remedy="correct the data, or put a transformation between them",
                variable=need.name,
                have=type(value).__name__,
                need="number",
                facts={"variable": need.name, "row": index + 1, "value": str(value)[:40]},
            )
            return


# ---- time, place, schema


def _step(source: Port, target: Port) -> Iterator[Mismatch]:
    if source.step is None or target.step is None:
        return
    order = spans.compare_steps(source.step, target.step)
    if order is spans.Order.SAME:
        return
    remedies = {
        spans.Order.FINER: "put a transformation between them that adds up or averages",
        spans.Order.COARSER: "sums cannot be divided again: use data with a finer step",
        spans.Order.ASKEW: "neither step is a multiple of the other: use data with another step",
    }
    have, need = spans.step_text(source.step), spans.step_text(target.step)
    yield Mismatch(
        code="time-step",
        sentence=f"{source.role} has a row for each {_each(source.step)} ({have}); "
        f"{_input(source, target)} needs one for each {_each(target.step)} ({need})",
        remedy=remedies[order],
        have=have,
        need=need,
        facts={"case": str(order), "haveStep": have, "needStep": need},
    )


def _each(step: Any) -> str:
    words = spans.step_words(step)
    return words.removeprefix("an ").removeprefix("a ")


def _place(source: Port, target: Port, sample: Rows | None) -> Iterator[Mismatch]:
    have, need = {places.normal(one) for one in source.crs}, {places.normal(one) for one in target.crs}
    if have and need and not have & need:
        ways = [(one, other) for one in sorted(have) for other in sorted(need) if places.convertible(one, other)]
        sentence = (
            f"{source.role} is in {', '.join(sorted(have))}; {_input(source, target)} needs {', '.join(sorted(need))}"
        )
        yield Mismatch(
            code="crs",
            sentence=f"{sentence}: the node converts it while reading, to about a metre" if ways else sentence,
            remedy="" if ways else f"this node does not convert it: publish the data in {places.WGS84} as well",
            have=", ".join(sorted(have)),
            need=", ".join(sorted(need)),
            severity=WARNING if ways else ERROR,
            facts={
                "case": "converted" if ways else "not-converted",
                "have": sorted(have),
                "need": sorted(need),
                "published": places.WGS84,
            },
        )
    area = extent(sample) if sample is not None else None
    if (area := area or source.extent) is not None and target.extent is not None:
        part = places.share(area, target.extent)
        if part < 1:
            inside = "nothing of it" if part == 0 else f"{max(1, min(99, round(100 * part)))} % of it"
            yield Mismatch(
                code="extent",
                sentence=f"{_input(source, target)} is valid within {places.words(target.extent)}; "
                f"{source.role} covers {places.words(area)}, {inside} inside",
                remedy="check in the model's card whether the model is valid there",
                have=places.words(area),
                need=places.words(target.extent),
                severity=WARNING,
                facts={
                    **({"case": "none"} if part == 0 else {"percent": max(1, min(99, round(100 * part)))}),
                    "haveArea": area,
                    "needArea": target.extent,
                },
            )
    if source.grain is not None and target.grain is not None and source.grain > target.grain:
        yield Mismatch(
            code="grain",
            sentence=f"{source.role} tells places {source.grain:g} m apart; "
            f"{_input(source, target)} needs {target.grain:g} m",
            remedy="use finer data",
            have=f"{source.grain:g} m",
            need=f"{target.grain:g} m",
            facts={"have": source.grain, "need": target.grain},
        )


def _schema(source: Port, target: Port) -> Iterator[Mismatch]:
    if not source.schemas or not target.schemas or set(source.schemas) & set(target.schemas):
        return
    have, need = ", ".join(map(_short, source.schemas)), ", ".join(map(_short, target.schemas))
    yield Mismatch(
        code="schema",
        sentence=f"{source.role} conforms to {have}; {_input(source, target)} asks for {need}",
        remedy="put a transformation between the two schemas",
        have=", ".join(source.schemas),
        need=", ".join(target.schemas),
        facts={"have": [_short(one) for one in source.schemas], "need": [_short(one) for one in target.schemas]},
        # Described columns are more reliable than the name of a schema.
        severity=WARNING if source.variables and target.variables else ERROR,
    )


def _input(source: Port, target: Port) -> str:
    return f"the input {target.role}" if source.role == target.role else target.role or "the other side"


def _short(iri: str) -> str:
    return iri.rstrip("/").rpartition("#")[2].rpartition("/")[2] or iri
