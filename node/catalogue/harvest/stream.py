"""The pages of an event stream that wait until the newest version of each record is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.catalogue.harvest.source_state import PageState
from node.semantics.harvest.cage_client import Batches

HELD: Final = 64 << 20
"""Bytes of packed records that wait at most. A stream with more is entered in parts, and then older versions of a
record may be entered before the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """A page that changed: its address, its state before, its state now without its records, and its records."""

    place: str
    state_before: PageState | None
    state: PageState
    batches: Batches


class Stream:
    """An event stream in the course of one harvest."""

    def __init__(self) -> None:
        self.exists = False
        """True if the source is an event stream."""
        self._newest: dict[str, str] = {}
        self._deletions: dict[str, str] = {}
        self._pages: list[ReadPage] = []
        self._unchanged: list[PageState] = []
        self._size = 0

    def hold(self, page: ReadPage) -> None:
        """Keep a page that changed until all versions are known."""
        self.exists = True
        self._learn(page.state)
        self._pages.append(page)
        self._size += sum(map(len, page.batches.batches))

    def skip(self, page: PageState) -> None:
        """Keep a page that did not change."""
        self.exists = True
        self._learn(page)
        self._unchanged.append(page)

    @property
    def is_full(self) -> bool:
        return self._size > HELD

    def pages(self) -> Iterator[ReadPage]:
        """Yield each page that changed, with those of its records that are the newest version, and forget it."""
        deletions = {record for record in self._deletions if self._is_deleted(record)}
        newest = {record: time for record, time in self._newest.items() if record not in deletions}
        for state in self._unchanged:
            for record, time in state.versions.items():
                # An unchanged page has this version already.
                if newest.get(record) == time:
                    del newest[record]
        pages, self._pages, self._size = self._pages, [], 0
        for page in pages:
            yield ReadPage(
                place=page.place,
                state_before=page.state_before,
                state=page.state,
                batches=page.batches.newest(newest),
            )

    def deleted_iris(self) -> list[str]:
        """Return the IRIs of the records that the stream deleted and has no later version of."""
        return [record[1:-1] for record in self._deletions if self._is_deleted(record)]

    def _is_deleted(self, record: str) -> bool:
        return self._deletions[record] >= self._newest.get(record, "")

    def unchanged_pages(self) -> list[PageState]:
        """Return the pages that did not change."""
        return self._unchanged

    def _learn(self, page: PageState) -> None:
        for record, time in page.versions.items():
            self._newest[record] = max(self._newest.get(record, ""), time)
        for record, time in page.deleted.items():
            self._deletions[record] = max(self._deletions.get(record, ""), time)
