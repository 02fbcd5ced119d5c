"""Store checked versions: each in a transaction of its own, or a batch of them in one.

A transaction costs as much as several versions: it waits for the disk, the ledger is numbered after it, and the views
follow. A version of a batch that cannot be stored does not harm the others: what is known before it is written
refuses it alone; if writing fails, each version of the batch is stored in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.base.errors import HansaError, InvalidInput, RemoteFault
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.model import OPENS_HISTORY, PUBLIC, Publication, Record
from node.catalogue.offers import Terms
from node.catalogue.origins import require_same_origin
from node.catalogue.publication.catalogue import Catalogue, narrows, require_made_from, same_content
from node.catalogue.publication.exposure import find_wider_audience, findings_about
from node.catalogue.publication.submission_check import PendingVersion
from node.identity.model import Caller


class VersionWriter:
    """Stores checked versions, or says what storing them would do."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def foresee(self, pending: PendingVersion) -> Publication:
        """Return what ``store`` would return. Nothing is stored."""
        with self._catalogue.uow.read() as tx:
            return self._foreseen(tx, pending)

    def foresee_all(self, versions: Sequence[PendingVersion]) -> list[Publication | HansaError]:
        """Return what ``store_all`` would return. Nothing is stored."""
        outcomes: list[Publication | HansaError] = []
        with self._catalogue.uow.read() as tx:
            for pending in versions:
                try:
                    outcomes.append(self._foreseen(tx, pending))
                except RemoteFault as fault:
                    outcomes.append(fault)
        return outcomes

    def store(self, pending: PendingVersion, by: Caller) -> Publication:
        """Store ``pending`` in a transaction of its own.

        Raises ``InvalidInput`` if the address belongs to another asset or node, or if the audience that it inherits
        has changed, and ``Conflict``.
        """

        def work(tx: Transaction) -> Publication:
            return self._write(tx, by, *self._outcome_of(tx, pending))

        return self._catalogue.in_turn(pending.draft.iri, work)

    def store_all(self, versions: Sequence[PendingVersion], by: Caller) -> list[Publication | HansaError]:
        """Store ``versions``, each of another asset, in one transaction; return for each what was published, or why
        it was not.

        Raises ``LocalFault``. Then none was stored, unless they had to be stored one by one.
        """
        if not versions:
            return []
        try:
            with self._catalogue.uow.begin() as tx:
                return [self._keep(tx, pending, by) for pending in versions]
        except RemoteFault:
            # Nothing of the batch was stored. One of them is at fault, or another process was quicker with it.
            return [self._store_or_refuse(pending, by) for pending in versions]

    def _foreseen(self, tx: Transaction, pending: PendingVersion) -> Publication:
        draft = pending.draft
        head = self._catalogue.records.get(tx, draft.iri)
        require_made_from(pending.follows, head)
        if head is not None:
            require_same_origin(self._catalogue.records, tx, draft, pending.submission)
        return _outcome(head, _after(head, draft), pending.terms, pending.audience_before)

    def _store_or_refuse(self, pending: PendingVersion, by: Caller) -> Publication | HansaError:
        try:
            return self.store(pending, by)
        except RemoteFault as fault:
            return fault

    def _keep(self, tx: Transaction, pending: PendingVersion, by: Caller) -> Publication | HansaError:
        try:
            outcome, head = self._outcome_of(tx, pending)
        except RemoteFault as fault:
            # Nothing of this version was written by then.
            return fault
        return self._write(tx, by, outcome, head)

    def _outcome_of(self, tx: Transaction, pending: PendingVersion) -> tuple[Publication, Record | None]:
        """Return the result of publishing ``pending``, and the previous version."""
        draft, is_inherited = pending.draft, pending.audience_before
        head = self._catalogue.records.get(tx, draft.iri)
        if head is not None and head.origin != draft.origin:
            raise InvalidInput(
                "another node answers for this IRI",
                remedy="publish it at that node, or under an address of this node",
            )
        require_made_from(pending.follows, head)
        if head is not None:
            require_same_origin(self._catalogue.records, tx, draft, pending.submission)
        if is_inherited is not None and head is not None and head.audience != is_inherited:
            raise InvalidInput(
                "another version was published for another audience in the meantime",
                remedy="publish again, and name the audience",
            )
        return _outcome(head, _after(head, draft), pending.terms, is_inherited), head

    def _write(self, tx: Transaction, by: Caller, outcome: Publication, head: Record | None) -> Publication:
        if not outcome.created:
            return outcome
        if head is not None and narrows(head, outcome.record.audience):
            # Callers that could see the asset until now see only that it is withdrawn.
            self._catalogue.keep(tx, withdrawal_of(head), by)
        return replace(outcome, record=self._catalogue.keep(tx, outcome.record, by, outcome.wider_audience))


def _after(head: Record | None, draft: Record) -> Record:
    """Return ``draft`` with the version number that follows ``head``."""
    if head is None:
        # It has no earlier versions to open.
        extra = {name: value for name, value in draft.extra.items() if name != OPENS_HISTORY}
        return replace(draft, version=1, extra=extra)
    return replace(draft, version=head.version + (2 if narrows(head, draft.audience) else 1))


def _outcome(head: Record | None, draft: Record, terms: Terms | None, default_audience: str | None) -> Publication:
    """Return the result of publishing ``draft`` after ``head``: no new version, or this one and its warnings."""
    if head is not None and same_content(head, draft):
        return Publication(record=head, created=False)
    change = find_wider_audience(head, draft)
    # Conditions for a wide audience have little effect while few see the asset: warn if the audience was forgotten.
    forgotten = default_audience not in (None, PUBLIC) and terms is not None and terms.offer is not None
    about = findings_about(head, draft, change, inherited=forgotten)
    return Publication(record=draft, created=True, wider_audience=change, findings=tuple(about))
