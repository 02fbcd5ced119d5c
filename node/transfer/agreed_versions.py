"""The versions of an asset that an agreement gives.

Without a number, a transfer brings the newest version. The version that an agreement was made for can be fetched as
long as the agreement is in force, whatever was published since. Of the other earlier versions, an agreement gives
those that the consumer could see with the audience of its own version, and of those published before its own version
only the ones that were offered under the conditions that were agreed: nobody gets an old version for easier terms
than it had. Conditions are compared by their content: a consumer that asks for other terms may choose the id of its
offer, which the agreement then names.
"""

from __future__ import annotations

from node.base.errors import NotFound
from node.base.work import Transaction
from node.catalogue.model import PUBLIC, Record
from node.catalogue.ports import RecordStore
from node.negotiation.agreement import agreed_version
from node.negotiation.model import Agreement
from node.negotiation.proposal import adds_nothing
from node.policy.comparison import same_terms


def deliverable_version(
    tx: Transaction, records: RecordStore, agreement: Agreement, head: Record, number: int | None
) -> Record:
    """Return version ``number`` of the asset whose newest version is ``head``; ``head`` for None. Raises ``NotFound``
    with the reason if the agreement does not give it, or it has no content any more."""
    if number is None or number == head.version:
        return head
    own_number = agreed_version(agreement.body)
    record = _visible_version(tx, records, agreement, number, own_number)
    if record is None:
        raise NotFound(f"the agreement does not give version {number} of the asset")
    if record.is_erased:
        raise NotFound(f"the content of version {number} of the asset was erased")
    removed_at = records.file_removals(tx, agreement.dataset).get(number)
    if removed_at is not None:
        raise NotFound(f"the files of version {number} of the asset were removed on {removed_at:%Y-%m-%d}")
    if record.withdrawn:
        raise NotFound(f"version {number} of the asset is a withdrawal, and has no files")
    return record


def _visible_version(
    tx: Transaction, records: RecordStore, agreement: Agreement, number: int, own_number: int | None
) -> Record | None:
    if own_number is None:
        return None
    if number == own_number:
        return records.get(tx, agreement.dataset, version=number)
    own = records.get(tx, agreement.dataset, version=own_number)
    if own is None:
        return None
    record = records.get(tx, agreement.dataset, version=number, audiences={PUBLIC, own.audience})
    if record is None or number > own_number or record.withdrawn:
        return record
    return record if _offered_as_agreed(record, agreement) else None


def _offered_as_agreed(record: Record, agreement: Agreement) -> bool:
    """Return whether the offer of ``record`` has the terms of the agreement, and nothing beside them that the
    agreement lacks."""
    offer = record.offer
    return offer is not None and same_terms(offer, agreement.body) and adds_nothing(offer, agreement.body)
