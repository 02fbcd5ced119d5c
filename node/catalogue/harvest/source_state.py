"""The stored state of a source since it was read last: for each page its validators, its records and its next page.

The state is kept as notes beside the records. A page with a stored state is not examined again while it is
unchanged. So a run that was killed resumes quickly, and records that vanished at the source can be recognised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from node.base.work import UnitOfWork
from node.identity.ports import Notes

_PREFIX: Final = "harvest."


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """A page as it was read last. ``records`` are addresses here; ``refused`` are lines of the report.
    ``marks`` are those of each record (``node.catalogue.harvest.renames``). A page of an event stream has
    ``relations``, the addresses of other pages, ``versions``, the time of each record in it, and ``deleted``, the
    time at which it deletes each of these records. An ``immutable`` page never changes, as the source said.
    ``own_values`` are fields and texts of values with the number of records. Older notes lack these.
    """

    sha256: str
    etag: str = ""
    modified: str = ""
    next: str = ""
    records: Sequence[str] = ()
    conforming: int = 0
    repaired: int = 0
    refused: Sequence[Mapping[str, Any]] = ()
    marks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    relations: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    deleted: Mapping[str, str] = field(default_factory=dict)
    immutable: bool = False
    own_values: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """A source as it was read last.

    ``way`` is a hash of the parameters (rules, audience …): pages read with other parameters are read again.
    ``missing`` are addresses of records that their page no longer lists; no finished run has looked for them yet.
    """

    source: str
    way: str
    title: Mapping[str, str] = field(default_factory=dict)
    pages: Sequence[str] = ()
    missing: Sequence[str] = ()


class SourceStates:
    """The notes about all sources, by the address of the first page."""

    def __init__(self, uow: UnitOfWork, notes: Notes) -> None:
        self._uow = uow
        self._notes = notes

    def source(self, url: str) -> SourceState | None:
        with self._uow.read() as tx:
            text = self._notes.get(tx, _key(url))
        return None if text is None else SourceState(**json.loads(text))

    def page(self, url: str, page: str) -> PageState | None:
        with self._uow.read() as tx:
            text = self._notes.get(tx, _key(url, page))
        return PageState(**json.loads(text)) if text else None

    def save(self, url: str, state: SourceState, pages: Mapping[str, PageState | None]) -> None:
        """Note the state of the source and of these pages together; None forgets a page."""
        with self._uow.begin() as tx:
            for address, page in pages.items():
                self._notes.put(tx, _key(url, address), "" if page is None else _text(page))
            self._notes.put(tx, _key(url), _text(state))

    def forget_readings(self, url: str, state: SourceState, new: str) -> None:
        """Forget how all pages but the ``new`` one read, so that they are read again; keep their records."""
        pages = {page: self.page(url, page) for page in state.pages if page != new}
        stale = {page: replace(known, sha256="", etag="", modified="") for page, known in pages.items() if known}
        self.save(url, state, stale)


def _key(url: str, page: str | None = None) -> str:
    source = hashlib.sha256(url.encode()).hexdigest()[:32]
    return f"{_PREFIX}{source}" + ("" if page is None else f".{hashlib.sha256(page.encode()).hexdigest()[:32]}")


def _text(state: PageState | SourceState) -> str:
    return json.dumps(asdict(state), ensure_ascii=False, separators=(",", ":"))
