"""The audit trail: the entries of the ledger, newest first, filtered, and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from node.base.clock import Clock, stamp
from node.base.errors import NotFound
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.evidence.audit_file import signed_lines
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import Entry, EntryKind
from node.ledger.ports import LedgerStore
from node.operation.audit_events import AuditEvent, event_of

LISTED: Final = 50
"""The number of entries on a page."""
EXPORTED: Final = 50_000
"""The most entries of a table."""
WINDOW: Final = 20_000
"""The number of entries that are looked through for one page: a filter that fits few is continued by hand."""
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """The criteria of entries; empty members restrict nothing. ``subject`` and ``by`` are compared as a whole,
    ``since`` and ``until`` are moments, the second one excluded."""

    kind: EntryKind | None = None
    subject: str = ""
    by: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def to_json(self) -> dict[str, str]:
        """Return the criteria that restrict something, by their names in the API."""
        texts = {
            "kind": str(self.kind or ""),
            "subject": self.subject,
            "by": self.by,
            "since": stamp(self.since) if self.since else "",
            "until": stamp(self.until) if self.until else "",
        }
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Entries, newest first, with what each tells. ``before`` begins the next page; None at the beginning of the
    ledger."""

    entries: Sequence[Entry]
    events: Sequence[AuditEvent]
    before: int | None

    def to_json(self) -> dict[str, Any]:
        entries = [
            {**entry_json(entry), "event": event.to_json()}
            for entry, event in zip(self.entries, self.events, strict=True)
        ]
        return {"entries": entries, "before": self.before}


class AuditTrail:
    """Reads the ledger for auditors and operators. Synchronous: call it in a thread."""

    def __init__(self, uow: UnitOfWork, ledger: LedgerStore, *, keyring: KeyRing, clock: Clock) -> None:
        self._uow = uow
        self._ledger = ledger
        self._keyring = keyring
        self._clock = clock

    def page(self, criteria: AuditFilter, by: Caller, *, before: int | None = None, limit: int = LISTED) -> AuditPage:
        """Return the entries numbered below ``before``. Raises ``NotAllowed``."""
        require(by, UseCase.READ_AUDIT)
        entries, rest = self._newest(criteria, before, limit)
        return AuditPage(entries=entries, events=[self.event(entry) for entry in entries], before=rest)

    def event(self, entry: Entry) -> AuditEvent:
        """Return what ``entry`` tells."""
        return event_of(entry, self._keyring.did)

    def entry(self, number: int, by: Caller) -> Entry:
        """Return the entry with this number. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.READ_AUDIT)
        with self._uow.read() as tx:
            entries = self._ledger.newest(tx, first=number, before=number + 1, limit=1)
        if not entries:
            raise NotFound(f"the ledger has no entry {number}")
        return entries[0]

    def entries(self, criteria: AuditFilter, by: Caller) -> Iterator[Entry]:
        """Yield the entries, newest first, at most ``EXPORTED``. Raises ``NotAllowed`` at once."""
        require(by, UseCase.READ_AUDIT)
        return islice(self._all(criteria), EXPORTED)

    def sign(self, criteria: AuditFilter, by: Caller) -> Iterator[bytes]:
        """Yield the entries, newest first, at most ``EXPORTED``, as a file that this node signs
        (``node.evidence.audit_file``), many lines at a time. Raises ``NotAllowed`` at once."""
        require(by, UseCase.READ_AUDIT)
        lines = signed_lines(
            map(entry_line, self._all(criteria)),
            most=EXPORTED,
            node=self._keyring.did,
            at=self._clock.now(),
            criteria=criteria.to_json(),
            sign=self._keyring.sign_jws,
        )
        return iter(lambda: b"".join(islice(lines, _BATCH)), b"")

    def _all(self, criteria: AuditFilter) -> Iterator[Entry]:
        entries, rest = self._newest(criteria, None, _BATCH)
        yield from entries
        while rest is not None:
            entries, rest = self._newest(criteria, rest, _BATCH)
            yield from entries

    def _newest(self, criteria: AuditFilter, before: int | None, limit: int) -> tuple[Sequence[Entry], int | None]:
        """Return the entries numbered below ``before``, and what begins the next ones, as in ``AuditPage``."""
        with self._uow.read() as tx:
            end = self._ledger.size(tx) if before is None else max(before, 0)
            start = max(end - WINDOW, 0)
            entries = self._ledger.newest(
                tx,
                first=start,
                before=end,
                limit=limit,
                kind=criteria.kind,
                subject=criteria.subject,
                by=criteria.by,
                since=criteria.since,
                until=criteria.until,
            )
        rest = entries[-1].seq if len(entries) == limit else start
        return entries, rest or None


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON."""
    return {**entry_head(entry), "body": read_object(entry.body)}


def entry_head(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON without its body."""
    return {
        "seq": entry.seq,
        "id": entry.id,
        "at": stamp(entry.at),
        "kind": str(entry.kind),
        "subject": entry.subject,
        "by": entry.by,
    }


def entry_line(entry: Entry) -> bytes:
    """Return an entry as canonical JSON. Its body is canonical already, and is not read and written again."""
    head = entry_head(entry)
    first = canonical({"at": head.pop("at")})
    return first[:-1] + b',"body":' + entry.body + b"," + canonical(head)[1:]
