"""The fields of both ends of a mapping: of a schema, of the columns of a dataset, of a model's input or output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from node.base.errors import InvalidInput
from node.catalogue.meaning.difference import definition_of
from node.catalogue.model import Record
from node.catalogue.nquads import iri_term
from node.catalogue.statements import Statements
from node.scenarios.model import Port, Variable
from node.scenarios.records.cards import dataset_port, model_of
from node.scenarios.tables import units
from node.semantics.profiles.units import unit_of
from node.semantics.schemas.changes import resolve
from node.semantics.schemas.conformity import types_of
from node.vocab.namespaces import CSVW, DCAT, DCT, QUDT, XSD, local_name

MOST: Final = 200
"""Fields of one end that are compared."""
_UNITS: Final = ("x-ogc-unit", "unit", "x-unit")
_TERMS: Final = ("x-jsonld-id", "x-ogc-definition", "x-term", "@id", "propertyUrl", "rdfType")
_TYPES: Final = {"text": "string", "json": "object"}
_NUMBERS: Final = frozenset({"decimal", "double", "float"})
_WHOLE: Final = frozenset({"integer", "int", "long", "short", "nonNegativeInteger", "positiveInteger"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField:
    """A field of one end. ``types`` are those of JSON Schema, empty if none is declared; ``unit`` a UCUM code;
    ``term`` the IRI of what it means; ``labels`` names for people. ``constant``: the only value that is allowed."""

    name: str
    types: frozenset[str] = frozenset()
    unit: str | None = None
    term: str = ""
    quantity: str = ""
    labels: tuple[str, ...] = ()
    required: bool = False
    constant: Any = None

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"name": self.name, "types": sorted(self.types), "required": self.required}
        for name in ("unit", "term", "quantity"):
            if getattr(self, name):
                members[name] = getattr(self, name)
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEnd:
    """One end of a mapping. ``schemas`` are those that its rows conform to, ``step`` is their resolution in time."""

    iri: str
    titles: Mapping[str, str]
    fields: tuple[SchemaField, ...]
    schemas: tuple[str, ...] = ()
    step: timedelta | None = None

    def field(self, name: str) -> SchemaField | None:
        return next((one for one in self.fields if one.name == name), None)

    def port(self) -> Port:
        """Return this end as the input or output of a chain."""
        variables = tuple(
            Variable(name=field.name, unit=field.unit, quantity=field.quantity or None, required=field.required)
            for field in self.fields
        )
        return Port(role=local_name(self.iri), variables=variables, schemas=self.schemas, step=self.step)


def end_of_port(port: Port, *, iri: str = "", titles: Mapping[str, str] | None = None) -> MappingEnd:
    """Return an input or output as an end."""
    return MappingEnd(
        iri=iri,
        titles=titles or port.titles,
        fields=tuple(
            SchemaField(
                name=variable.name,
                types=frozenset([_TYPES.get(variable.type, variable.type)] if variable.type else []),
                unit=known_unit(variable.unit),
                quantity=(variable.quantity or "").rstrip("/"),
                required=variable.required,
            )
            for variable in port.variables[:MOST]
        ),
        schemas=port.schemas,
        step=port.step,
    )


def end_of_record(record: Record, role: str = "", *, as_source: bool) -> MappingEnd:
    """Return the asset ``record`` as an end: a schema, a dataset with described columns, a model's input or output.

    A model's ``role`` is one of its outputs if it is the source, else one of its inputs; the only one need not be
    named. Raises ``InvalidInput`` if the asset does not say which fields it has.
    """
    fields: Iterable[SchemaField] = ()
    schemas: tuple[str, ...] = ()
    step: timedelta | None = None
    if record.kind == "schema":
        fields, schemas = fields_of_schema(definition_of(record) or {}), (record.iri,)
    elif record.kind == "dataset":
        port = dataset_port(record, "")
        fields, schemas, step = _columns(record), port.schemas, port.step
    elif record.kind == "model":
        card = model_of(record)
        ports = card.outputs if as_source else card.inputs
        matches = [port for port in ports if port.role == role or (not role and len(ports) == 1)]
        if not matches:
            roles = ", ".join(port.role for port in ports)
            raise InvalidInput(
                f"{record.title()} has no {'output' if as_source else 'input'} {role or 'that is the only one'}",
                remedy=f"name one of: {roles}" if roles else "choose another model",
            )
        return end_of_port(matches[0], iri=record.iri, titles=record.titles)
    end = MappingEnd(iri=record.iri, titles=record.titles, fields=tuple(fields)[:MOST], schemas=schemas, step=step)
    if not end.fields:
        raise InvalidInput(
            f"{record.title()} does not say which fields it has",
            remedy="choose a schema (JSON Schema), a dataset with described columns, or a model",
            facts={"case": "no-fields", "title": record.title()},
        )
    return end


def schemas_that_describe(record: Record) -> tuple[str, ...]:
    """Return the schemas to which a dataset says that it conforms."""
    return dataset_port(record, "").schemas if record.kind == "dataset" else ()


def fields_of_schema(schema: Mapping[str, Any]) -> Iterator[SchemaField]:
    """Yield the fields of the rows that ``schema`` describes: of an object, or of the members of a list."""
    row = resolve(schema, schema)
    if "properties" not in row and "items" in row:
        row = resolve(schema, row["items"])
    properties, demands = row.get("properties"), row.get("required")
    names = frozenset(map(str, demands)) if isinstance(demands, list) else frozenset()
    for name, value in properties.items() if isinstance(properties, Mapping) else ():
        rules = resolve(schema, value)
        choices = rules.get("enum")
        constant = rules.get("const", choices[0] if isinstance(choices, list) and len(choices) == 1 else None)
        yield SchemaField(
            name=str(name),
            types=types_of(rules) - {"null"},
            unit=known_unit(_first(rules, _UNITS)) or known_unit(unit_of(str(name))),
            term=_first(rules, _TERMS),
            labels=tuple(filter(None, [_first(rules, ("title",))])),
            required=str(name) in names,
            constant=constant if isinstance(constant, str | int | float | bool) else None,
        )


def with_labels(end: MappingEnd, labels: Mapping[str, tuple[str, ...]]) -> MappingEnd:
    """Return ``end`` with the labels of the terms of its fields; ``labels`` by term."""
    fields = tuple(replace(field, labels=(*field.labels, *labels.get(field.term, ()))) for field in end.fields)
    return replace(end, fields=fields)


def known_unit(code: str | None) -> str | None:
    """Return the code if it is one of UCUM; None for all others, which cannot be converted."""
    if not code:
        return None
    try:
        return units.parse(code).code
    except InvalidInput:
        return None


def _columns(record: Record) -> Iterator[SchemaField]:
    """Yield the columns of the first table of a dataset that describes them."""
    card = Statements(record)
    for file in card.nodes(iri_term(record.iri), f"{DCAT}distribution"):
        for table in card.nodes(file, f"{CSVW}tableSchema"):
            columns = card.nodes(table, f"{CSVW}column")
            for column in columns:
                name = card.text(column, f"{CSVW}name")
                if name:
                    yield SchemaField(
                        name=name,
                        types=_types(card.iri(column, f"{CSVW}datatype")),
                        unit=known_unit(card.text(column, f"{QUDT}ucumCode")) or known_unit(unit_of(name)),
                        term=card.iri(column, f"{CSVW}propertyUrl") or "",
                        labels=(
                            *card.texts(column, f"{CSVW}title").values(),
                            *card.texts(column, f"{DCT}title").values(),
                        ),
                        required=True,
                    )
            if columns:
                return


def _types(datatype: str | None) -> frozenset[str]:
    name = local_name(datatype) if datatype and datatype.startswith(XSD) else ""
    if name in _NUMBERS:
        return frozenset({"number"})
    if name in _WHOLE:
        return frozenset({"integer"})
    return frozenset({"boolean"} if name == "boolean" else {"string"} if name else ())


def _first(rules: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        value = rules.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""
