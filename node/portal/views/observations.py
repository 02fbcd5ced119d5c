"""The latest observations of a stream, as the page of an asset shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.catalogue.model import Record
from node.datasources.streams.connection import NAME
from node.datasources.streams.model import Head, Stream
from node.datasources.streams.observations import lines_of
from node.datasources.streams.register import Streams
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed

SHOWN: Final = 20
"""Subjects that the page shows."""
_COLUMNS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestObservations:
    """The latest observations of a stream, as a table, by subject. ``more`` says that there are further subjects."""

    stream: Stream
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    newest: datetime | None
    more: bool


def latest_observations(streams: Streams, record: Record, caller: Caller) -> list[LatestObservations]:
    """Return the latest observations of the streams that the asset shares; none to readers who may not see them
    without an agreement. Synchronous."""
    if not allowed(caller, UseCase.KEEP_STREAMS):
        return []
    names = [file.place[1] for file in record.files if file.is_live and file.place[0] == NAME]
    streams_by_name = {stream.name: stream for stream in streams.all(caller)} if names else {}
    return [
        _table(streams_by_name[name], streams.latest(name, caller, limit=SHOWN + 1))
        for name in dict.fromkeys(names)
        if name in streams_by_name
    ]


def _table(stream: Stream, heads: Sequence[Head]) -> LatestObservations:
    observations = lines_of([head.text for head in heads[:SHOWN]])
    first = [name for name in (stream.subject_member, stream.time_member) if name]
    names = dict.fromkeys([*first, *(name for observation in observations for name in observation)])
    columns = tuple(names)[:_COLUMNS]
    return LatestObservations(
        stream=stream,
        columns=columns,
        rows=tuple(tuple(_cell(observation.get(name)) for name in columns) for observation in observations),
        newest=max((head.received for head in heads), default=None),
        more=len(heads) > SHOWN,
    )


def _cell(value: Any) -> str:
    """Return a value as text, in the notation of JSON but for texts themselves."""
    if value is None or isinstance(value, dict | list):
        return "" if value is None else "…"
    return str(value).lower() if isinstance(value, bool) else str(value)[:200]
