"""Catalogue records read as values: models, transformations, templates, and the rows of datasets.

A record may come from anywhere: a statement of the expected form is used, any other is ignored, since its own node
checked the record against the shapes of its kind. Only a missing essential statement raises ``InvalidInput``: the
role of an input, the name of a parameter, the model or transformation of a step.

RDF has no order: inputs, outputs and columns come in the order of their IRIs, which is the same on every node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.catalogue.model import Record
from node.catalogue.nquads import iri_term
from node.catalogue.statements import Statements
from node.scenarios.model import (
    Indicator,
    Model,
    Parameter,
    Port,
    Step,
    Template,
    Texts,
    Transformation,
    Variable,
)
from node.scenarios.records.columns import columns_of
from node.scenarios.tables.spans import parse_step
from node.semantics.codelists.lookup import NOTATIONS
from node.semantics.description.tables import CODE_LIST
from node.vocab.namespaces import DCAT, DCT, HANSA, HANSA_MODEL, IT6, QUDT, RDFS, SCHEMA

CODE: Final = f"{HANSA_MODEL}codeSha256"

_CRS: Final = re.compile(r"https?://www\.opengis\.net/def/crs/([A-Z]+)/[^/]*/([A-Za-z0-9]+)")
_WKT_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_DECIMALS: Final = 15


def model_of(record: Record) -> Model:
    """Return the card of a record of kind ``model``. Raises ``InvalidInput`` for another kind."""
    card, subject = _open(record, "model")
    code = card.text(subject, CODE)
    validity = card.nodes(subject, f"{HANSA_MODEL}validity")
    extent = next((box for place in validity if (box := _extent(card, place)) is not None), None)
    return Model(
        iri=record.iri,
        version=record.version,
        origin=record.origin,
        titles=record.titles,
        descriptions=record.descriptions,
        inputs=_ports(card, subject, f"{HANSA_MODEL}hasInput", extent=extent),
        outputs=_ports(
            card, subject, f"{HANSA_MODEL}hasOutput", step=_step(card, subject), grain=_grain(card, subject)
        ),
        parameters=_parameters(card, subject),
        release=card.text(subject, f"{DCAT}version") or "",
        code=code if code is not None and _SHA256.fullmatch(code) else None,
        endpoint=card.iri(subject, f"{HANSA_MODEL}endpoint"),
        deterministic=card.value(subject, f"{HANSA_MODEL}deterministic") is True,
        validity=_merge(card.texts(place, f"{RDFS}comment") for place in validity),
        guideline=card.texts(subject, f"{IT6}howToUse"),
    )


def transformation_of(record: Record) -> Transformation:
    """Return the card of a record of kind ``transformation``. Raises ``InvalidInput`` for another kind, or if it has
    no definition."""
    card, subject = _open(record, "transformation")
    definition = card.value(subject, f"{HANSA}definition")
    if definition is None:
        raise InvalidInput(f"{card.about} has no definition", remedy="ask its owner to publish it with definition:")
    language = card.iri(subject, f"{HANSA}transformationLanguage")
    return Transformation(
        iri=record.iri,
        version=record.version,
        titles=record.titles,
        language=next((code.code for code in NOTATIONS.codes if code.iri == language), language or ""),
        definition=_parse(definition),
        example=_parse(card.value(subject, f"{HANSA}example")),
        sources=card.iris(subject, f"{HANSA}fromSchema"),
        targets=card.iris(subject, f"{HANSA}toSchema"),
        inputs=_either_ports(card, subject, "hasInput"),
        outputs=_either_ports(card, subject, "hasOutput"),
        deterministic=card.value(subject, f"{HANSA_MODEL}deterministic") is not False,
    )


def template_of(record: Record) -> Template:
    """Return the template in a record of kind ``scenario``. Raises ``InvalidInput`` for another kind, or if a step
    does not name the model or transformation that it uses."""
    card, subject = _open(record, "scenario")
    steps = [_read_step(card, node) for node in card.nodes(subject, f"{HANSA}hasStep")]
    return Template(
        iri=record.iri,
        version=record.version,
        origin=record.origin,
        titles=record.titles,
        goal=card.texts(subject, f"{HANSA}goal"),
        inputs=_either_ports(card, subject, "hasInput"),
        parameters=_parameters(card, subject),
        indicators=tuple(_indicator(card, node) for node in card.nodes(subject, f"{HANSA}hasIndicator")),
        steps=tuple(sorted(steps, key=lambda step: (step.position, step.name))),
    )


def bound_of(record: Record) -> tuple[str, dict[str, str]] | None:
    """Return the IRI of the template and the IRI bound to each role, for a scenario that binds another one.

    None for a scenario with a chain of its own.
    """
    card, subject = _open(record, "scenario")
    template = card.iri(subject, f"{HANSA}template")
    if template is None or card.nodes(subject, f"{HANSA}hasStep"):
        return None
    bound = {}
    for node in card.nodes(subject, f"{HANSA}hasBinding"):
        role, target = card.text(node, f"{HANSA}role"), card.iri(node, f"{HANSA}boundTo")
        if role and target:
            bound[role] = target
    return template, bound


def dataset_port(record: Record, role: str) -> Port:
    """Return a dataset's description of its rows, as the source of ``role``: columns with their units, schemas,
    coordinate systems, resolution, extent.

    A statement of its files counts for the dataset if it is the same for all of them.
    """
    card = Statements(record)
    subject = iri_term(record.iri)
    files = card.nodes(subject, f"{DCAT}distribution")
    iris = {*card.iris(subject, f"{DCT}conformsTo"), *_common_columns(card, files)}
    return Port(
        role=role,
        variables=columns_of(card, files),
        schemas=tuple(sorted(one for one in iris if not _CRS.fullmatch(one))),
        crs=tuple(sorted(crs_name(one) for one in iris if _CRS.fullmatch(one))),
        step=_step(card, subject) or _of_all([_step(card, file) for file in files]),
        grain=_grain(card, subject) or _of_all([_grain(card, file) for file in files]),
        extent=_extent(card, subject),
        titles=record.titles,
    )


def licences_of(record: Record) -> tuple[str, ...]:
    """Return the IRIs of the licences of an asset, or of one of its files."""
    card, subject = Statements(record), iri_term(record.iri)
    iris = set(card.iris(subject, f"{DCT}license"))
    for node in card.nodes(subject, f"{DCAT}distribution"):
        iris |= set(card.iris(node, f"{DCT}license"))
    return tuple(sorted(iris))


def crs_name(iri: str) -> str:
    """Return ``EPSG:4326`` for the register's IRI; any other text unchanged."""
    found = _CRS.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri


