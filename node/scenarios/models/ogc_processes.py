"""Models of this node as processes of OGC API Processes (OGC 18-062r2 §7.7–7.10): the list and their descriptions.

A process is named by the last segment of its model's IRI. Inputs and parameters stand in one map; a JSON Schema of
the rows describes the columns of an input. The schema of 1.0 has no member for units (``x-ogc-unit`` is of OGC 23-058
and the draft of 2.0): they are given as additional parameters, in UCUM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.errors import NotFound
from node.base.work import UnitOfWork
from node.catalogue.deliverability import runnable
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.scenarios.model import GEOMETRY, Model, Parameter, Port, Texts, Variable
from node.scenarios.records.cards import model_of
from node.transfer.agreed_versions import gives_version

UCUM: Final = "http://www.opengis.net/def/uom/UCUM/"
"""The role of additional parameters that are units."""
_CONFORMS: Final = "http://purl.org/dc/terms/conformsTo"
_QUANTITY: Final = "http://qudt.org/schema/qudt/hasQuantityKind"
_DECLARED: Final[Mapping[str, str]] = {
    "number": "number",
    "integer": "integer",
    "text": "string",
    "boolean": "boolean",
}
MOST_LISTED: Final = 1000
_TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


class NoSuchOgcProcess(NotFound):
    """There is no such process, or it does not exist for this caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OgcProcesses:
    """The models of this node that can be run."""

    uow: UnitOfWork
    records: RecordStore
    visibility: Visibility
    base: str
    me: str

    def iri(self, process: str) -> str:
        """Return the IRI of the model behind a process."""
        return f"{self.base}/models/{process}"

    async def visible_to(self, caller: Caller, *, after: str = "", limit: int = MOST_LISTED) -> list[Record]:
        """Return the processes that ``caller`` may see, in the order of their IRIs."""

        def read() -> Sequence[Record]:
            with self.uow.read() as tx:
                return self.records.current(
                    tx,
                    audiences=self.visibility.audiences(caller),
                    kinds=("model",),
                    origins=(self.me,),
                    after=after,
                    limit=limit,
                )

        return [record for record in await run_sync(read) if runnable(record)]

    async def find(self, process: str, caller: Caller, *, version: int | None = None) -> Record:
        """Return a process, as ``caller`` may see it. Raises ``NoSuchOgcProcess``."""

        def read() -> Record | None:
            with self.uow.read() as tx:
                audiences = self.visibility.audiences(caller)
                newest = self.records.get(tx, self.iri(process), audiences=audiences)
                if newest is None or newest.withdrawn or newest.origin != self.me or version is None:
                    return newest
                return self.records.get(tx, newest.iri, version=version, audiences=audiences)

        return self._require_record(await run_sync(read))

    async def under_contract(self, process: str, agreement: Agreement, *, version: int | None = None) -> Record:
        """Return a process for a participant with ``agreement`` about it. Raises ``NoSuchOgcProcess``."""

        def read() -> Record | None:
            with self.uow.read() as tx:
                newest = self.records.get(tx, self.iri(process))
                if newest is None or newest.withdrawn or version is None:
                    return newest
                record = self.records.get(tx, newest.iri, version=version)
                return record if gives_version(tx, self.records, agreement, newest, version) else None

        return self._require_record(await run_sync(read))

    def _require_record(self, record: Record | None) -> Record:
        if record is None or record.withdrawn or record.origin != self.me or not runnable(record):
            raise NoSuchOgcProcess(
                "this process does not exist", remedy="for the list of processes, see /ogc/processes"
            )
        return record


def summary(record: Record) -> dict[str, Any]:
    """Return the process summary (OGC 18-062r2 §7.9)."""
    members: dict[str, Any] = {
        "id": record.iri.rpartition("/")[2],
        "title": record.title(),
        "description": record.description(),
        "version": str(record.version),
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value"],
    }
    if record.keywords:
        members["keywords"] = list(record.keywords)
    return members


def description(record: Record) -> dict[str, Any]:
    """Return the process description (OGC 18-062r2 §7.10), with additional information from the model's card."""
    model = model_of(record)
    inputs = {port.role: _input(port) for port in model.inputs}
    inputs |= {
        parameter.name: _parameter(parameter) for parameter in model.parameters if parameter.name not in inputs
    }
    members = {
        **summary(record),
        "inputs": inputs,
        "outputs": {port.role: _output(port) for port in model.outputs},
        "metadata": _metadata(record, model),
    }
    if model.release:
        members["additionalParameters"] = {"parameters": [{"name": "release", "value": [model.release]}]}
    return members


