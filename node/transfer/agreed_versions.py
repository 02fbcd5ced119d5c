"""The versions of an asset that an agreement gives.

Without a number, a transfer brings the newest version. The version that an agreement was made for can be fetched as
long as the agreement is in force, whatever was published since. Of the other earlier versions, an agreement gives
those that the consumer could see with the audience of its own version, and of those published before its own version
only the ones that were offered under the conditions that were agreed: nobody gets an old version for easier terms
than it had. Conditions are compared by their content: a consumer that asks for other terms may choose the id of its
offer, which the agreement then names.
"""

from __future__ import annotations

from typing import Final

from node.base.errors import Gone, NotFound
from node.base.plaintext import one_line
from node.base.work import Transaction
from node.catalogue.model import ERASED, PUBLIC, Record
from node.catalogue.ports import RecordStore
from node.catalogue.retention import require_not_removed
from node.negotiation.agreement import agreed_version
from node.negotiation.model import Agreement
from node.negotiation.proposal import adds_nothing
from node.policy.comparison import same_terms
from node.transfer.model import Reception, Transfer

VERSION_GONE: Final = "version-gone"
"""The code of a transfer that is refused because the files of its version are there no more: HTTP's 410."""


def deliverable_version(
    tx: Transaction, records: RecordStore, agreement: Agreement, head: Record, number: int | None
) -> Record:
    """Return version ``number`` of the asset whose newest version is ``head``; ``head`` for None. Raises ``NotFound``
    with the reason if the agreement does not give it, and ``Gone`` if it has no content any more."""
    if number is None or number == head.version:
        return head
    record = _visible_version(tx, records, agreement, number)
    if record is None:
        raise NotFound(f"the agreement does not give version {number} of the asset")
    require_content(tx, records, record)
    if record.withdrawn:
        raise NotFound(f"version {number} of the asset is a withdrawal, and has no files")
    return record


def gives_version(tx: Transaction, records: RecordStore, agreement: Agreement, head: Record, number: int) -> bool:
    """Return whether ``agreement`` gives version ``number`` of the asset whose newest version is ``head``: to a
    transfer, to a model that reads it, and to a call of a model. Its content may be gone."""
    return number == head.version or _visible_version(tx, records, agreement, number) is not None


def require_content(tx: Transaction, records: RecordStore, record: Record) -> None:
    """Raise ``Gone``, with the day or the reason, if this version was erased or its files were removed."""
    if record.is_erased:
        erasing = records.get(tx, record.iri, version=record.extra[ERASED])
        reason = f": {erasing.erasure_reason}" if erasing is not None and erasing.erasure_reason else ""
        day = f" on {erasing.at:%Y-%m-%d}" if erasing is not None else ""
        raise Gone(
            f"the content of version {record.version} of the asset was erased{day}{reason}",
            remedy="get the newest version, or ask the publisher",
            facts={"case": "erased", "version": record.version, "reason": reason.removeprefix(": ")},
        )
    require_not_removed(record, records.file_removals(tx, record.iri))


def require_version_there(transfer: Transfer, reception: Reception | None = None) -> None:
    """Raise ``Gone``, in the provider's words, if a transfer of an earlier version ended because the files of this
    version are there no more; ``reception`` is what arrived of it here."""
    reception_code = (reception.facts or {}).get("code") if reception is not None else None
    if transfer.asset_version is None or (transfer.code != VERSION_GONE and reception_code != Gone.code):
        return
    reasons = [*transfer.reason, reception.error if reception is not None else None]
    words = next((text for text in reasons if isinstance(text, str) and text), "")
    raise Gone(
        f"the provider: {one_line(words)[:500]}" if words else "the files of this version are no longer there",
        remedy="get the newest version, or ask the publisher",
    )


def _visible_version(tx: Transaction, records: RecordStore, agreement: Agreement, number: int) -> Record | None:
    own_number = agreed_version(agreement.body)
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
