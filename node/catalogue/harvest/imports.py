"""Import: a foreign catalogue file → a harvested record for each of its resources.

Harvested records are statements of others, so they need not be as correct as this node's own. A record is entered if
it can be read and has an identity and a title. It is kept unchanged, under its own IRI, and its faults become
findings. This node signs that it harvested the record (``origin``) and gives it an address, but makes no offer: the
bytes are at the source.

Each record is a transaction of its own. An import that ends halfway has entered the records that it reported; the
next import finds them unchanged, by the hash of their canonical form, and goes on with the others.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput, LocalFault
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.harvest.homes import Homes
from node.catalogue.harvest.renames import Marks, NewRecord, marks_of
from node.catalogue.harvest.report import Entered, Opened, Outcome, Tally
from node.catalogue.model import HARVESTED, PUBLIC, Published, Record
from node.catalogue.names import check_audience, check_record_iri, check_statements
from node.catalogue.publish import PLURALS, Catalogue, Settled, narrows, same_content, settle
from node.catalogue.visibility import Visibility
from node.identity.model import Caller as Person
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.semantics.description.door import Caller
from node.semantics.harvest.door import Batches, Examined, cut, examine

MAX_SOURCE: Final = 200
_NAMELESS: Final = "import"

Waits = Callable[[Marks], Awaitable[bool]]
"""Whether a new record with these marks waits for the end, since it may be an old one under a new IRI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """The parameters of an import.

    ``base`` is the address of the file, for addresses relative to it. ``source`` names the source of the records;
    its default is the name of the ``dcat:Catalog``, or else ``name``, the name of the file. Without ``audience`` a
    record keeps the audience of its previous version, and a new record is public. ``rules`` are rules of repair. With
    ``check`` nothing is saved.
    """

    body: bytes
    media_type: str
    name: str = ""
    base: str = ""
    source: str = ""
    audience: str | None = None
    rules: Sequence[str] = ()
    check: bool = False
    since: datetime | None = None


