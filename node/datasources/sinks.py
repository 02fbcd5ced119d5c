"""Data sources that also take data: what a *sink* does with a file that the node sends to it.

A steward allows it for each data source (option ``sink``). A file is visible at a sink whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from node.base.errors import InvalidInput
from node.datasources.model import check_path

SINK: Final = "sink"
"""The option by which a steward allows that received data are sent to a data source."""
ALLOWED: Final = "yes"
WAIT: Final = "waitFor"
"""The fact of an error that has the ``Retry-After`` of a sink, as it was received."""

Note = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Stores how far an upload is, so that it continues there after a crash."""

TABLES: Final = frozenset({"postgis"})
"""The kinds of data sources whose places are tables."""
ENTITIES: Final = frozenset({"ngsi-ld"})
"""The kinds of data sources whose places are types of entities."""

_TABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,62})\.([A-Za-z_][A-Za-z0-9_]{0,62})", re.ASCII)
_ENTITIES: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,99})(?:\.([^\x00-\x1f\x7f/\\]{1,100}))?", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A verified file for the place ``path`` of a sink.

    ``id`` names what is unfinished at the sink. ``replaces`` is the SHA-256 of the content that may be replaced
    there; without it, nothing may. ``progress`` is what was noted last about the same parcel, and ``origin`` the
    transfer that brought the file.
    """

    id: str
    file: Path
    path: str
    size: int
    sha256: str
    media_type: str = ""
    replaces: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""


@runtime_checkable
class SinkConnection(Protocol):
    """A data source that takes files. All methods raise ``DataSourceUnreachable`` (``DataSourceSlow``,
    ``DataSourceRefuses``), ``SinkRefuses``, ``NoRoom`` and ``ForbiddenAddress``."""

    @property
    def is_replacing(self) -> bool:
        """Return whether what is deposited takes the place of what was there, so that a place has one content."""

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        """Store the file at its place, whole or not at all. Return False if the same content is there already.
        Raises ``SinkOccupied`` if other content is there, ``EarlierContent`` if no byte was sent before that was
        noticed."""

    async def abandon(self, parcel: Parcel) -> None:
        """Remove what is left of a deposit that will not continue."""

    async def remove(self, path: str, sha256: str) -> bool:
        """Delete the content at a place. Return False if nothing is there. Raises ``SinkOccupied`` if something else
        is there."""


def check_place(path: str) -> str:
    """Return a place of a file within a sink. Raises ``InvalidInput`` if it leads out of it, or is hidden."""
    if not path or path.endswith("/") or any(piece.startswith(".") for piece in check_path(path).split("/")):
        raise InvalidInput(
            "this is no place for a file at a data source",
            remedy="name folders and a file, none of which begins with a full stop: received/counters.csv",
        )
    if any(len(piece.encode()) > 200 for piece in path.split("/")):
        raise InvalidInput("a name in this place is too long", remedy="use at most 200 bytes between two slashes")
    return path


def check_table(place: str) -> tuple[str, str]:
    """Return schema and table of a place in a database. Raises ``InvalidInput`` unless it is ``schema.table``."""
    match = _TABLE.fullmatch(place)
    if match is None or match[1].lower().startswith("pg_") or match[1].lower() == "information_schema":
        raise InvalidInput(
            "a database takes data into a table, which has a name of letters, digits and underscores",
            remedy="name a schema and a table: --to public.counters",
        )
    return match[1], match[2]


@dataclass(frozen=True, slots=True)
class EntityPlace:
    """A place in a context broker: the type of its entities, and the column that names them; "" if none is chosen."""

    type_name: str
    column: str


def check_entities(place: str) -> EntityPlace:
    """Return the type and the column of a place in a context broker, whose folders only tell it from others. Raises
    ``InvalidInput`` unless it ends with ``Type`` or ``Type.column``."""
    match = _ENTITIES.fullmatch(check_place(place).rpartition("/")[2]) if place else None
    if match is None:
        raise InvalidInput(
            "a context broker takes data as entities of a type, which has a name of letters, digits and hyphens",
            remedy="name the type, and behind a full stop the column that names them: --to TrafficCounter.station",
        )
    return EntityPlace(match[1], match[2] or "")


def is_sha256(text: str) -> bool:
    """Return whether ``text`` can be a SHA-256 in hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None
