"""Take observations in: what arrives while a transaction waits for the disk is committed by the next one, together.

A sender gets its receipt after the commit. What is sent again is counted and not stored again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import NotFound, Overloaded
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.streams.model import MOST_FAULTS, MOST_SUBJECTS, Batch, Fault, Head, Observation, Stream
from node.datasources.streams.observations import CheckedMessage, fault, read_message
from node.datasources.streams.ports import StreamStore
from node.exchange.offloop import off_loop
from node.identity.model import Caller
from node.identity.roles import UseCase, require

MOST_WAITING: Final = 50_000
"""Observations of one stream that wait for a commit; more are refused."""
_OF_COMMIT: Final = 10_000
"""Observations after which a commit takes no further message."""
_OF_BATCH: Final = 1000
_BATCH_BYTES: Final = 1 << 20
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_SHOWN: Final = 20
"""Faults that a receipt shows, and that are kept of one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The outcome of one message: how many observations were stored, had been stored before, and were refused.

    ``first`` and ``last`` are the numbers of those stored; None if there are none. ``faults`` shows some that were
    refused, with their place in the message.
    """

    acceptances: int
    repeats: int
    refusals: int
    first: int | None
    last: int | None
    faults: tuple[tuple[int, Fault], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "accepted": self.acceptances,
            "repeated": self.repeats,
            "refused": self.refusals,
            "first": self.first,
            "last": self.last,
            "faults": [{"place": place, "reason": fault.reason} for place, fault in self.faults],
        }


@dataclass(slots=True)
class _Queue:
    """The messages of one stream that wait, with the futures of their senders."""

    messages: list[tuple[CheckedMessage, asyncio.Future[Receipt]]] = field(default_factory=list)
    size: int = 0
    task: asyncio.Task[None] | None = None


class TakeObservations:
    """Takes observations in. ``report`` is told the name of a stream after each commit to it."""

    def __init__(
        self, uow: UnitOfWork, store: StreamStore, clock: Clock, *, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._report = report
        self._streams: dict[str, _Queue] = {}

    async def __call__(self, name: str, body: bytes, media_type: str, by: Caller) -> Receipt:
        """Return what became of a message of observations; what it says is stored is on the disk.

        Raises ``NotAllowed``, ``NotFound``, the errors of ``read_message``, and ``Overloaded`` if senders send faster
        than the disk writes.
        """
        require(by, UseCase.KEEP_STREAMS)
        return await self.take(name, body, media_type)

    async def take(self, name: str, body: bytes, media_type: str) -> Receipt:
        """As a call, for a sender that the node itself has let in."""
        receipts = await self.take_all(name, lambda stream, at: [read_message(stream, body, media_type, at=at)])
        return receipts[0]

    async def take_all(
        self, name: str, read: Callable[[Stream, datetime], Sequence[CheckedMessage]]
    ) -> Sequence[Receipt]:
        """Return the receipts of the messages that ``read`` returns, which is called in a thread with the stream and
        the time of arrival. All of them are on the disk then. Raises ``NotFound``, ``Overloaded``."""
        messages = await off_loop(self._read, name, read)
        queue = self._streams.setdefault(name, _Queue())
        if queue.size >= MOST_WAITING:
            raise Overloaded("observations arrive faster than they can be stored", remedy="send fewer in a second")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Receipt]] = [loop.create_future() for _ in messages]
        queue.messages += zip(messages, futures, strict=True)
        queue.size += sum(len(message.observations) for message in messages)
        if messages and (queue.task is None or queue.task.done()):
            queue.task = asyncio.create_task(self._write(name, queue))
        return await asyncio.gather(*futures)

    def _read(
        self, name: str, read: Callable[[Stream, datetime], Sequence[CheckedMessage]]
    ) -> Sequence[CheckedMessage]:
        with self._uow.read() as tx:
            stream = self._store.get(tx, name)
        if stream is None:
            raise unknown(name)
        return read(stream, self._clock.now())

    async def _write(self, name: str, queue: _Queue) -> None:
        """Commit until nothing waits. What arrives meanwhile is taken by the next commit."""
        while queue.messages:
            size, count = 0, 0
            for message, _ in queue.messages:
                if count and size + len(message.observations) > _OF_COMMIT:
                    break
                size += len(message.observations)
                count += 1
            group, queue.messages = queue.messages[:count], queue.messages[count:]
            queue.size -= size
            try:
                receipts = await off_loop(self._commit, name, [message for message, _ in group])
            except BaseException as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(
                            Overloaded("the node is stopping", remedy="send it again")
                            if isinstance(error, asyncio.CancelledError)
                            else error
                        )
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, future), receipt in zip(group, receipts, strict=True):
                if not future.done():
                    future.set_result(receipt)
            self._report(name)
        if self._streams.get(name) is queue:
            del self._streams[name]

    @taken_in_turn
    def _commit(self, name: str, messages: Sequence[CheckedMessage]) -> list[Receipt]:
        with self._uow.begin() as tx:
            stream = self._store.get(tx, name, lock=True)
            if stream is None:
                raise unknown(name)
            commit = _Commit(tx, self._store, stream, self._arrival_time(tx, name), messages)
            receipts = [commit.receipt(message) for message in messages]
            commit.finish()
        return receipts

    def _arrival_time(self, tx: Transaction, name: str) -> datetime:
        """Return the present time, or that of the newest batch if it is a little later: the clocks of two processes
        differ, and what has a higher number arrived no earlier."""
        now, latest = self._clock.now(), self._store.latest_arrival(tx, name)
        return latest if latest is not None and now < latest <= now + _CLOCKS_DIFFER else now


class _Commit:
    """The writes of one commit to one stream."""

    def __init__(
        self, tx: Transaction, store: StreamStore, stream: Stream, at: datetime, messages: Sequence[CheckedMessage]
    ) -> None:
        self._tx = tx
        self._store = store
        self._stream = stream
        self._at = at
        arrivals = [observation for message in messages for observation in message.observations]
        self._keys = set(store.keys(tx, stream.name, [observation.key for observation in arrivals]))
        subjects = sorted({observation.subject for observation in arrivals})
        self._subjects = set(store.subjects(tx, stream.name, subjects))
        new = len(subjects) - len(self._subjects)
        self._room = MOST_SUBJECTS - store.count_subjects(tx, stream.name) if new else 0
        self._accepted: list[Observation] = []
        self._faults: list[Fault] = []
        self._refused = 0
        self._repeats = 0

    def receipt(self, message: CheckedMessage) -> Receipt:
        """Take a message; return what becomes of it when the transaction commits."""
        before, repeats = len(self._accepted), 0
        faults = list(message.faults)
        faulty_places = {place for place, _ in faults}
        places = (place for place in itertools.count() if place not in faulty_places)
        for place, observation in zip(places, message.observations, strict=False):
            if observation.key in self._keys:
                repeats += 1
            elif not self._admits(observation.subject):
                reason = f"the stream has {MOST_SUBJECTS} subjects already, and this one is new"
                faults.append((place, fault(self._at, reason, observation.text)))
            else:
                self._keys.add(observation.key)
                self._accepted.append(observation)
        faults.sort(key=lambda entry: entry[0])
        count = len(self._accepted) - before
        first = self._stream.last + before + 1
        self._faults += [fault for _, fault in faults[:_SHOWN]]
        self._refused += len(faults)
        self._repeats += repeats
        return Receipt(
            acceptances=count,
            repeats=repeats,
            refusals=len(faults),
            first=first if count else None,
            last=first + count - 1 if count else None,
            faults=tuple(faults[:_SHOWN]),
        )

    def finish(self) -> None:
        """Write what was taken."""
        stream, number = self._stream, self._stream.last
        for part in _parts(self._accepted):
            batch = Batch(
                stream=stream.name,
                first=number + 1,
                last=number + len(part),
                earliest=min(observation.time for observation in part),
                latest=max(observation.time for observation in part),
                received=self._at,
                lines=tuple(observation.text for observation in part),
            )
            self._store.add(self._tx, batch, [observation.key for observation in part])
            number = batch.last
        if self._accepted:
            self._store.put_heads(self._tx, stream.name, self._heads())
        if self._faults:
            self._store.note_faults(self._tx, stream.name, self._faults[-MOST_FAULTS:], most=MOST_FAULTS)
        if number != stream.last or self._refused or self._repeats:
            self._store.put(
                self._tx,
                replace(
                    stream,
                    last=number,
                    repeats=stream.repeats + self._repeats,
                    faults=stream.faults + self._refused,
                ),
            )

    def _admits(self, subject: str) -> bool:
        if subject in self._subjects:
            return True
        if self._room <= 0:
            return False
        self._room -= 1
        self._subjects.add(subject)
        return True

    def _heads(self) -> list[Head]:
        latest: dict[str, tuple[int, Observation]] = {}
        for number, observation in enumerate(self._accepted, self._stream.last + 1):
            before = latest.get(observation.subject)
            if before is None or before[1].time < observation.time:
                latest[observation.subject] = (number, observation)
        return [
            Head(
                subject=subject,
                number=number,
                time=observation.time,
                received=self._at,
                text=observation.text,
            )
            for subject, (number, observation) in latest.items()
        ]


def _parts(observations: Sequence[Observation]) -> list[list[Observation]]:
    """Return ``observations`` in batches of bounded number and size."""
    parts: list[list[Observation]] = []
    size = 0
    for observation in observations:
        if not parts or len(parts[-1]) == _OF_BATCH or size + len(observation.text) > _BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(observation)
        size += len(observation.text)
    return parts


def unknown(name: str) -> NotFound:
    """Return the error about a stream that this node does not have."""
    return NotFound(
        f"there is no stream {name[:80]}", remedy=f"hansa stream list, or hansa stream add {word(name[:80])} …"
    )