def _open(record: Record, kind: str) -> tuple[Statements, str]:
    if record.kind != kind:
        raise InvalidInput(
            f"{record.title()} is a {record.kind}, not a {kind}", remedy="name the address of an asset of that kind"
        )
    return Statements(record), iri_term(record.iri)


def _either_ports(card: Statements, subject: str, name: str) -> tuple[Port, ...]:
    """Return ports in either of the two vocabularies."""
    return _ports(card, subject, f"{HANSA}{name}") or _ports(card, subject, f"{HANSA_MODEL}{name}")


def _ports(
    card: Statements,
    subject: str,
    property_: str,
    *,
    step: timedelta | None = None,
    grain: float | None = None,
    extent: tuple[float, float, float, float] | None = None,
) -> tuple[Port, ...]:
    """Return inputs or outputs; ``step``, ``grain`` and ``extent`` are defaults for ports that state none."""
    ports = []
    for node in card.nodes(subject, property_):
        role = card.require(node, f"{HANSA}role", "an input or output without a role")
        iris = card.iris(node, f"{DCT}conformsTo")
        ports.append(
            Port(
                role=role,
                variables=_variables(card, node, role),
                schemas=tuple(iri for iri in iris if not _CRS.fullmatch(iri)),
                crs=tuple(
                    crs_name(iri)
                    for iri in (
                        *card.iris(node, f"{HANSA_MODEL}crs"),
                        *(iri for iri in iris if _CRS.fullmatch(iri)),
                    )
                ),
                step=_step(card, node) or step,
                grain=_grain(card, node) or grain,
                extent=extent,
                required=card.value(node, f"{SCHEMA}valueRequired") is not False,
                titles=card.texts(node, f"{DCT}title"),
            )
        )
    return tuple(ports)


def _variables(card: Statements, port: str, role: str) -> tuple[Variable, ...]:
    """Return the columns of a port; a port with a unit but without columns is a single column of its own name."""
    nodes = card.nodes(port, f"{HANSA_MODEL}hasVariable")
    if not nodes and card.text(port, f"{QUDT}ucumCode"):
        # The column is always required; whether the port is required is a different question.
        return (replace(_variable(card, port, role), required=True),)
    return tuple(
        _variable(card, one, card.require(one, f"{DCT}identifier", "a variable without a name")) for one in nodes
    )


def _variable(card: Statements, subject: str, name: str) -> Variable:
    return Variable(
        name=name,
        unit=card.text(subject, f"{QUDT}ucumCode"),
        quantity=card.iri(subject, f"{QUDT}hasQuantityKind"),
        codes=card.iri(subject, CODE_LIST),
        minimum=card.number(subject, f"{SCHEMA}minValue"),
        maximum=card.number(subject, f"{SCHEMA}maxValue"),
        decimals=_decimals(card, subject),
        required=card.value(subject, f"{SCHEMA}valueRequired") is not False,
        type=card.text(subject, f"{HANSA_MODEL}valueType") or "",
        description=card.texts(subject, f"{DCT}description"),
    )


