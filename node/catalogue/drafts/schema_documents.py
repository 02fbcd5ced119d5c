"""Read a schema in any of the languages that this node knows, and write it in another one. Nothing is kept.

A schema is a file that somebody sends, or an asset of the catalogue; both are read in the cage.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.cage.model import PARSE, AsyncCage, SyncCage
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.catalogue.nquads import is_literal, text_of
from node.catalogue.statements import Statements
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.schemas.languages.field_table import MOST
from node.semantics.schemas.languages.model import FieldRow, Loss
from node.semantics.schemas.languages.names import LANGUAGES, MAX_BYTES
from node.vocab.namespaces import HANSA

TARGET: Final = "semantics.read_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaView:
    """A schema that was read: its language, the part that was read of its ``parts``, its fields, and the ``losses``
    of a reading as JSON Schema (``rows``). ``text`` is the schema in the language ``to``, with its own losses.
    ``record`` is the asset, None for a file."""

    name: str
    language: str
    part: str
    parts: tuple[str, ...]
    fields: tuple[FieldRow, ...]
    losses: tuple[Loss, ...]
    rows: Mapping[str, Any]
    to: str = ""
    text: str = ""
    losses_of_text: tuple[Loss, ...] = ()
    record: Record | None = None

    @property
    def all_losses(self) -> tuple[Loss, ...]:
        """Return what is lost from the schema to the text, or to JSON Schema if there is no text."""
        return tuple(dict.fromkeys((*self.losses, *self.losses_of_text)))

    @property
    def is_cut(self) -> bool:
        """Return whether there may be more fields than those of the table."""
        return len(self.fields) == MOST

    @property
    def language_name(self) -> str:
        return LANGUAGES.get(self.language, self.language)

    def to_json(self, language: str) -> dict[str, Any]:
        members: dict[str, Any] = {
            "name": self.name,
            "language": self.language,
            "part": self.part,
            "parts": list(self.parts),
            "fields": [field.to_json() for field in self.fields],
            "losses": [loss.to_json(language) for loss in self.all_losses],
        }
        if self.to:
            members |= {"to": self.to, "schema": self.text}
        return members


def read_here(cage: SyncCage, name: str, body: bytes, *, part: str = "", to: str = "") -> SchemaView:
    """Return the reading of the schema ``body``. It blocks. Raises as ``ReadSchema``."""
    answer, blobs = cage.call_sync(TARGET, _order(name, part, to), [body], limits=PARSE)
    return _reading(name, to, answer, blobs)


class ReadSchema:
    """Reads schemas, of files and of the catalogue."""

    def __init__(self, *, browse: Browse, cage: AsyncCage) -> None:
        self._browse = browse
        self._cage = cage
        self.limit = MAX_BYTES

    async def __call__(
        self, name: str, chunks: AsyncIterator[bytes], caller: Caller, *, part: str = "", to: str = ""
    ) -> SchemaView:
        """Return the schema in the file ``chunks``, written again as ``to`` if that is a language. Nothing of
        ``chunks`` is read before the caller is authorised.

        Raises ``NotAllowed``, ``TooLarge``, ``InvalidInput``, and ``Overloaded``.
        """
        require(caller, UseCase.PUBLISH)
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self.limit:
                raise TooLarge(f"the schema may have at most {self.limit >> 20} MB", remedy="divide it")
        if not body:
            raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
        return await self._read(name, bytes(body), part, to)

    async def of_asset(self, iri: str, caller: Caller, *, part: str = "", to: str = "") -> SchemaView:
        """Return the schema of the asset ``iri``. Raises ``NotFound``, and as a call."""
        record = await self._browse.record(iri, caller)
        card = Statements(record)
        definition = next((text_of(term) for term in card.own(f"{HANSA}definition") if is_literal(term)), None)
        if record.kind != "schema" or definition is None:
            raise InvalidInput(
                "this asset has no schema that can be read",
                remedy="name a schema with a definition: hansa find --kind schema",
                facts={"case": "no-definition"},
            )
        stated = next((text_of(term) for term in card.own(f"{HANSA}definitionPart") if is_literal(term)), "")
        reading = await self._read(record.title(), definition.encode(), part or stated, to)
        return replace(reading, record=record)

    async def _read(self, name: str, body: bytes, part: str, to: str) -> SchemaView:
        answer, blobs = await self._cage.call(TARGET, _order(name, part, to), [body], limits=PARSE)
        return _reading(name, to, answer, blobs)


def _order(name: str, part: str, to: str) -> dict[str, Any]:
    return {"part": part, "to": to, "name": name.rpartition("/")[2].partition(".")[0][:60]}


def _reading(name: str, to: str, answer: Mapping[str, Any], blobs: list[bytes]) -> SchemaView:
    fields = [{**line, "constraints": tuple(line.get("constraints", ()))} for line in answer["fields"]]
    return SchemaView(
        name=name,
        language=answer["language"],
        part=answer["part"],
        parts=tuple(answer["parts"]),
        fields=tuple(FieldRow(**line) for line in fields),
        losses=tuple(Loss(path=path, what=what) for path, what in answer["losses"]),
        rows=json.loads(blobs[0]),
        to=to,
        text=blobs[1].decode(),
        losses_of_text=tuple(Loss(path=path, what=what) for path, what in answer.get("written", ())),
    )
