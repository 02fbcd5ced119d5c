"""Comparison of a source with the target that takes its rows: columns, units, steps in time, places, schemas.

Everything is compared by its meaning, not by its spelling, and each mismatch names both sides. Rows are inspected too
if there are any: a dataset often has undescribed columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.chain.columns import variables
from node.scenarios.chain.mismatch import ERROR, WARNING, Mismatch, input_words
from node.scenarios.model import Port, Rows, Transformation, Variable
from node.scenarios.tables import mapping_grammar, places, spans
from node.scenarios.tables.conversions import coordinate_conversion, unit_mapping
from node.scenarios.tables.geometries import extent
from node.vocab.namespaces import local_name

COLUMN_MAPPING: Final = "column mapping"
SPARQL: Final = "SPARQL CONSTRUCT"
SPARQL_UPDATE: Final = "SPARQL UPDATE"
SQL: Final = "SQL"
PYTHON: Final = "Python function"
UNITS: Final = "unit conversion"
COORDINATES: Final = "coordinate conversion"
FRAMING: Final = "JSON-LD framing"
RML: Final = "RML"
YARRRML: Final = "YARRRML"
STATEMENTS: Final = (RML, YARRRML)
"""The languages that make statements of RDF; as rows they are resources."""
LANGUAGES: Final = (COLUMN_MAPPING, SPARQL, SPARQL_UPDATE, SQL, PYTHON, UNITS, COORDINATES, FRAMING, *STATEMENTS)
"""The languages of transformations that a node carries out."""


def fits(source: Port, target: Port, *, sample: Rows | None = None) -> tuple[Mismatch, ...]:
    """Return all mismatches between ``source`` and ``target``, those that stop a run first.

    ``sample`` are rows of the source: columns that its description lacks are searched there. Codes:
    ``missing-variable``, ``undescribed``, ``type``, ``unit-dimension``, ``unit-factor``, ``unit-words``,
    ``unit-unknown``, ``unit-unsaid``, ``quantity-kind``, ``code-list``, ``time-step``, ``crs``, ``extent``,
    ``grain``, ``schema``.
    """
    distinct = [
        *variables(source, target, sample),
        *_step(source, target),
        *_place(source, target, sample),
        *_schema(source, target),
    ]
    ends = {"source": source.role, "target": target.role}
    told = [replace(fromkey, facts={**ends, **fromkey.facts}) for fromkey in dict.fromkeys(distinct)]
    return tuple(sorted(told, key=lambda one: one.severity != ERROR))


def fitting_transformations(
    source: Port, target: Port, transformations: Sequence[Transformation]
) -> Sequence[Transformation]:
    """Return the transformations, in their order, that lead from ``source`` to ``target``.

    A side with columns is compared by them; one without columns, by its schemas: both must share one. A
    transformation that is written as a column mapping has the columns of its definition.
    """
    return tuple(
        transformation
        for transformation in transformations
        if any(admits(source, port) for port in input_ports(transformation))
        and any(admits(port, target) for port in results_of(transformation, source))
    )


def results_of(card: Transformation, source: Port) -> tuple[Port, ...]:
    """Return what a transformation makes of rows of ``source``: its output, and the columns of ``source`` that it
    keeps."""
    outputs = output_ports(card)
    others = _other_columns(card, source)
    if card.outputs or others is None:
        return outputs
    return tuple(
        replace(
            port,
            variables=(*(one for one in others if port.variable(one.name) is None), *port.variables),
            step=port.step or source.step,
            crs=port.crs or source.crs,
        )
        for port in outputs
    )


def _other_columns(card: Transformation, source: Port) -> Sequence[Variable] | None:
    """Return the columns of ``source`` that a transformation leaves as they are; None if it keeps no others than it
    names."""
    if card.language == COORDINATES:
        try:
            moves = coordinate_conversion(card.definition).columns
        except InvalidInput:
            return None
        return [variable for variable in source.variables if variable.name not in moves]
    mapping = mapping_of(card)
    return source.variables if mapping is not None and mapping.keep == (mapping_grammar.ALL,) else None


def mapping_of(card: Transformation) -> mapping_grammar.ColumnMapping | None:
    """Return the column mapping that a transformation is, or is short for; None for other languages, and if it cannot
    be read."""
    try:
        if card.language == COLUMN_MAPPING:
            return mapping_grammar.parse_mapping(card.definition)
        return unit_mapping(card.definition) if card.language == UNITS else None
    except InvalidInput:
        return None


def input_ports(card: Transformation) -> tuple[Port, ...]:
    """Return the input of a transformation, from its card or else from its definition."""
    return card.inputs or (_mapping_port(card, card.sources, as_input=True),)


def output_ports(card: Transformation) -> tuple[Port, ...]:
    """Return the output of a transformation, from its card or else from its definition."""
    return card.outputs or (_mapping_port(card, card.targets, as_input=False),)


def _mapping_port(card: Transformation, schemas: tuple[str, ...], *, as_input: bool) -> Port:
    if card.language == COORDINATES:
        return _coordinate_port(card, schemas, as_input=as_input)
    mapping = mapping_of(card)
    if mapping is None:
        return Port(role="", schemas=schemas)
    side = mapping_grammar.input_port if as_input else mapping_grammar.output_port
    return side(mapping, schemas=schemas)


def _coordinate_port(card: Transformation, schemas: tuple[str, ...], *, as_input: bool) -> Port:
    try:
        conversion = coordinate_conversion(card.definition)
    except InvalidInput:
        return Port(role="", schemas=schemas)
    names, crs = (conversion.columns, conversion.source) if as_input else (conversion.result, conversion.target)
    return Port(role="", schemas=schemas, variables=tuple(Variable(name=name) for name in names), crs=(crs,))


def admits(source: Port, target: Port) -> bool:
    """Return whether rows of ``source`` can be those of ``target``: by their columns, or else by a common schema."""
    if source.variables and target.variables:
        return not any(fit.severity == ERROR for fit in fits(source, target))
    return bool(set(source.schemas) & set(target.schemas))


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
        f"{input_words(source, target)} needs one for each {_each(target.step)} ({need})",
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
        there, needs = ", ".join(sorted(have)), ", ".join(sorted(need))
        sentence = f"{source.role} is in {there}; {input_words(source, target)} needs {needs}"
        yield Mismatch(
            code="crs",
            sentence=f"{sentence}: the node converts it while reading, to about a metre" if ways else sentence,
            remedy="" if ways else f"this node does not convert it: publish the data in {places.WGS84} as well",
            have=there,
            need=needs,
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
                sentence=f"{input_words(source, target)} is valid within {places.words(target.extent)}; "
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
            f"{input_words(source, target)} needs {target.grain:g} m",
            remedy="use finer data",
            have=f"{source.grain:g} m",
            need=f"{target.grain:g} m",
            facts={"have": source.grain, "need": target.grain},
        )


def _schema(source: Port, target: Port) -> Iterator[Mismatch]:
    if not source.schemas or not target.schemas or set(source.schemas) & set(target.schemas):
        return
    have, need = ", ".join(map(local_name, source.schemas)), ", ".join(map(local_name, target.schemas))
    yield Mismatch(
        code="schema",
        sentence=f"{source.role} conforms to {have}; {input_words(source, target)} asks for {need}",
        remedy="put a transformation between the two schemas",
        have=", ".join(source.schemas),
        need=", ".join(target.schemas),
        facts={"have": [*map(local_name, source.schemas)], "need": [*map(local_name, target.schemas)]},
        # Described columns are more reliable than the name of a schema.
        severity=WARNING if source.variables and target.variables else ERROR,
    )