class Import:
    """Enter the records of other people's catalogues."""

    def __init__(
        self,
        *,
        cage: Caller,
        catalogue: Catalogue,
        visibility: Visibility,
        peers: Callable[[], tuple[str, ...]] = tuple,
        settled: Settled | None = None,
        advised: Sequence[str] = (),
        notes: Notes,
    ) -> None:
        """``peers`` returns the base URLs of other known nodes: their records arrive by following, not by import.
        ``notes`` has the addresses of records that were renamed at their source."""
        self.homes = Homes(catalogue, notes)
        self.cage = cage
        self._catalogue = catalogue
        self._visibility = visibility
        self._peers = peers
        self._settled = settled
        self._advised = tuple(advised)

    def require_role(self, by: Person) -> None:
        """Raise ``NotAllowed`` if ``begin`` would raise it: for a check before a long file is read."""
        require(by, UseCase.PUBLISH)

    async def begin(self, order: ImportOrder, by: Person) -> Running:
        """Cut the file of ``order``. Its records are entered while the result is iterated.

        Raises ``NotAllowed`` if ``by`` may not publish, ``InvalidInput`` for an unknown audience, rule or source
        name, and for an unreadable file. Nothing has been entered then.
        """
        self.check_order(order, by)
        batches = await cut(self.cage, order.body, order.media_type, base=order.base, rules=order.rules)
        source = order.source.strip() or next(iter(batches.catalogues), "") or order.name.strip() or _NAMELESS
        check_source_name(source)
        return Running(self, replace(order, body=b"", source=source), batches, by)

    def check_order(self, order: ImportOrder, by: Person) -> None:
        """Raise ``NotAllowed`` if ``by`` may not publish, ``InvalidInput`` for an unknown audience."""
        require(by, UseCase.PUBLISH)
        if order.audience is not None and check_audience(order.audience) not in self._visibility.known:
            raise InvalidInput(
                f"nobody here knows the audience {order.audience!r}",
                remedy=f"one of: {', '.join(sorted(self._visibility.known))}",
            )

    async def enter(
        self, order: ImportOrder, batches: Batches, by: Person, *, waits: Waits | None = None
    ) -> AsyncIterator[Published | Entered | NewRecord]:
        """Enter or refuse each record of ``batches``; yield the publication, if any, before the report of it. A new
        record that ``waits`` is yielded as ``NewRecord``, and not entered."""
        seen: dict[str, int] = {}
        records = examine(
            self.cage,
            batches,
            base=self._catalogue.node.base,
            source=order.source,
            rules=order.rules,
            advised=self._advised,
        )
        number = 0
        async for examined in records:
            number += 1
            facts = examined.facts
            about = Entered(
                number=number,
                outcome=Outcome.REFUSED,
                iri=facts.get("iri", "") or _iri(facts.get("subject", "")),
                address=facts.get("address", ""),
                kind=facts.get("kind", ""),
                title=next(iter(facts.get("titles", {}).values()), ""),
                conforms=bool(facts.get("conforms")),
                points=(facts.get("extra") or {}).get("score", {}).get("points"),
                findings=examined.findings,
                mends=tuple(facts.get("mends", ())),
                repairs=tuple(facts.get("repairs", ())),
                error=examined.error,
                remedy=examined.remedy,
            )
            if about.error:
                yield about
                continue
            first = seen.setdefault(about.address, number)
            if first != number:
                yield replace(
                    about,
                    error=f"it has the identity of record {first} of this file",
                    remedy="the source has to give each its own IRI or identifier",
                )
                continue
            try:
                draft = self._draft(order, examined, batches.title)
                draft, is_new = await asyncio.to_thread(self.homes.find, draft)
                about = replace(about, address=draft.iri, marks=marks_of(draft))
                first = seen.setdefault(draft.iri, number)
                if first != number:
                    yield replace(about, error=f"it is record {first} of this file under another IRI")
                    continue
                if is_new and waits is not None and await waits(about.marks):
                    yield NewRecord(draft=draft, line=about)
                    continue
                published = await asyncio.to_thread(self._store, draft, order, by)
            except LocalFault:
                # A full disk or an unreachable database is not the record's fault, and fails the next record too.
                raise
            except HansaError as error:
                yield replace(about, error=error.detail, remedy=error.remedy)
                continue
            version = published.record.version
            outcome = Outcome.UNCHANGED
            if published.created or (order.since is not None and published.record.at >= order.since):
                outcome = Outcome.NEW if version == 1 else Outcome.CHANGED
                yield published
            yield replace(about, outcome=outcome, version=version)

    async def enter_waiting(
        self, record: NewRecord, order: ImportOrder, by: Person, *, address: str = "", note: str = ""
    ) -> tuple[Published | None, Entered]:
        """Enter a record that waited: as the one at ``address``, which keeps its versions, or as a new one."""
        store = partial(self._store_renamed, address) if address else self._store
        try:
            published = await asyncio.to_thread(store, record.draft, order, by)
        except LocalFault:
            raise
        except HansaError as error:
            return None, replace(record.line, error=error.detail, remedy=error.remedy)
        entered = published.record
        former = entered.harvested.former if address and entered.harvested is not None else ""
        outcome = Outcome.RENAMED if former else Outcome.NEW if entered.version == 1 else Outcome.CHANGED
        line = replace(record.line, outcome=outcome, version=entered.version, former=former, note=note)
        return published, replace(line, address=entered.iri)

    def _store_renamed(self, address: str, draft: Record, order: ImportOrder, by: Person) -> Published:
        return self.homes.rename(address, draft, by, check=order.check)

    async def settle(self, last: Published | None) -> None:
        """Wait until the views show the record entered last."""
        if last is not None:
            await settle(last, self._settled)

    def _draft(self, order: ImportOrder, examined: Examined, title: Mapping[str, str]) -> Record:
        """Return the record that would be stored, with no version, moment or signature yet."""
        facts, node = examined.facts, self._catalogue.node
        address, nquads = facts["address"], examined.nquads
        check_record_iri(address, base=node.base, plurals=PLURALS, kind=facts["kind"])
        check_statements(nquads, iri=address, base=node.base, others=self._peers())
        _require_nothing_of_ours(nquads, address, node.base)
        harvested: dict[str, Any] = {"iri": facts["iri"], "source": order.source, "identity": facts["identity"]}
        if title:
            harvested["title"] = dict(title)
        for name in ("mends", "repairs"):
            if facts.get(name):
                harvested[name] = facts[name]
        extra = {**facts["extra"], HARVESTED: harvested}
        if facts["bbox"] is not None:
            # As text: a fraction has no canonical form.
            extra["bbox"] = [repr(float(edge)) for edge in facts["bbox"]]
        return Record(
            iri=address,
            version=0,
            kind=facts["kind"],
            audience=order.audience or "",
            titles=dict(facts["titles"]),
            descriptions=dict(facts["descriptions"]),
            # A publisher without an IRI is identified by its name; if it has no name either, by the source.
            publisher=facts["publisher"] or facts["publisherName"] or order.source,
            publisher_name=facts["publisherName"] or ("" if facts["publisher"] else order.source),
            origin=node.did,
            nquads=nquads,
            sha256=hashlib.sha256(nquads).hexdigest(),
            at=self._catalogue.clock.now(),
            by="",
            keywords=tuple(facts["keywords"]),
            themes=tuple(facts["themes"]),
            warnings=tuple(finding.to_json() for finding in examined.findings if finding.severity != "info"),
            extra=extra,
        )

    def _store(self, draft: Record, order: ImportOrder, by: Person) -> Published:
        if order.check:
            with self._catalogue.uow.read() as tx:
                return self._outcome(tx, draft)[0]

        def work(tx: Transaction) -> Published:
            outcome, head = self._outcome(tx, draft)
            if not outcome.created:
                return outcome
            if head is not None and narrows(head, outcome.record.audience):
                self._catalogue.keep(tx, withdrawal_of(head), by)
            return replace(outcome, record=self._catalogue.keep(tx, outcome.record, by))

        return self._catalogue.in_turn(draft.iri, work)

    def _outcome(self, tx: Transaction, draft: Record) -> tuple[Published, Record | None]:
        """Return the result of publishing ``draft``, and the previous version. Raises ``InvalidInput`` if the address
        belongs to another asset."""
        head = self._catalogue.records.get(tx, draft.iri)
        audience = draft.audience or (head.audience if head is not None else PUBLIC)
        draft = replace(draft, audience=audience)
        if head is None:
            return Published(record=replace(draft, version=1), created=True), None
        self._require_same_source(tx, draft, head)
        if same_content(head, draft):
            return Published(record=head, created=False), head
        version = head.version + (2 if narrows(head, audience) else 1)
        return Published(record=replace(draft, version=version), created=True), head

    def _require_same_source(self, tx: Transaction, draft: Record, head: Record) -> None:
        if head.withdrawn:
            head = next((v for v in self._catalogue.records.versions(tx, draft.iri) if not v.withdrawn), head)
        was, now = head.harvested, draft.harvested
        assert now is not None
        if head.origin != draft.origin or was is None or was.identity != now.identity:
            raise InvalidInput(
                f"{draft.iri} is the address of another asset here",
                remedy="withdraw that asset, or leave this record out",
            )
        if was.source != now.source:
            raise InvalidInput(
                f"it was imported from {was.source} already",
                remedy=f"import it from there, or say that this is the same source: --source '{was.source}'",
                facts={"source": was.source},
            )


