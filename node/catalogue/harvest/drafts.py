"""Drafts of harvested records: made from what the cage has examined, and stored together.

A transaction costs as much as several records: it waits for the disk, the ledger is numbered after it, and the views
follow. The records of a batch therefore share one. A record that cannot be stored does not harm the others: what is
known before it is written refuses it alone; if writing fails, each record of the batch is stored in a transaction of
its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.base.errors import HansaError, LocalFault
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.harvest.homes import Homes
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.model import HARVESTED, PUBLIC, Publication, Record
from node.catalogue.names import check_record_iri, check_statements
from node.catalogue.publication.catalogue import PLURALS, Catalogue, narrows, same_content
from node.identity.model import Caller as Person
from node.semantics.harvest.cage_client import ExaminedRecord
from node.semantics.harvest.refusals import refusal


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that would be stored, with no version, moment or signature yet, and whether its asset is new."""

    record: Record
    is_new: bool


class Drafts:
    """Makes and stores drafts. ``peers`` returns the base URLs of other known nodes."""

    def __init__(self, catalogue: Catalogue, homes: Homes, peers: Callable[[], tuple[str, ...]]) -> None:
        self._catalogue = catalogue
        self._homes = homes
        self._peers = peers

    def prepare(
        self, order: ImportOrder, page: Sequence[ExaminedRecord], title: Mapping[str, str]
    ) -> list[Draft | HansaError | None]:
        """Return the draft of each record at the address of its asset, the reason why there is none, or None for a
        record that was refused already."""
        drafts: list[Draft | HansaError | None] = []
        peers = self._peers()
        with self._catalogue.uow.read() as tx:
            for examination in page:
                if examination.error:
                    drafts.append(None)
                    continue
                try:
                    record, is_new = self._homes.find(tx, self._draft(order, examination, title, peers))
                    drafts.append(Draft(record, is_new))
                except LocalFault:
                    # A full disk or an unreachable database is not the record's fault, and fails the next one too.
                    raise
                except HansaError as error:
                    drafts.append(error)
        return drafts

    def store(self, drafts: Sequence[Record], order: ImportOrder, by: Person) -> list[Publication | HansaError]:
        """Store ``drafts`` in one transaction; return for each what was published, or why it was not.

        Raises ``LocalFault``. Then none was stored, unless they had to be stored one by one.
        """
        if order.check:
            with self._catalogue.uow.read() as tx:
                return [self._settled_outcome(tx, draft)[0] for draft in drafts]
        try:
            with self._catalogue.uow.begin() as tx:
                return [self._keep(tx, draft, by) for draft in drafts]
        except LocalFault:
            raise
        except HansaError:
            # Nothing of the batch was stored. One of them is at fault, or another process was quicker with it.
            return [self._store_or_refuse(draft, order, by) for draft in drafts]

    def store_alone(self, draft: Record, order: ImportOrder, by: Person) -> Publication:
        """Store ``draft`` in a transaction of its own. Raises the errors of ``Import``."""
        if order.check:
            with self._catalogue.uow.read() as tx:
                return self._outcome(tx, draft)[0]

        def work(tx: Transaction) -> Publication:
            return self._write(tx, by, *self._outcome(tx, draft))

        return self._catalogue.in_turn(draft.iri, work)

    def _store_or_refuse(self, draft: Record, order: ImportOrder, by: Person) -> Publication | HansaError:
        try:
            return self.store_alone(draft, order, by)
        except LocalFault:
            raise
        except HansaError as error:
            return error

    def _keep(self, tx: Transaction, draft: Record, by: Person) -> Publication | HansaError:
        outcome, head = self._settled_outcome(tx, draft)
        return outcome if isinstance(outcome, HansaError) else self._write(tx, by, outcome, head)

    def _settled_outcome(self, tx: Transaction, draft: Record) -> tuple[Publication | HansaError, Record | None]:
        """Return ``_outcome``, or why ``draft`` is refused: nothing of it was written by then."""
        try:
            return self._outcome(tx, draft)
        except LocalFault:
            raise
        except HansaError as error:
            return error, None

    def _write(self, tx: Transaction, by: Person, outcome: Publication, head: Record | None) -> Publication:
        if not outcome.created:
            return outcome
        if head is not None and narrows(head, outcome.record.audience):
            self._catalogue.keep(tx, withdrawal_of(head), by)
        return replace(outcome, record=self._catalogue.keep(tx, outcome.record, by))

    def _outcome(self, tx: Transaction, draft: Record) -> tuple[Publication, Record | None]:
        """Return the result of publishing ``draft``, and the previous version. Raises ``InvalidInput`` if the address
        belongs to another asset."""
        head = self._catalogue.records.get(tx, draft.iri)
        audience = draft.audience or (head.audience if head is not None else PUBLIC)
        draft = replace(draft, audience=audience)
        if head is None:
            return Publication(record=replace(draft, version=1), created=True), None
        self._require_same_source(tx, draft, head)
        if same_content(head, draft):
            return Publication(record=head, created=False), head
        version = head.version + (2 if narrows(head, audience) else 1)
        return Publication(record=replace(draft, version=version), created=True), head

    def _require_same_source(self, tx: Transaction, draft: Record, head: Record) -> None:
        if head.withdrawn:
            head = next((v for v in self._catalogue.records.versions(tx, draft.iri) if not v.withdrawn), head)
        was, now = head.harvest_origin, draft.harvest_origin
        assert now is not None
        if head.origin != draft.origin or was is None or was.identity != now.identity:
            raise refusal("address-of-another", address=draft.iri)
        if was.source != now.source:
            raise refusal("other-source", source=was.source)

    def _draft(
        self, order: ImportOrder, examination: ExaminedRecord, title: Mapping[str, str], peers: tuple[str, ...]
    ) -> Record:
        """Return the record that would be stored, with no version, moment or signature yet."""
        facts, node = examination.facts, self._catalogue.node
        address, nquads = facts["address"], examination.nquads
        check_record_iri(address, base=node.base, plurals=PLURALS, kind=facts["kind"])
        check_statements(nquads, iri=address, base=node.base, others=peers)
        _require_nothing_of_ours(nquads, address, node.base)
        origin: dict[str, Any] = {"iri": facts["iri"], "source": order.source, "identity": facts["identity"]}
        if title:
            origin["title"] = dict(title)
        # "mends" is the name in records of all versions: another one would make each of them a changed record.
        for name, member in (("syntaxRepairs", "mends"), ("repairs", "repairs")):
            if facts.get(name):
                origin[member] = facts[name]
        extra = {**facts["extra"], HARVESTED: origin}
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
            warnings=tuple(finding.to_json() for finding in examination.findings if finding.severity != "info"),
            extra=extra,
        )


def _require_nothing_of_ours(nquads: bytes, address: str, base: str) -> None:
    """Raise ``InvalidInput`` if the imported record states something about an asset of this node."""
    ours = f"<{base.rstrip('/')}/".encode()
    mine = (f"<{address}>".encode(), f"<{address}#".encode())
    for line in nquads.splitlines():
        if line.startswith(ours) and not line.startswith(mine):
            raise refusal("about-own-asset", iri=line[1:].partition(b">")[0].decode())
