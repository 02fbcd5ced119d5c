"""Schemas of the catalogue as the subjects of a schema registry, for reading: JSON Schema, Avro and Protocol Buffers.

A subject is a schema that the caller may see: by its name if it is one of this node, else by its address. Its
versions are those of the asset. The number of a schema is made of its language and text, so that the same schema has
the same number in every version and at every node; nothing is counted that a caller may not see.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound, TooMany
from node.base.jsons import canonical, read_json
from node.base.turnstile import Turnstile
from node.base.work import UnitOfWork
from node.cage.model import PARSE, AsyncCage
from node.catalogue.meaning.difference import definition_of
from node.catalogue.model import Record
from node.catalogue.nquads import is_literal, text_of
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.kinds import iri_meant
from node.semantics.schemas.changes import compare, compatibility
from node.semantics.schemas.languages.names import AVRO, JSON_SCHEMA, LANGUAGES, PROTOBUF
from node.vocab.namespaces import HANSA

JSON: Final = "JSON"
TYPES: Final[Mapping[str, str]] = {JSON: JSON_SCHEMA, "PROTOBUF": PROTOBUF, "AVRO": AVRO}
"""Types of schemas in registries → our languages."""
_TYPE_BY_NAME: Final = {LANGUAGES[language]: type_ for type_, language in TYPES.items()}

MOST_SUBJECTS: Final = 2000
"""Schemas that are listed, and among which a number is looked for."""
_PAGE: Final = 100
_AT_ONCE: Final = 2
_CALLERS: Final = 64
_TARGET: Final = "semantics.read_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredSchema:
    """One version of a subject: its ``text`` as published ``at`` a moment, its ``type``, and its rows as JSON
    Schema."""

    subject: str
    version: int
    at: datetime
    type: str
    text: str
    rows: Mapping[str, Any]

    @property
    def number(self) -> int:
        return number_of(self.type, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSubject:
    """A schema as a subject: its ``name`` in the registry, its address, and the type of its newest ``version``."""

    name: str
    iri: str
    titles: Mapping[str, str]
    type: str
    version: int

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.name,
            "iri": self.iri,
            "titles": dict(self.titles),
            "schemaType": self.type,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class SubjectHead:
    """A subject, and the record of its newest version."""

    subject: SchemaSubject
    record: Record


def number_of(type_: str, text: str) -> int:
    """Return the number of a schema, from 1 to 2³¹ - 1."""
    digest = hashlib.sha256(f"{type_}\n{text}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF or 1


class NoSubject(NotFound):
    """There is no such subject, or none that the caller may see."""


class NoVersion(NotFound):
    """The subject has no such version with a schema."""


class NoSchema(NotFound):
    """There is no schema with this number or text."""


class UnreadableSchema(InvalidInput):
    """The text is no schema of the type that is stated."""


class SchemaRegistry:
    """The schemas that a caller may see."""

    def __init__(
        self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility, cage: AsyncCage, base: str
    ) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._cage = cage
        self._own = f"{base.rstrip('/')}/schemas/"
        self._base = base
        self._turnstile = Turnstile(
            at_once=_AT_ONCE,
            most=_CALLERS,
            refusal=lambda: TooMany("the registry is asked by many just now", remedy="try again in a moment"),
        )

    async def subjects(self, caller: Caller) -> Sequence[str]:
        """Return the names of all subjects, at most ``MOST_SUBJECTS``."""
        return [subject.name for subject in await self.listing(caller)]

    async def listing(self, caller: Caller) -> Sequence[SchemaSubject]:
        """Return all subjects in the order of their names, at most ``MOST_SUBJECTS``."""
        async with self.turn():
            return await asyncio.to_thread(
                lambda: sorted(
                    (self._subject(head, type_) for head in self._heads(caller) if (type_ := type_of(head))),
                    key=lambda subject: subject.name,
                )
            )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn among those who ask for much. Raises ``TooMany``."""
        with self._turnstile.admission():
            async with self._turnstile.turn:
                yield

    async def head_and_versions(self, subject: str, caller: Caller) -> tuple[SubjectHead, Sequence[RegisteredSchema]]:
        """Return the newest version of ``subject`` and all that have a schema, the oldest first. Raises
        ``NoSubject``."""

        def read() -> tuple[SubjectHead, Sequence[RegisteredSchema]]:
            record, schemas = self._read_versions(subject, caller)
            return SubjectHead(self._subject(record, schemas[-1].type), record), schemas

        return await asyncio.to_thread(read)

    async def versions(self, subject: str, caller: Caller) -> Sequence[RegisteredSchema]:
        """Return the versions of ``subject``, the oldest first. Raises ``NoSubject``."""
        return await asyncio.to_thread(self._versions, subject, caller)

    async def version(self, subject: str, number: int | None, caller: Caller) -> RegisteredSchema:
        """Return a version of ``subject``, the newest for None. Raises ``NoSubject`` and ``NoVersion``."""
        versions = await self.versions(subject, caller)
        matches = [schema for schema in versions if number in (None, schema.version)]
        if not matches:
            raise NoVersion(f"{subject} has no version {number} with a schema", remedy="ask for its versions")
        return matches[-1]

    async def with_number(self, number: int, caller: Caller) -> Sequence[RegisteredSchema]:
        """Return the versions whose schema has this number. Raises ``NoSchema``, also if two schemas have it."""
        async with self.turn():
            return await asyncio.to_thread(self._with_number, number, caller)

    async def with_text(self, subject: str, type_: str, text: str, caller: Caller) -> RegisteredSchema:
        """Return the newest version of ``subject`` with the schema ``text``, however it is spaced. Raises
        ``NoSubject`` and ``NoSchema``."""
        form = _comparable(type_, text)
        for schema in reversed(await self.versions(subject, caller)):
            if schema.type == type_ and _comparable(type_, schema.text) == form:
                return schema
        raise NoSchema(f"{subject} has no version with this schema", remedy="ask for its versions")

    async def faults(self, subject: str, number: int | None, type_: str, text: str, caller: Caller) -> Sequence[str]:
        """Return why ``text`` cannot read data of a version of ``subject``; none if it can (``BACKWARD``).

        Raises ``NoSubject``, ``NoVersion``, ``UnreadableSchema``, ``Overloaded``, and ``TooMany``.
        """
        schema = await self.version(subject, number, caller)
        async with self.turn():
            rows = await self._read(type_, text)
            if type_ != schema.type:
                return [f"version {schema.version} is written in {schema.type}, and this schema in {type_}"]
            changes = await asyncio.to_thread(compare, schema.rows, rows)
        if compatibility(changes) in ("full", "backward"):
            return []
        return [change.text["en"] for change in changes if not change.is_backward]

    async def _read(self, type_: str, text: str) -> Mapping[str, Any]:
        message = {"part": "", "to": "", "name": "schema"}
        try:
            answer, blobs = await self._cage.call(_TARGET, message, [text.encode()], limits=PARSE)
        except InvalidInput as error:
            raise UnreadableSchema(error.detail, remedy=error.remedy) from error
        if answer["language"] != TYPES[type_]:
            language = LANGUAGES.get(answer["language"], answer["language"])
            raise UnreadableSchema(f"the schema is {language}, not {type_}", remedy="state its schemaType")
        rows: Mapping[str, Any] = json.loads(blobs[0])
        return rows

    def _heads(self, caller: Caller) -> Iterator[Record]:
        audiences, after, count = self._visibility.audiences(caller), "", 0
        while count < MOST_SUBJECTS:
            with self._uow.read() as tx:
                page = self._records.current(tx, audiences=audiences, kinds=("schema",), after=after, limit=_PAGE)
            yield from page
            count += len(page)
            if len(page) < _PAGE:
                return
            after = page[-1].iri

    def _name(self, iri: str) -> str:
        return iri.removeprefix(self._own)

    def _subject(self, head: Record, type_: str) -> SchemaSubject:
        name = self._name(head.iri)
        return SchemaSubject(name=name, iri=head.iri, titles=head.titles, type=type_, version=head.version)

    def _versions(self, subject: str, caller: Caller) -> list[RegisteredSchema]:
        return self._read_versions(subject, caller)[1]

    def _read_versions(self, subject: str, caller: Caller) -> tuple[Record, list[RegisteredSchema]]:
        """Return the newest version as a record, and all versions with a schema, the oldest first."""
        iri = subject if "://" in subject else iri_meant(f"schema/{subject}", self._base)
        with self._uow.read() as tx:
            records = self._records.versions(tx, iri, audiences=self._visibility.audiences(caller))
        if not records or records[0].withdrawn or records[0].kind != "schema":
            raise NoSubject(f"there is no schema {subject} here", remedy="ask for the list of subjects")
        schemas = [schema for record in reversed(records) if (schema := self._schema(record)) is not None]
        if not schemas:
            raise NoSubject(f"{subject} has no schema in a language of registries", remedy="read it in the catalogue")
        return records[0], schemas

    def _schema(self, record: Record) -> RegisteredSchema | None:
        type_ = None if record.withdrawn or record.is_erased else type_of(record)
        rows = definition_of(record) if type_ else None
        if type_ is None or rows is None:
            return None
        return RegisteredSchema(
            subject=self._name(record.iri),
            version=record.version,
            at=record.at,
            type=type_,
            text=_literal(Statements(record), "definition"),
            rows=rows,
        )

    def _with_number(self, number: int, caller: Caller) -> list[RegisteredSchema]:
        schemas = [
            schema
            for head in self._heads(caller)
            if type_of(head)
            for schema in self._versions(self._name(head.iri), caller)
            if schema.number == number
        ]
        if not schemas:
            raise NoSchema(f"there is no schema {number} here", remedy="ask for the versions of a subject")
        if len({(schema.type, schema.text) for schema in schemas}) > 1:
            raise NoSchema(f"two schemas have the number {number}", remedy="ask for the version of a subject instead")
        return schemas


def type_named(name: str) -> str:
    """Return the type of a schema in a request, AVRO if none is named. Raises ``UnreadableSchema``."""
    if (name or "AVRO") not in TYPES:
        raise UnreadableSchema(f"{name[:40]} is no type of schema", remedy=f"one of: {', '.join(sorted(TYPES))}")
    return name or "AVRO"


def type_of(record: Record) -> str | None:
    """Return the type that registries give to the schema in a record; None if it has none, or one in another
    language."""
    card = Statements(record)
    if not _literal(card, "definition"):
        return None
    name = _literal(card, "schemaLanguage")
    return _TYPE_BY_NAME.get(name) if name else JSON


def _literal(card: Statements, name: str) -> str:
    return next((text_of(term) for term in card.own(f"{HANSA}{name}") if is_literal(term)), "")


def _comparable(type_: str, text: str) -> str:
    if type_ == "PROTOBUF":
        return " ".join(text.split())
    try:
        return canonical(read_json(text), fractions=True).decode()
    except (InvalidInput, ValueError):
        return text