class Running:
    """An import in progress: ``opened`` describes the file; iterating enters the records; ``tally`` counts them."""

    def __init__(self, use_case: Import, order: ImportOrder, batches: Batches, by: Person) -> None:
        self._use_case = use_case
        self._order = order
        self._batches = batches
        self._by = by
        self.tally = Tally()
        self.opened = Opened(
            total=batches.total,
            source=order.source,
            title=batches.title,
            notes=batches.notes,
            left_out=batches.left_out,
        )

    async def __aiter__(self) -> AsyncIterator[Entered]:
        last: Published | None = None
        async for item in self._use_case.enter(self._order, self._batches, self._by):
            if isinstance(item, Published):
                last = item
            if not isinstance(item, Entered):
                continue
            self.tally.add(item)
            yield item
        if not self._order.check:
            await self._use_case.settle(last)


def check_source_name(source: str) -> None:
    """Raise ``InvalidInput`` if ``source`` cannot be the name of the source of records."""
    if len(source) > MAX_SOURCE or any(ord(letter) < ord(" ") for letter in source):
        raise InvalidInput(
            f"the name of the source has more than {MAX_SOURCE} characters, or unusable ones",
            remedy="name it shorter: --source NAME",
        )


def _iri(subject: str) -> str:
    return subject[1:-1] if subject.startswith("<") else ""


def _require_nothing_of_ours(nquads: bytes, address: str, base: str) -> None:
    """Raise ``InvalidInput`` if the imported record states something about an asset of this node."""
    ours = f"<{base.rstrip('/')}/".encode()
    mine = (f"<{address}>".encode(), f"<{address}#".encode())
    for line in nquads.splitlines():
        if line.startswith(ours) and not line.startswith(mine):
            told = line[1:].partition(b">")[0].decode()
            raise InvalidInput(f"it states something about {told}, which is an asset of this node")
