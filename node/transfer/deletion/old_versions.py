"""Remove the files of earlier versions when the time is over for which their publisher keeps them.

A file stays as long as an agreement in force was made for its version, or a transfer of it is open. First the
removal is noted, in the ledger too; from then on nobody gets the files. Then those bytes that nothing else uses are
marked like files of a trial: they are deleted a day later, unless they are published again by then. A crash between
the two leaves bytes that are marked in the next round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from node.base.clock import Clock
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.publication.erase import is_file_in_use
from node.catalogue.retention import keepings
from node.exchange.ports import AssetStore
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.agreement import agreed_version
from node.negotiation.ports import AgreementStore
from node.semantics.model import File
from node.transfer.ports import GrantStore

EVENT: Final = "files-removed"
"""The member ``event`` of the ledger entry about a removal; its subject is the asset."""
_TOGETHER: Final = 100


class RemoveOldFiles:
    """Removes the files of earlier versions of this node's own assets. It blocks."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        records: RecordStore,
        agreements: AgreementStore,
        grants: GrantStore,
        assets: AssetStore,
        append: Append,
        clock: Clock,
        me: str,
    ) -> None:
        self._work = work
        self._records = records
        self._agreements = agreements
        self._grants = grants
        self._assets = assets
        self._append = append
        self._clock = clock
        self._me = me

    def __call__(self) -> int:
        """Remove what is due, and return the number of versions that lost their files."""
        count, after = 0, ""
        while iris := self._retaining(after):
            count += sum(self._remove(iri) for iri in iris)
            after = iris[-1]
        return count

    def _retaining(self, after: str) -> Sequence[str]:
        with self._work.read() as tx:
            return self._records.retaining(tx, after=after, limit=_TOGETHER)

    def _remove(self, iri: str) -> int:
        with self._work.read() as tx:
            due = bool(self._due(tx, iri))
        count = 0
        if due:
            with self._work.begin() as tx:
                count = sum(self._note(tx, record) for record in self._due(tx, iri))
        self._mark(iri)
        return count

    def _due(self, tx: Transaction, iri: str) -> list[Record]:
        """Return the versions whose files are kept no longer."""
        versions = self._records.versions(tx, iri)
        if not versions or versions[0].origin != self._me:
            return []
        now = self._clock.now()
        times = keepings(versions, self._records.file_removals(tx, iri))
        due = [record for record in versions if record.version in times and times[record.version].is_due(now)]
        needs = self._needs(tx, iri) if due else frozenset()
        return [record for record in due if record.version not in needs]

    def _needs(self, tx: Transaction, iri: str) -> frozenset[int]:
        """Return the versions that agreements and open transfers need."""
        agreements = self._agreements.walk(tx, dataset=iri, provider=self._me)
        versions = (agreed_version(agreement.body) for agreement in agreements if agreement.ended is None)
        return frozenset(version for version in versions if version is not None) | self._grants.open_versions(tx, iri)

    def _note(self, tx: Transaction, record: Record) -> bool:
        """Note the removal; return False if another process has done it."""
        if not self._records.remove_files(tx, record.iri, record.version, self._clock.now()):
            return False
        files = [{"name": file.name, "sha256": file.sha256} for file in bytes_here(record.files)]
        body = {"event": EVENT, "version": record.version, "files": files}
        self._append(tx, EntryKind.NODE, record.iri, "node", body)
        return True

    def _mark(self, iri: str) -> None:
        """Let the bytes of all removals go that nothing else uses."""
        with self._work.read() as tx:
            removals = self._records.file_removals(tx, iri)
            if not removals:
                return
            used = {file.sha256 for _, files in self._records.kept_files(tx, iri) for file in files}
            past_versions = self._records.with_content(tx, iri, removals)
            candidates = {file.sha256 for record in past_versions for file in bytes_here(record.files)} - used
            leftovers = [
                sha256
                for sha256 in sorted(candidates)
                if self._assets.has(sha256) and not is_file_in_use(tx, self._records, sha256)
            ]
        for sha256 in leftovers:
            self._assets.expire(sha256)


def bytes_here(files: Sequence[File]) -> list[File]:
    """Return the files whose bytes this node stores."""
    return [file for file in files if file.sha256 and file.source is None]
