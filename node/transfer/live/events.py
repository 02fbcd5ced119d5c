"""Read the server-sent events of a partner's stream (WHATWG HTML §9.2), within bounds: another node sends them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, PeerUnreachable
from node.base.jsons import read_object

_LONGEST: Final = 256 << 10
"""Bytes of one event: an observation has at most 16 kB, and the reasons of an end are a few sentences."""
_DEEPEST: Final = 40
_LONGEST_ID: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """An event: *observation*, *gap* or *end*. ``id`` is the place after it, empty if it names none."""

    name: str
    id: str
    data: dict[str, Any]


async def events_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[StreamEvent, None]:
    """Yield the events in ``chunks``; one without a name and data for a place that is stated alone. Raises
    ``PeerUnreachable`` if they are not the events of a stream."""
    rest, size = b"", 0
    fields: dict[str, str] = {}
    async for chunk in chunks:
        rest += chunk
        if len(rest) > _LONGEST and b"\n" not in rest:
            raise _mismatch("an event is too long")
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.rstrip(b"\r"):
                size += len(line)
                if size > _LONGEST:
                    raise _mismatch("an event is too long")
                _take(line, fields)
                continue
            if "data" in fields or "id" in fields:
                yield _event(fields)
            fields, size = {}, 0


def _take(line: bytes, fields: dict[str, str]) -> None:
    name, _, value = line.rstrip(b"\r").decode("utf-8", "replace").partition(":")
    if name in ("event", "id"):
        fields[name] = value.removeprefix(" ")
    elif name == "data":
        text = value.removeprefix(" ")
        fields["data"] = f"{fields['data']}\n{text}" if "data" in fields else text


def _event(fields: dict[str, str]) -> StreamEvent:
    place = fields.get("id", "")
    if len(place) > _LONGEST_ID or not place.isprintable() or not place.isascii():
        raise _mismatch("the place of an event is no text for a header")
    if "data" not in fields:
        return StreamEvent(name="", id=place, data={})
    try:
        data = read_object(fields["data"], max_depth=_DEEPEST)
    except InvalidInput as error:
        raise _mismatch(error.detail) from error
    return StreamEvent(name=fields.get("event", "message"), id=place, data=data)


def _mismatch(why: str) -> PeerUnreachable:
    return PeerUnreachable(
        f"the provider does not send the events of a stream: {why}",
        remedy="ask the provider whether these data are a stream of observations",
    )
