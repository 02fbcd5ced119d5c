"""The port to the store of streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from node.base.work import Transaction
from node.datasources.streams.model import Arrival, Batch, Fault, Head, Stream


class StreamStore(Protocol):
    """Streams by name, with their observations in batches, their latest ones by subject, and their faults."""

    def put(self, tx: Transaction, stream: Stream) -> None:
        """Store it; one of the same name is replaced, and its observations stay."""

    def create(self, tx: Transaction, stream: Stream) -> bool:
        """Store it unless there is one of its name, also one that another process has made in the same moment;
        return whether."""

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Stream | None:
        """Return it; with ``lock``, nobody else changes it until the transaction ends."""

    def all(self, tx: Transaction) -> Sequence[Stream]:
        """Return all, by name."""

    def drop(self, tx: Transaction, name: str) -> None:
        """Remove a stream with all that it has."""

    def keys(self, tx: Transaction, name: str, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Return those of ``keys`` that are kept."""

    def add(self, tx: Transaction, batch: Batch, keys: Sequence[bytes]) -> None:
        """Store a batch, with the key of each line."""

    def subjects(self, tx: Transaction, name: str, subjects: Sequence[str]) -> frozenset[str]:
        """Return those of ``subjects`` that have a latest observation."""

    def count_subjects(self, tx: Transaction, name: str) -> int: ...

    def put_heads(self, tx: Transaction, name: str, heads: Sequence[Head]) -> None:
        """Store the latest observations of their subjects, where they are later than those stored."""

    def heads(self, tx: Transaction, name: str, *, after: str, since: datetime, limit: int) -> Sequence[Head]:
        """Return the latest observations of the subjects after ``after``, by subject, that arrived at ``since`` or
        later."""

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
        """Return the batches with numbers above ``after`` that arrived at ``since`` or later, by number; only those
        that may have observations from ``start`` to before ``end``."""

    def arrival_since(self, tx: Transaction, name: str, since: datetime) -> Arrival | None:
        """Return the beginning of the first batch that arrived at ``since`` or later; None if there is none."""

    def arrival_after(self, tx: Transaction, name: str, after: int, *, since: datetime) -> Arrival | None:
        """Return the beginning of the batch with the lowest number above ``after`` that arrived at ``since`` or
        later; None if there is none."""

    def latest_arrival(self, tx: Transaction, name: str) -> datetime | None:
        """Return when the newest batch arrived; None if there is none."""

    def note_faults(self, tx: Transaction, name: str, faults: Sequence[Fault], *, most: int) -> None:
        """Store faults; the oldest beyond ``most`` are removed."""

    def faults(self, tx: Transaction, name: str, limit: int) -> Sequence[Fault]:
        """Return the newest faults, newest first."""

    def forget(self, tx: Transaction, name: str, *, before: datetime, below: int, limit: int) -> int:
        """Remove up to ``limit`` batches that arrived before ``before`` or whose numbers all lie at or below
        ``below``, with their keys; faults and latest observations before ``before`` too. The latest time of what is
        removed is noted as ``Stream.gone_until``. Return how many batches."""

    def latest_passed(self, tx: Transaction, name: str, *, before: datetime, below: int) -> datetime | None:
        """Return the latest time of observations that ``forget`` would remove; None if it would remove none."""