def _metadata(record: Record, model: Model) -> list[dict[str, Any]]:
    links = [{"title": "record", "role": "describedby", "href": record.version_iri}]
    for role, texts in (("validity", model.validity), ("guideline", model.guideline)):
        if texts:
            links.append({"title": _text(texts), "role": role, "href": record.iri})
    return links


def _input(port: Port) -> dict[str, Any]:
    return {
        "title": _text(port.titles) or port.role,
        "description": "Rows by value (a list of objects or a FeatureCollection), or a dataset here by reference.",
        "schema": _rows(port),
        "minOccurs": 1 if port.required else 0,
        "maxOccurs": 1,
        **_beside(port),
    }


def _output(port: Port) -> dict[str, Any]:
    return {"title": _text(port.titles) or port.role, "schema": _rows(port), **_beside(port)}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = _value(parameter)
    if parameter.many:
        schema = {"type": "array", "items": schema}
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "title": parameter.name,
        "description": _text(parameter.description) or parameter.name,
        "schema": schema,
        "minOccurs": 1 if parameter.required else 0,
        "maxOccurs": 1,
        **_units([(parameter.name, parameter.unit)]),
    }


def _value(parameter: Parameter) -> dict[str, Any]:
    """Return the JSON Schema of a value, or of each in a list."""
    schema: dict[str, Any] = {}
    given = parameter.default if parameter.default is not None else next(iter(parameter.values), None)
    sample = next(iter(given), None) if isinstance(given, list) and parameter.many else given
    bounded = parameter.minimum is not None or parameter.maximum is not None
    if parameter.type in _DECLARED:
        schema["type"] = _DECLARED[parameter.type]
    elif bounded or parameter.unit or type(sample) in _TYPES:
        schema["type"] = "number" if bounded or parameter.unit else _TYPES[type(sample)]
    if parameter.values:
        schema["enum"] = list(parameter.values)
    return schema | _bounds(parameter.minimum, parameter.maximum)


def _rows(port: Port) -> dict[str, Any]:
    """Return the JSON Schema of the rows of a port, with no members but those of OGC API Processes 1.0 (schema.yaml).

    Bounds are left out: they are the range of validity, and rows beyond it are not an error.
    """
    columns = {variable.name: _column(variable) for variable in port.variables}
    row: dict[str, Any] = {"type": "object", "properties": columns}
    required = [variable.name for variable in port.variables if variable.required]
    if required:
        row["required"] = required
    if port.crs:
        row["properties"] = {**columns, GEOMETRY: {"type": "object", "format": "geojson-geometry"}}
    return {"type": "array", "items": row, "contentMediaType": "application/json"}


def _column(variable: Variable) -> dict[str, Any]:
    kind = _DECLARED.get(variable.type) or ("number" if variable.unit else None)
    schema: dict[str, Any] = {"type": kind, "nullable": True} if kind else {}
    text = _text(variable.description)
    return {**schema, "description": text} if text else schema


def _beside(port: Port) -> dict[str, Any]:
    """Return what the schema cannot state: units and quantity kinds of the columns, and the schemas of the rows."""
    links = [{"title": "schema of the rows", "role": _CONFORMS, "href": one} for one in port.schemas]
    links += [
        {"title": variable.name, "role": _QUANTITY, "href": variable.quantity}
        for variable in port.variables
        if variable.quantity
    ]
    metadata = {"metadata": links} if links else {}
    return metadata | _units([(variable.name, variable.unit) for variable in port.variables])


def _units(units: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    """Return UCUM codes by column or parameter, as additional parameters of a description (OGC 18-062r2 §7.10)."""
    said = [{"name": name, "value": [unit]} for name, unit in units if unit]
    return {"additionalParameters": {"title": "units", "role": UCUM, "parameters": said}} if said else {}


def _bounds(minimum: float | None, maximum: float | None) -> dict[str, Any]:
    bounds = {"minimum": minimum, "maximum": maximum}
    return {name: value for name, value in bounds.items() if value is not None}


def _text(texts: Texts) -> str:
    return texts.get("en") or next(iter(texts.values()), "")