def _parameters(card: Statements, subject: str) -> tuple[Parameter, ...]:
    parameters = []
    for node in card.nodes(subject, f"{HANSA_MODEL}hasParameter"):
        values = card.value(node, f"{HANSA_MODEL}values")
        default = card.value(node, f"{SCHEMA}defaultValue")
        parameters.append(
            Parameter(
                name=card.require(node, f"{SCHEMA}valueName", "a parameter without a name"),
                unit=card.text(node, f"{QUDT}ucumCode"),
                default=default,
                minimum=card.number(node, f"{SCHEMA}minValue"),
                maximum=card.number(node, f"{SCHEMA}maxValue"),
                values=tuple(values) if isinstance(values, list) else (),
                type=card.text(node, f"{HANSA_MODEL}valueType") or "",
                # Older cards do not state it: for them, a default that is a list does.
                many=card.value(node, f"{HANSA_MODEL}many") is True or isinstance(default, list),
                required=card.value(node, f"{SCHEMA}valueRequired") is True and default is None,
                description=card.texts(node, f"{DCT}description"),
            )
        )
    return tuple(parameters)


def _indicator(card: Statements, subject: str) -> Indicator:
    definition = _parse(card.value(subject, f"{HANSA}definition"))
    return Indicator(
        name=card.require(subject, f"{DCT}identifier", "an indicator without a name"),
        titles=card.texts(subject, f"{DCT}title"),
        unit=card.text(subject, f"{QUDT}ucumCode"),
        better=card.text(subject, f"{HANSA}better") or "",
        decimals=_decimals(card, subject),
        target=card.number(subject, f"{HANSA}target"),
        definition=definition if isinstance(definition, Mapping) else {},
    )


def _read_step(card: Statements, subject: str) -> Step:
    uses = card.iri(subject, f"{HANSA}uses")
    if uses is None:
        raise InvalidInput(f"a step of {card.about} does not state what it uses", remedy="ask its owner to add uses:")
    wiring = card.value(subject, f"{HANSA}wiring")
    position = card.value(subject, f"{HANSA}position")
    return Step(
        name=card.text(subject, f"{DCT}identifier") or uses.rpartition("/")[2],
        uses=uses,
        wiring={str(to): str(source) for to, source in wiring.items()} if isinstance(wiring, Mapping) else {},
        position=position if isinstance(position, int) else 0,
        titles=card.texts(subject, f"{DCT}title"),
    )


def _decimals(card: Statements, subject: str) -> int | None:
    found = card.value(subject, f"{HANSA_MODEL}decimals")
    return found if isinstance(found, int) and 0 <= found <= _MOST_DECIMALS else None


def _step(card: Statements, subject: str) -> timedelta | None:
    text = card.text(subject, f"{DCAT}temporalResolution")
    return duration(text) if text else None


def duration(text: str) -> timedelta | None:
    """Return an ISO 8601 duration of days or less; None for others: months and years have no fixed length."""
    try:
        return parse_step(text)
    except InvalidInput:
        return None


def _grain(card: Statements, subject: str) -> float | None:
    return card.number(subject, f"{DCAT}spatialResolutionInMeters")


def _extent(card: Statements, subject: str) -> tuple[float, float, float, float] | None:
    """Return the rectangle (west, south, east, north in degrees) around the places of ``subject`` that have one."""
    west: list[float] = []
    south: list[float] = []
    for place in card.nodes(subject, f"{DCT}spatial"):
        for wkt in card.values(place, f"{DCAT}bbox"):
            numbers = [float(one) for one in _WKT_NUMBER.findall(str(wkt))[:200]]
            west += numbers[0::2]
            south += numbers[1::2]
    if len(west) < 2 or len(west) != len(south):
        return None
    return min(west), min(south), max(west), max(south)


def _common_columns(card: Statements, files: list[str]) -> set[str]:
    stated = [set(card.iris(file, f"{DCT}conformsTo")) for file in files]
    return set.intersection(*stated) if stated else set()


def _of_all(values: list[Any]) -> Any:
    return values[0] if values and all(one == values[0] for one in values) else None


def _merge(many: Any) -> Texts:
    together: dict[str, str] = {}
    for texts in many:
        for tag, text in texts.items():
            together[tag] = f"{together[tag]} {text}" if tag in together else text
    return together


def _parse(value: Any) -> Any:
    """Return a definition that is given as the text of a JSON object as that object; any other unchanged."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return read_json(value)
        except InvalidInput:
            return value
    return value
