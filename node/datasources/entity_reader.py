"""From a received file to entities for a context broker. All reading happens in the cage."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.errors import LocalFault
from node.base.jsons import read_json
from node.cage.model import AsyncCage
from node.datasources.entity_forms import IDENTIFIER, fingerprint
from node.datasources.file_pieces import FilePieces
from node.exchange.offloop import off_loop

TARGET: Final = "entities.load"
_MOST_ENTITIES: Final = 100
_MOST_BYTES: Final = 400_000
"""Bytes of one request to a broker: some take a megabyte at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerEntity:
    """An entity for a broker, with its fingerprint."""

    id: str
    sum: str
    content: dict[str, Any]


class EntityReader:
    """Reads files for context brokers."""

    def __init__(self, cage: AsyncCage) -> None:
        self._cage = cage

    async def batches(
        self, file: Path, media_type: str, type_name: str, column: str, reader: str
    ) -> AsyncGenerator[list[BrokerEntity], None]:
        """Yield the entities that a file holds, as many at a time as a broker takes in one request.

        ``column`` names the entities of a table or of features; "" where none was chosen. ``reader`` names who reads:
        a child of the cage keeps its place in the file for the same reader. Raises ``InvalidInput`` for a file that
        holds none of the type, and ``Overloaded`` for one that takes too much.
        """
        pieces = FilePieces(self._cage, TARGET, file, media_type, f"entities {reader}")
        start, more = 0, True
        while more:
            facts, blobs = await pieces.read(start, type=type_name, column=column)
            entities = await off_loop(_read, blobs[0])
            start, more = start + len(entities), bool(facts["more"]) and bool(entities)
            for batch in _cut(entities):
                yield [entity for entity, _ in batch]


def _read(blob: bytes) -> list[tuple[BrokerEntity, int]]:
    """Return the entities of a piece with their sizes. A child reads foreign data: no context of it goes on."""
    entities = []
    for line in blob.splitlines():
        content = read_json(line)
        if not isinstance(content, dict) or "@context" in content or not IDENTIFIER.fullmatch(str(content.get("id"))):
            raise LocalFault("the reader of entities gave something that is none")
        entities.append((BrokerEntity(id=content["id"], sum=fingerprint(content), content=content), len(line)))
    return entities


def _cut(entities: list[tuple[BrokerEntity, int]]) -> list[list[tuple[BrokerEntity, int]]]:
    batches: list[list[tuple[BrokerEntity, int]]] = []
    size = 0
    for entity in entities:
        if not batches or len(batches[-1]) >= _MOST_ENTITIES or size + entity[1] > _MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(entity)
        size += entity[1]
    return batches
