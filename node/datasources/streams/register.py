"""Describe streams, look at them, and forget what is no longer kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.streams.intake import unknown
from node.datasources.streams.model import Fault, Head, Stream, check_stream
from node.datasources.streams.ports import StreamStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

MOST: Final = 200
"""The most streams of a node."""
_KEEP: Final = re.compile(r"([0-9]{1,5})([mhdw])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 200
"""Batches that one transaction forgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDescription:
    """A publisher's description of a stream, with the words of ``Stream``."""

    schema: Mapping[str, Any]
    time: str = "at"
    subject: str = ""
    key: Sequence[str] = ()
    keep: timedelta = timedelta(days=7)
    most: int = 10_000_000


class Streams:
    """The streams of this node. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: StreamStore,
        *,
        append: Append,
        clock: Clock,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``report`` is told the name of a stream that was removed."""
        self._uow = uow
        self._store = store
        self._append = append
        self._clock = clock
        self._report = report

    @taken_in_turn
    def describe(self, name: str, description: StreamDescription, by: Caller) -> Stream:
        """Make a stream, or change its description: its observations stay, and later ones are checked by the new
        schema. Raises ``NotAllowed``, ``InvalidInput``, and ``Conflict`` if there are too many, or if the member with
        the time changes while there are observations that have it in another one."""
        require(by, UseCase.KEEP_STREAMS)
        stream = Stream(
            name=name,
            schema=description.schema,
            time_member=description.time,
            subject_member=description.subject,
            key_members=tuple(description.key),
            keep_seconds=int(description.keep.total_seconds()),
            most=description.most,
            by=by.name,
            at=self._clock.now(),
        )
        check_stream(stream)
        with self._uow.begin() as tx:
            before = self._store.get(tx, name, lock=True)
            if before is None and len(self._store.all(tx)) >= MOST:
                raise Conflict(f"this node has {MOST} streams already", remedy="remove one that is not needed")
            if before is None and not self._store.create(tx, stream):
                # Another process has made it in the same moment: it may have observations already.
                before = self._require(tx, name, lock=True)
            if before is not None:
                self._require_times(tx, before, stream)
                stream = replace(stream, last=before.last, repeats=before.repeats, faults=before.faults)
                stream = replace(stream, gone_until=before.gone_until)
                self._store.put(tx, stream)
            self._note(tx, stream, by, "described" if before is None else "changed")
        return stream

    def all(self, by: Caller) -> Sequence[Stream]:
        """Return all streams, by name. Raises ``NotAllowed``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            return self._store.all(tx)

    def stream(self, name: str, by: Caller) -> Stream:
        """Return a stream. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            return self._require(tx, name)

    def faults(self, name: str, by: Caller, *, limit: int = 100) -> Sequence[Fault]:
        """Return the newest observations that were refused. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            stream = self._require(tx, name)
            return self._store.faults(tx, stream.name, limit)

    def latest(self, name: str, by: Caller, *, limit: int = 100, after: str = "") -> Sequence[Head]:
        """Return the latest observation of each subject, by subject. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.read() as tx:
            stream = self._require(tx, name)
            since = stream.oldest(self._clock.now())
            return self._store.heads(tx, name, after=after, since=since, limit=limit)

    @taken_in_turn
    def remove(self, name: str, by: Caller) -> None:
        """Forget a stream with all that it has: open reads of it end. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.KEEP_STREAMS)
        with self._uow.begin() as tx:
            stream = self._require(tx, name, lock=True)
            self._store.drop(tx, name)
            self._note(tx, stream, by, "removed")
        self._report(name)

    def forget_old(self) -> int:
        """Remove what no stream keeps any longer, in small transactions; return how many batches."""
        with self._uow.read() as tx:
            streams = self._store.all(tx)
        count = 0
        for stream in streams:
            while True:
                gone = self._forget(stream.name)
                count += gone
                if gone < _AT_ONCE:
                    break
        return count

    @taken_in_turn
    def _forget(self, name: str) -> int:
        with self._uow.begin(synced=False) as tx:
            stream = self._store.get(tx, name, lock=True)
            if stream is None:
                return 0
            before = stream.oldest(self._clock.now())
            return self._store.forget(tx, name, before=before, below=stream.below, limit=_AT_ONCE)

    def _require_times(self, tx: Transaction, before: Stream, stream: Stream) -> None:
        """Raise ``Conflict`` if observations that are kept have their time elsewhere than ``stream`` says."""
        if stream.time_member != before.time_member and self._store.batches(
            tx, before.name, after=0, since=_EVER, limit=1
        ):
            raise Conflict(
                f"the stream keeps observations that have their time in {before.time_member}",
                remedy="make another stream, or remove this one with its observations: "
                f"hansa stream remove {word(before.name)}",
            )

    def _require(self, tx: Transaction, name: str, *, lock: bool = False) -> Stream:
        stream = self._store.get(tx, name, lock=lock)
        if stream is None:
            raise unknown(name)
        return stream

    def _note(self, tx: Transaction, stream: Stream, by: Caller, change: str) -> None:
        body = {"stream": stream.name, "change": change, "keepSeconds": stream.keep_seconds, "most": stream.most}
        self._append(tx, EntryKind.NODE, f"stream {stream.name}", by.name, body)


def read_keep(text: str) -> timedelta:
    """Return the time that ``text`` states: ``30m``, ``12h``, ``7d``, ``2w``. Raises ``InvalidInput``."""
    match = _KEEP.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text[:20]!r} is no time", remedy="write a number and m, h, d or w: 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
