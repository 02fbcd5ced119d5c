"""Streams and their observations in memory (``node.datasources.streams.ports.StreamStore``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.work import Transaction
from node.datasources.streams.model import Arrival, Batch, Fault, Head, Stream
from tests.fakes.stores.work import memory


class MemoryStreamStore:
    """Streams by name; batches by stream and last number."""

    def put(self, tx: Transaction, stream: Stream) -> None:
        memory(tx).put("streams", stream.name, stream)

    def create(self, tx: Transaction, stream: Stream) -> bool:
        if stream.name in memory(tx).rows("streams"):
            return False
        self.put(tx, stream)
        return True

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Stream | None:
        return memory(tx).rows("streams").get(name)

    def all(self, tx: Transaction) -> Sequence[Stream]:
        return sorted(memory(tx).rows("streams").values(), key=lambda stream: stream.name)

    def drop(self, tx: Transaction, name: str) -> None:
        memory(tx).drop("streams", name)
        for table in ("stream_batches", "stream_keys", "stream_heads", "stream_faults"):
            for key in [key for key in memory(tx).rows(table) if key[0] == name]:
                memory(tx).drop(table, key)
        for table in ("stream_subscriptions", "stream_subscription_owners"):
            memory(tx).drop(table, name)

    def keys(self, tx: Transaction, name: str, keys: Sequence[bytes]) -> frozenset[bytes]:
        return frozenset(key for key in keys if (name, key) in memory(tx).rows("stream_keys"))

    def add(self, tx: Transaction, batch: Batch, keys: Sequence[bytes]) -> None:
        memory(tx).put("stream_batches", (batch.stream, batch.last), batch)
        for place, key in enumerate(keys):
            memory(tx).put("stream_keys", (batch.stream, key), batch.first + place)

    def subjects(self, tx: Transaction, name: str, subjects: Sequence[str]) -> frozenset[str]:
        return frozenset(subject for subject in subjects if (name, subject) in memory(tx).rows("stream_heads"))

    def count_subjects(self, tx: Transaction, name: str) -> int:
        return sum(key[0] == name for key in memory(tx).rows("stream_heads"))

    def put_heads(self, tx: Transaction, name: str, heads: Sequence[Head]) -> None:
        for head in heads:
            before = memory(tx).rows("stream_heads").get((name, head.subject))
            if before is None or before.time < head.time:
                memory(tx).put("stream_heads", (name, head.subject), head)

    def heads(self, tx: Transaction, name: str, *, after: str, since: datetime, limit: int) -> Sequence[Head]:
        heads = [head for key, head in memory(tx).rows("stream_heads").items() if key[0] == name]
        later = [head for head in heads if (not after or head.subject > after) and head.received >= since]
        return sorted(later, key=lambda head: head.subject)[:limit]

    def batches(
        self,
        tx: Transaction,
        name: str,
        *,
        after: int,
        since: datetime,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int,
    ) -> Sequence[Batch]:
        batches = [batch for key, batch in memory(tx).rows("stream_batches").items() if key[0] == name]
        within = [
            batch
            for batch in batches
            if batch.last > after
            and batch.received >= since
            and (start is None or batch.latest >= start)
            and (end is None or batch.earliest < end)
        ]
        return sorted(within, key=lambda batch: batch.last)[:limit]

    def arrival_since(self, tx: Transaction, name: str, since: datetime) -> Arrival | None:
        return self._arrival(tx, name, since, 0, lambda batch: (batch.received, batch.last))

    def arrival_after(self, tx: Transaction, name: str, after: int, *, since: datetime) -> Arrival | None:
        return self._arrival(tx, name, since, after, lambda batch: batch.last)

    def latest_arrival(self, tx: Transaction, name: str) -> datetime | None:
        batches = [batch for key, batch in memory(tx).rows("stream_batches").items() if key[0] == name]
        return max((batch.received for batch in batches), default=None)

    def _arrival(
        self, tx: Transaction, name: str, since: datetime, after: int, order: Callable[[Batch], Any]
    ) -> Arrival | None:
        batches = [batch for key, batch in memory(tx).rows("stream_batches").items() if key[0] == name]
        later = sorted((batch for batch in batches if batch.received >= since and batch.last > after), key=order)
        return Arrival(number=later[0].first, received=later[0].received) if later else None

    def note_faults(self, tx: Transaction, name: str, faults: Sequence[Fault], *, most: int) -> None:
        rows = memory(tx).rows("stream_faults")
        number = max((key[1] for key in rows), default=0)
        for place, fault in enumerate(faults, number + 1):
            memory(tx).put("stream_faults", (name, place), fault)
        own = sorted(key for key in memory(tx).rows("stream_faults") if key[0] == name)
        for key in own[: max(0, len(own) - most)]:
            memory(tx).drop("stream_faults", key)

    def faults(self, tx: Transaction, name: str, limit: int) -> Sequence[Fault]:
        own = sorted((key for key in memory(tx).rows("stream_faults") if key[0] == name), reverse=True)
        return [memory(tx).rows("stream_faults")[key] for key in own[:limit]]

    def forget(self, tx: Transaction, name: str, *, before: datetime, below: int, limit: int) -> int:
        batches = [batch for key, batch in memory(tx).rows("stream_batches").items() if key[0] == name]
        old = sorted(batch.last for batch in batches if batch.received < before or batch.last <= below)[:limit]
        latest = self._latest(tx, name, old)
        stream = self.get(tx, name)
        if stream is not None and latest is not None:
            self.put(tx, replace(stream, gone_until=max(latest, stream.gone_until or latest)))
        for last in old:
            memory(tx).drop("stream_batches", (name, last))
        for key, number in list(memory(tx).rows("stream_keys").items()):
            if key[0] == name and old and number <= old[-1]:
                memory(tx).drop("stream_keys", key)
        for key, head in list(memory(tx).rows("stream_heads").items()):
            if key[0] == name and head.received < before:
                memory(tx).drop("stream_heads", key)
        for key, fault in list(memory(tx).rows("stream_faults").items()):
            if key[0] == name and fault.at < before:
                memory(tx).drop("stream_faults", key)
        return len(old)

    def latest_passed(self, tx: Transaction, name: str, *, before: datetime, below: int) -> datetime | None:
        batches = [batch for key, batch in memory(tx).rows("stream_batches").items() if key[0] == name]
        return self._latest(
            tx, name, [batch.last for batch in batches if batch.received < before or batch.last <= below]
        )

    def _latest(self, tx: Transaction, name: str, numbers: Sequence[int]) -> datetime | None:
        rows = memory(tx).rows("stream_batches")
        return max((rows[(name, last)].latest for last in numbers), default=None)
