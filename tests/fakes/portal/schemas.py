"""The versions of two schemas in the registry, as the page of the registry shows them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from node.catalogue.meaning.schema_history import SchemaHistory, SchemaVersion
from node.catalogue.meaning.schema_registry import NoSubject, RegisteredSchema, SchemaSubject
from node.identity.model import Caller
from node.semantics.schemas.changes import compare, compatibility

_ROWS: tuple[dict[str, Any], ...] = (
    {"type": "object", "properties": {"segment": {"type": "string"}, "intensity": {"type": "integer"}}},
    {"type": "object", "properties": {"segment": {"type": "string"}, "vehicles": {"type": "integer"}}},
)


class FakeSchemaHistories:
    """Two subjects, one of them with two versions that are not compatible."""

    def __init__(self, base: str, moment: datetime) -> None:
        self._moment = moment
        name = "traffic-flow-observed"
        self._subjects = [
            SchemaSubject(
                name=name, iri=f"{base}/schemas/{name}", titles={"en": "Traffic flow"}, type="JSON", version=2
            ),
            SchemaSubject(
                name="https://data.plzen.example/schemas/very-long-name-of-a-schema-of-another-city",
                iri="https://data.plzen.example/schemas/very-long-name-of-a-schema-of-another-city",
                titles={"cs": "Průjezdy vozidel"},
                type="AVRO",
                version=1,
            ),
        ]

    async def subjects(self, caller: Caller, *, text: str = "") -> list[SchemaSubject]:
        return [subject for subject in self._subjects if text in subject.name]

    async def __call__(self, subject: str, caller: Caller) -> SchemaHistory:
        match = next((item for item in self._subjects if subject in (item.name, item.iri)), None)
        if match is None:
            raise NoSubject(f"there is no schema {subject} here")
        schemas = [
            RegisteredSchema(
                subject=match.name,
                version=number,
                at=self._moment + timedelta(days=number),
                type=match.type,
                text=f"version {number}",
                rows=rows,
            )
            for number, rows in enumerate(_ROWS, 1)
        ]
        changes = compare(*_ROWS)
        versions = [
            SchemaVersion(
                schema=schemas[1], verdict=compatibility(changes), changes=changes, references=["https://w3id.org/x"]
            ),
            SchemaVersion(schema=schemas[0], verdict="first", changes=(), references=[]),
        ]
        return SchemaHistory(subject=match, refuses=True, versions=versions, older=0)
