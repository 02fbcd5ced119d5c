"""Timetables of public transport in GTFS, and their state in GTFS Realtime, as a data source.

The address is the place of the files; options name them: ``schedule``, ``trip_updates``, ``vehicle_positions`` and
``alerts``. The beginning of each answer is looked at: a page, an error or another file is not passed on as data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from node.adapters.datasources.requests import at, check_address, credential_headers, fetch
from node.adapters.datasources.services.answers import nothing
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import close_stream

SCHEDULE: Final = "schedule"
"""The option, and the item, of the timetable."""
_REALTIME: Final = ("trip_updates", "vehicle_positions", "alerts")
_TYPES: Final = {SCHEDULE: "application/zip", **dict.fromkeys(_REALTIME, "application/x-protobuf")}
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_HEADER: Final = 0x0A
"""Field 1, with a length: the header, with which every message begins (GTFS Realtime reference, FeedMessage)."""


class GtfsConnector:
    """``node.datasources.ports.Connector`` for timetables."""

    kind = "gtfs"
    options: tuple[str, ...] = (SCHEDULE, *_REALTIME)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        check_address(self._egress, setup.address)
        places = [setup.options[name] for name in _TYPES if name in setup.options]
        if not places:
            raise InvalidInput(
                "no file is named", remedy=f"such as --option schedule=gtfs.zip; others: {', '.join(_REALTIME)}"
            )
        for place in places:
            if not check_path(place) or place.endswith("/"):
                raise InvalidInput("this is no file below the address", remedy="such as --option schedule=gtfs.zip")

    def connect(self, setup: Setup) -> DataConnection:
        self.check(setup)
        return GtfsConnection(self._egress, setup)


class GtfsConnection:
    """A connection to the files of a timetable."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = check_address(egress, setup.address)
        self._headers = credential_headers(setup.credentials)
        self._places = {name: setup.options[name] for name in _TYPES if name in setup.options}

    @property
    def abilities(self) -> Abilities:
        return Abilities()

    async def items(self, limit: int) -> Sequence[Item]:
        items = []
        for name in list(self._places)[:limit]:
            async with self.read(name, Question()) as extract:
                await close_stream(extract.chunks)
                items.append(Item(path=name, media_type=_TYPES[name], size=extract.size))
        return items

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if item not in self._places:
            raise NotFound("the data source has no such file", remedy=f"it has: {', '.join(self._places)}")
        if question.path or question.parameters:
            raise InvalidInput("this is a file, which takes no query", remedy="leave out what follows its address")
        if not question.wants_body:
            yield nothing(question, _TYPES[item])
            return
        headers = {**self._headers, "Accept": f"{_TYPES[item]}, application/octet-stream;q=0.9, */*;q=0.1"}
        async with fetch(self._egress, at(self._address, self._places[item]), headers) as extract:
            stream = aiter(extract.chunks)
            start = b""
            while len(start) < len(_ZIP[0]) and (chunk := await anext(stream, b"")):
                start += chunk
            _check_start(item, start)
            # The type is ours: servers send timetables in many.
            yield replace(extract, media_type=_TYPES[item], chunks=_join(start, stream))


def _check_start(item: str, start: bytes) -> None:
    """Raise ``DataSourceUnreachable`` unless a file begins as one of its kind does."""
    is_right = start.startswith(_ZIP) if item == SCHEDULE else len(start) > 2 and start[0] == _HEADER
    if not is_right:
        raise DataSourceUnreachable(
            "the data source answers with something other than "
            + ("a timetable (a zip file)" if item == SCHEDULE else "a message of GTFS Realtime"),
            remedy="its steward checks the address: hansa source test",
        )


async def _join(start: bytes, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in stream:
        yield chunk
