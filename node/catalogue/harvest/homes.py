"""Find the record that a draft is the next version of: at its own address or, after its IRI changed at the source, at
the address that it had before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.harvest.renames import Marks, marks_of
from node.catalogue.model import HARVESTED, HarvestOrigin, Publication, Record
from node.catalogue.publication.catalogue import Catalogue, narrows
from node.identity.model import Caller as Person
from node.identity.ports import Notes
from node.semantics.harvest.naming import former_address, harvested_address
from node.semantics.harvest.refusals import refusal
from node.semantics.kinds import KINDS


class Homes:
    """Finds the record of a draft, and renames records. ``notes`` has the addresses of renamed ones."""

    def __init__(self, catalogue: Catalogue, notes: Notes) -> None:
        self._catalogue = catalogue
        self._notes = notes

    def marks_at(self, address: str) -> Marks:
        """Return the marks of the record at ``address``."""
        with self._catalogue.uow.read() as tx:
            head = self._newest(tx, address)
        return frozenset() if head is None else marks_of(head)

    def addresses_of(self, iris: Iterable[str], source: str) -> list[str]:
        """Return the addresses of the records that have these IRIs at ``source``, without those that are unknown."""
        with self._catalogue.uow.read() as tx:
            return [address for iri in iris if (address := self._address_of(tx, iri, source))]

    def _address_of(self, tx: Transaction, iri: str, source: str) -> str | None:
        for kind in KINDS:
            base = self._catalogue.node.base
            address, former = harvested_address(base, kind, iri, (), source), former_address(base, kind, iri, ())
            for place in self._places(tx, address, former):
                head = self._newest(tx, place)
                harvested = head.harvest_origin if head is not None else None
                if harvested is not None and (harvested.iri, harvested.source) == (iri, source):
                    return place
        return None

    def _places(self, tx: Transaction, address: str, former: str) -> list[str]:
        """Return where a record may be: at its address, at its ``former`` one, or where it was renamed to."""
        places = (address, self._notes.get(tx, _note_key(address)), former, self._notes.get(tx, _note_key(former)))
        return [place for place in places if place]

    def find(self, tx: Transaction, draft: Record) -> tuple[Record, bool]:
        """Return ``draft`` with the address of its record, and whether the record is new."""
        now = draft.harvest_origin
        assert now is not None, "the drafts of an import are harvested"
        base = self._catalogue.node.base
        former = former_address(base, draft.kind, now.iri, [draft.title()]) if now.iri else draft.iri
        home = next((place for place in self._places(tx, draft.iri, former) if self._is_at(tx, place, now)), None)
        if home in (None, draft.iri):
            return draft, home is None
        if f"<{draft.iri}".encode() in draft.nquads:
            raise refusal("renamed-relative")
        return replace(draft, iri=home or draft.iri), False

    def _is_at(self, tx: Transaction, address: str, now: HarvestOrigin) -> bool:
        head = self._newest(tx, address)
        was = head.harvest_origin if head is not None else None
        return was is not None and (was.identity, was.source) == (now.identity, now.source)

    def _newest(self, tx: Transaction, address: str) -> Record | None:
        """Return the newest version with a description; the withdrawal itself has none."""
        head = self._catalogue.records.get(tx, address)
        if head is not None and head.withdrawn:
            versions = self._catalogue.records.versions(tx, address)
            head = next((version for version in versions if not version.withdrawn), head)
        return head

    def rename(self, address: str, draft: Record, by: Person, *, check: bool) -> Publication:
        """Enter ``draft`` as the next version of the record at ``address``, which had another IRI."""

        def versions(tx: Transaction) -> tuple[Record, Record]:
            head = self._catalogue.records.get(tx, address)
            was, now = head.harvest_origin if head is not None else None, draft.harvest_origin
            if head is None or head.withdrawn or was is None or now is None or was.source != now.source:
                raise refusal("no-longer-listed", address=address)
            audience = draft.audience or head.audience
            version = head.version + (2 if narrows(head, audience) else 1)
            extra = {**draft.extra, HARVESTED: {**draft.extra[HARVESTED], "former": was.iri or address}}
            return head, replace(draft, iri=address, version=version, audience=audience, extra=extra)

        if check:
            with self._catalogue.uow.read() as tx:
                return Publication(record=versions(tx)[1], created=True)

        def work(tx: Transaction) -> Publication:
            head, record = versions(tx)
            if narrows(head, record.audience):
                self._catalogue.keep(tx, withdrawal_of(head), by)
            if draft.iri != address:
                self._notes.put(tx, _note_key(draft.iri), address)
            return Publication(record=self._catalogue.keep(tx, record, by), created=True)

        return self._catalogue.in_turn(address, work)


def _note_key(address: str) -> str:
    """Return the key of the note with the real address of the record whose IRI would give it ``address``."""
    return f"harvest.moved.{hashlib.sha256(address.encode()).hexdigest()[:32]}"
