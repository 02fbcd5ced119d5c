"""Results in the asset store: written in pieces, and read again without loading them whole.

The document is ``{"caveats": […], "outputs": {role: rows}, "places": {role: [start, end]}}`` without blanks. Its last
member states the bytes of each output, so that any of them is a range of the file. Older results have no such member:
they are read whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_json, read_object
from node.exchange.contents import contents
from node.exchange.ports import AssetStore
from node.scenarios.models.requests import as_json
from node.scenarios.ports import Outcome
from node.scenarios.serialization import to_json

MOST_KEPT: Final = 1 << 30
"""The most bytes of one result: more than the settings allow a model to return."""
_AT_ONCE: Final = 2000
_TAIL: Final = 64 << 10
_PLACES: Final = b'},"places":'

Piece = bytes | tuple[int, int]
"""Literal bytes, or a range of the file: its start and its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A result in the store: the piece of each output, and the caveats as JSON."""

    sha256: str
    outputs: Mapping[str, Piece]
    caveats: Piece


async def keep(assets: AssetStore, outcome: Outcome) -> str:
    """Put a result into the store; return its SHA-256. Only some rows of its text are in memory at once."""
    return (await assets.take_in(_write(outcome), limit=MOST_KEPT)).sha256


async def find(assets: AssetStore, sha256: str) -> StoredResult:
    """Return the bytes with the hash ``sha256``. Raises ``NotFound``."""
    size = assets.size(sha256) or 0
    tail = await _read(assets, sha256, max(0, size - _TAIL), size)
    at = tail.rfind(_PLACES)
    places = _places(tail[at + len(_PLACES) : -1]) if at >= 0 else None
    if places is None:
        return await _whole(assets, sha256)
    first = min((start for start, _ in places.values()), default=0)
    # The first output begins after the caveats, `,"outputs":{"` and its own name.
    head = await _read(assets, sha256, 0, first or size)
    caveats = head[len(b'{"caveats":') : head.rindex(b',"outputs":{')]
    return StoredResult(sha256=sha256, outputs=dict(places), caveats=caveats)


def length(pieces: Sequence[Piece]) -> int:
    """Return the total length of ``pieces`` in bytes."""
    return sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)


async def contents_of(assets: AssetStore, sha256: str, pieces: Sequence[Piece]) -> AsyncIterator[bytes]:
    """Yield the bytes of ``pieces``, in their order, a part of the file at a time."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        async for chunk in await assets.open(sha256, start=piece[0], end=piece[1]):
            yield chunk


async def _write(outcome: Outcome) -> AsyncIterator[bytes]:
    head = b'{"caveats":%s,"outputs":{' % as_json([to_json(caveat) for caveat in outcome.caveats])
    yield head
    at, places = len(head), {}
    for number, role in enumerate(sorted(outcome.outputs)):
        rows = outcome.outputs[role]
        name = b"%s%s:" % (b"," if number else b"", as_json(role))
        yield name
        start = at = at + len(name)
        for first in range(0, len(rows) or 1, _AT_ONCE):
            some = await asyncio.to_thread(as_json, list(rows[first : first + _AT_ONCE]))
            text = (b"[" if first == 0 else b",") + some[1:-1]
            at += len(text)
            yield text
        yield b"]"
        at += 1
        places[role] = [start, at]
    yield b"%s%s}" % (_PLACES, as_json(places))


def _places(text: bytes) -> dict[str, tuple[int, int]] | None:
    try:
        places = read_object(text)
    except InvalidInput:
        return None
    return {role: (int(start), int(end)) for role, (start, end) in places.items()}


async def _whole(assets: AssetStore, sha256: str) -> StoredResult:
    def parsed_answer(body: bytes) -> tuple[dict[str, Piece], bytes]:
        members: dict[str, Any] = read_json(body)
        return {role: as_json(rows) for role, rows in members["outputs"].items()}, as_json(members["caveats"])

    body = await _read(assets, sha256, 0, None)
    outputs, caveats = await asyncio.to_thread(parsed_answer, body)
    return StoredResult(sha256=sha256, outputs=outputs, caveats=caveats)


async def _read(assets: AssetStore, sha256: str, start: int, end: int | None) -> bytes:
    return await contents(assets, sha256, start=start, end=end)
