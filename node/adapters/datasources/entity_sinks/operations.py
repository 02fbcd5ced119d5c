"""Batch operations of a context broker (ETSI GS CIM 009, clauses 5.6 and 6.14 to 6.23)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from node.adapters.datasources.entity_calls import EntityCalls, content_of
from node.adapters.datasources.uploads import require_done
from node.datasources.entity_forms import fingerprint
from node.datasources.errors import DataSourceUnreachable, SinkRefuses
from node.exchange.offloop import off_loop

BATCH: Final = 100
"""The entities of one request."""
_EXISTS: Final = "AlreadyExists"
_MISSING: Final = "ResourceNotFound"


class Operations:
    """Writes entities to a broker, and reads them back. All methods raise ``DataSourceUnreachable``, ``SinkRefuses``
    and ``ForbiddenAddress``."""

    def __init__(self, calls: EntityCalls) -> None:
        self._calls = calls

    async def create(self, entities: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create entities; return the ids of those that were there already and stay what they are."""
        return await self._batch("create", entities, _EXISTS)

    async def upsert(self, entities: Sequence[Mapping[str, Any]]) -> None:
        """Create entities, or replace them whole."""
        await self._batch("upsert?options=replace", entities, "")

    async def delete(self, ids: Iterable[str]) -> None:
        """Delete entities; one that is not there is no error."""
        for piece in _pieces(ids):
            await self._batch("delete", piece, _MISSING)

    async def read(self, ids: Iterable[str], type_name: str) -> dict[str, dict[str, Any]]:
        """Return the entities of a type that have one of these ids."""
        entities: dict[str, dict[str, Any]] = {}
        for piece in _pieces(ids):
            query = {"type": "Query", "entities": [{"id": name, "type": type_name} for name in piece]}
            answer = await self._calls.call("POST", f"entityOperations/query?limit={BATCH}", query)
            require_done(answer, "")
            content = await content_of(answer)
            if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
                raise DataSourceUnreachable("the broker sends no list of entities", remedy="ask its administrator")
            for entry in content:
                if entry.get("id") in piece:
                    entities[entry["id"]] = entry
        return entities

    async def sums(self, ids: Iterable[str], type_name: str) -> dict[str, str]:
        """Return the fingerprints of the entities of a type that are there."""
        sums: dict[str, str] = {}
        for piece in _pieces(ids):
            entities = await self.read(piece, type_name)
            sums |= await off_loop(
                lambda there: {name: fingerprint(entry) for name, entry in there.items()}, entities
            )
        return sums

    async def has_any(self, type_name: str) -> bool:
        """Return whether there is an entity of a type."""
        query = {"type": "Query", "entities": [{"type": type_name}]}
        answer = await self._calls.call("POST", "entityOperations/query?limit=1", query)
        require_done(answer, "")
        return bool(await content_of(answer))

    async def _batch(self, operation: str, body: Sequence[Any], harmless: str) -> list[str]:
        """Do a batch; return the ids of those that failed for the reason ``harmless``. Raises for other failures."""
        if not body:
            return []
        answer = await self._calls.call("POST", f"entityOperations/{operation}", list(body))
        if answer.status == 207:
            return _failures(await content_of(answer), harmless)
        if harmless == _EXISTS and answer.status == 409 and len(body) == 1:
            return [str(body[0]["id"])]
        if harmless == _MISSING and answer.status == 404 and _names(await content_of(answer), _MISSING):
            return []
        require_done(answer, "")
        return []


def _pieces(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    names = iter(dict.fromkeys(ids))
    while piece := tuple(islice(names, BATCH)):
        yield piece


def _failures(content: Any, harmless: str) -> list[str]:
    """Return the ids of a batch that failed as harmless (``BatchOperationResult``, clause 5.2.16)."""
    errors = content.get("errors") if isinstance(content, dict) else None
    names = []
    for entry in errors if isinstance(errors, list) else []:
        error = entry.get("error") if isinstance(entry, dict) else None
        if harmless and _names(error, harmless):
            names.append(str(entry.get("entityId", "")))
            continue
        if not isinstance(error, dict) or _names(error, "BadRequestData"):
            raise SinkRefuses(
                f"the broker does not take {_label(entry)}: {_reason(error)}",
                remedy="send the file to a folder or a bucket instead, or have the broker changed",
            )
        raise DataSourceUnreachable(f"the broker could not take {_label(entry)}", remedy="this node tries again")
    return names


def _names(error: Any, kind: str) -> bool:
    return isinstance(error, dict) and str(error.get("type", "")).rpartition("/")[2] == kind


def _label(entry: Any) -> str:
    return str(entry.get("entityId", "an entity"))[:200] if isinstance(entry, dict) else "an entity"


def _reason(error: Any) -> str:
    words = str(error.get("detail") or error.get("title") or "") if isinstance(error, dict) else ""
    return "".join(sign for sign in words if sign.isprintable())[:200] or "it gives no reason"
