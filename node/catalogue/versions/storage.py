"""Store a version of a record: its ledger entry, its row, and the erasure of the versions that it erases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from node.base.work import Transaction
from node.catalogue.envelope import ledger_body
from node.catalogue.model import Record, WiderAudience
from node.catalogue.ports import RecordStore
from node.catalogue.versions.erasure import erase_versions, versions_to_erase
from node.ledger.model import EntryKind
from node.ledger.ports import Append, Erase


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStorage:
    """Stores signed versions: those of this node, and those of nodes that it follows."""

    append: Append
    erase: Erase
    records: RecordStore

    def add(
        self, tx: Transaction, version: Record, *, by: str, at: datetime, change: WiderAudience | None = None
    ) -> Record:
        """Put ``version`` into the ledger and the store, in the caller's transaction; return it with its entry.

        ``change`` describes a wider audience from now on; the ledger entry records it. Raises ``Conflict`` if the
        asset has a version of this number.
        """
        to_erase = versions_to_erase(tx, self.records, version)
        entry = self.append(tx, EntryKind.RECORD, version.iri, by, ledger_body(version, change, erases=to_erase), at)
        version_with_entry = replace(version, entry=entry.id)
        self.records.add(tx, version_with_entry)
        erase_versions(tx, self.records, self.erase, version_with_entry, to_erase)
        return version_with_entry
