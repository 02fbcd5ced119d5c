"""The records that were stored or read last, for the readers of the next moments.

A version that was published is read by each view, by the list of links and by peers, within a second. Reading it
takes a third of a millisecond: its parts are decompressed and decoded.
"""

from __future__ import annotations

from typing import Any, Final

from node.catalogue.model import Record

MOST: Final = 300
LARGEST: Final = 64 << 10
"""Bytes of the longest description that is kept."""
MOST_BYTES: Final = 4 << 20
"""Bytes of all descriptions that are kept; what else a record has takes as much again or twice as much."""

Mark = tuple[str, str, int]
"""Entry, IRI and version. The newest version of an asset never changes under its mark; earlier ones may be erased."""


class KnownRecords:
    """Records by their marks. Any thread may use it."""

    def __init__(self) -> None:
        self._records: dict[Mark, Record] = {}
        self._bytes = 0

    def get(self, mark: Mark) -> Record | None:
        return self._records.get(mark)

    def keep(self, record: Record) -> None:
        """Keep a record as it was read, and drop all others if there are too many."""
        mark = (record.entry, record.iri, record.version)
        size = len(record.nquads)
        if not record.entry or size > LARGEST or mark in self._records:
            return
        if len(self._records) >= MOST or self._bytes + size > MOST_BYTES:
            self._records, self._bytes = {}, 0
        self._records[mark] = record
        self._bytes += size

    def keep_new(self, record: Record) -> None:
        """Keep a record that is being stored, if reading it will give the same values. If its transaction fails,
        nobody will ask for its entry."""
        if all(map(_is_read_as_written, (record.titles, record.descriptions, record.offer, record.extra))) and all(
            map(_is_read_as_written, record.warnings)
        ):
            self.keep(record)


def _is_read_as_written(value: Any) -> bool:
    """Return whether JSON gives back ``value`` as it is: not tuples, which come back as lists, nor names that are no
    texts."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and _is_read_as_written(member) for name, member in value.items())
    if kind is list:
        return all(map(_is_read_as_written, value))
    return kind in (str, int, bool, float, type(None))
