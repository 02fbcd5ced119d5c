"""Record versions in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.envelope import remains_of
from node.catalogue.model import PUBLIC, RETENTION, Record, RecordTitles, ScoredVersion, TermsGroup
from node.catalogue.offers import terms_hash
from node.ledger.model import EntryKind
from node.semantics.model import File
from tests.fakes.stores.work import memory


class MemoryRecordStore:
    """IRI → its versions, oldest first."""

    def add(self, tx: Transaction, record: Record) -> None:
        known = self._versions(tx, record.iri)
        if any(version.version == record.version for version in known):
            raise Conflict(f"version {record.version} of {record.iri} already exists")
        memory(tx).put(
            "places", record.iri, memory(tx).rows("places").get(record.iri, len(memory(tx).rows("places")))
        )
        versions = sorted((*known, record), key=lambda version: version.version)
        memory(tx).put("records", record.iri, tuple(versions))

    def scores(self, tx: Transaction, origin: str, *, after: tuple[str, int], limit: int) -> Sequence[ScoredVersion]:
        versions = [
            ScoredVersion(
                record.iri,
                record.version,
                record.at,
                record.publisher_key,
                record.publisher_name,
                record.withdrawn,
                record.extra.get("score") or {},
            )
            for records in memory(tx).rows("records").values()
            for record in records
            if record.origin == origin and record.kind == "dataset"
        ]
        later = sorted(version for version in versions if (version.iri, version.version) > after)
        return later[:limit]

    def erase(self, tx: Transaction, iri: str, version: int, *, by_version: int) -> None:
        versions = [
            remains_of(record, by_version) if record.version == version else record
            for record in self._versions(tx, iri)
        ]
        memory(tx).put("records", iri, tuple(versions))

    def newest(self, tx: Transaction, iris: Sequence[str]) -> Sequence[Record]:
        return [versions[-1] for iri in iris if (versions := self._versions(tx, iri))]

    def with_content(self, tx: Transaction, iri: str, numbers: Collection[int]) -> Sequence[Record]:
        versions = self._versions(tx, iri)
        return [record for record in versions if record.version in numbers and not record.withdrawn]

    def uses_file(self, tx: Transaction, sha256: str, *, origin: str | None = None) -> bool:
        stored = (record for versions in memory(tx).rows("records").values() for record in versions)
        records = (record for record in stored if origin in (None, record.origin))
        kept = (record for record in records if record.version not in self.file_removals(tx, record.iri))
        return any(file.sha256 == sha256 for record in kept for file in record.files)

    def retaining(self, tx: Transaction, *, after: str = "", limit: int = 100) -> Sequence[str]:
        declaring = {
            iri
            for iri, versions in memory(tx).rows("records").items()
            if any(RETENTION in record.extra for record in versions)
        }
        return sorted(iri for iri in declaring if iri > after)[:limit]

    def remove_files(self, tx: Transaction, iri: str, version: int, at: datetime) -> bool:
        removals = self.file_removals(tx, iri)
        memory(tx).put("removed_files", iri, {version: at, **removals})
        return version not in removals

    def file_removals(self, tx: Transaction, iri: str) -> Mapping[int, datetime]:
        removals: Mapping[int, datetime] = memory(tx).rows("removed_files").get(iri, {})
        return removals

    def kept_files(self, tx: Transaction, iri: str) -> Sequence[tuple[int, Sequence[File]]]:
        removals = self.file_removals(tx, iri)
        return [
            (record.version, record.files)
            for record in reversed(self._versions(tx, iri))
            if not record.withdrawn and record.version not in removals
        ]

    def get(
        self,
        tx: Transaction,
        iri: str,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        audiences: Collection[str] | None = None,
    ) -> Record | None:
        fitting = [
            record
            for record in self._for_them(tx, iri, audiences)
            if (version is None or record.version == version) and (as_of is None or record.at <= as_of)
        ]
        return fitting[-1] if fitting else None

    def by_entry(self, tx: Transaction, entry_ids: Sequence[str]) -> Sequence[Record]:
        by_entry: dict[str, list[Record]] = {}
        for versions in memory(tx).rows("records").values():
            for record in versions:
                by_entry.setdefault(record.entry, []).append(record)
        return [record for entry_id in dict.fromkeys(entry_ids) for record in by_entry.get(entry_id, ())]

    def versions(self, tx: Transaction, iri: str, *, audiences: Collection[str] | None = None) -> Sequence[Record]:
        return self._for_them(tx, iri, audiences)[::-1]

    def terms_groups(self, tx: Transaction, origin: str) -> Sequence[TermsGroup]:
        groups: dict[tuple[str, str], list[str]] = {}
        for record in self._of(tx, origin):
            groups.setdefault((record.audience, terms_hash(record.offer) if record.offer else ""), []).append(
                record.iri
            )
        return [TermsGroup(*key, len(iris), iris[0]) for key, iris in sorted(groups.items())]

    def titles_of(
        self,
        tx: Transaction,
        origin: str,
        *,
        audiences: Collection[str],
        terms: Collection[str],
        after: str = "",
        limit: int = 100,
    ) -> Sequence[RecordTitles]:
        titles = [
            RecordTitles(record.iri, record.audience, record.titles)
            for record in self._of(tx, origin)
            if record.iri > after
            and (record.audience in audiences or (terms_hash(record.offer) if record.offer else "") in terms)
        ]
        return titles[:limit]

    def _of(self, tx: Transaction, origin: str) -> Sequence[Record]:
        return self.current(tx, origins=(origin,), limit=len(memory(tx).rows("records")))

    def places(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        entries, subjects = memory(tx).rows("entries"), memory(tx).rows("subjects")
        about = {iri: [entries[entry_id] for entry_id in subjects.get(iri, ())] for iri in iris}
        numbers = {
            iri: [entry.seq for entry in known if entry.kind is EntryKind.RECORD and entry.seq is not None]
            for iri, known in about.items()
        }
        return {iri: min(known) for iri, known in numbers.items() if known}

    def count_of(self, tx: Transaction, origin: str) -> tuple[int, int]:
        sizes = [
            len(record.nquads)
            for versions in memory(tx).rows("records").values()
            for record in versions
            if record.origin == origin
        ]
        return len(sizes), sum(sizes)

    def _for_them(self, tx: Transaction, iri: str, audiences: Collection[str] | None) -> tuple[Record, ...]:
        return tuple(reachable(self._versions(tx, iri)[::-1], audiences))[::-1]

    def current(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str] | None = None,
        kinds: Collection[str] = (),
        origins: Collection[str] = (),
        offered: bool = False,
        as_of: datetime | None = None,
        after: str = "",
        down_from: str | None = None,
        limit: int = 100,
    ) -> Sequence[Record]:
        records: list[Record] = []
        for iri in sorted(memory(tx).rows("records")):
            record = self.get(tx, iri, as_of=as_of, audiences=audiences)
            fits = (
                record is not None
                and not record.withdrawn
                and iri > after
                and (down_from is None or iri <= down_from)
                and (not kinds or record.kind in kinds)
                and (not origins or record.origin in origins)
                and (not offered or record.offer is not None)
            )
            if record is not None and fits:
                records.append(record)
        return (records if down_from is None else records[::-1])[:limit]

    def addresses(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str],
        origins: Collection[str],
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[tuple[str, datetime]]:
        current = self.current(tx, audiences=audiences, origins=origins, limit=offset + limit)
        return [(record.iri, record.at) for record in current[offset:]]

    def newest_versions(self, tx: Transaction, kind: str, *, origin: str) -> Mapping[str, tuple[int, str]]:
        current = self.current(tx, kinds=(kind,), origins=(origin,), limit=len(memory(tx).rows("records")))
        return {record.iri: (record.version, record.audience) for record in current}

    def count(
        self,
        tx: Transaction,
        audiences: Collection[str] | None = None,
        *,
        origins: Collection[str] = (),
        by: str = "kind",
    ) -> dict[str, int]:
        newest: list[Record] = [versions[-1] for versions in memory(tx).rows("records").values()]
        return dict(
            Counter(
                getattr(record, by)
                for record in newest
                if not record.withdrawn
                and (audiences is None or record.audience in audiences)
                and (not origins or record.origin in origins)
            )
        )

    def _versions(self, tx: Transaction, iri: str) -> tuple[Record, ...]:
        versions: tuple[Record, ...] = memory(tx).rows("records").get(iri, ())
        return versions


def reachable(versions: Sequence[Record], audiences: Collection[str] | None) -> Sequence[Record]:
    """Those of ``versions`` (all of one asset, newest first) that somebody with ``audiences`` may see."""
    if audiences is None:
        return versions
    opened = next((version.version for version in versions if version.opens_history), 0)
    for place, version in enumerate(versions):
        if version.version < opened:
            break
        if version.audience not in audiences and (place == 0 or version.audience != PUBLIC):
            return versions[:place]
    return versions
