"""The retention of files: assets with a declaration, and the versions whose files were removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from node.adapters.sql.rows import add
from node.adapters.sql.schema.records import record_retentions, records, removed_files
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.catalogue.model import RETENTION, Record
from node.semantics.model import File

_RETAINING = (
    select(record_retentions.c.iri)
    .where(record_retentions.c.iri > bindparam("after"))
    .order_by(record_retentions.c.iri)
    .limit(bindparam("most"))
)
_REMOVALS = select(removed_files.c.version, removed_files.c.at).where(removed_files.c.iri == bindparam("iri"))
is_removed = (
    select(removed_files.c.iri)
    .where(removed_files.c.iri == records.c.iri, removed_files.c.version == records.c.version)
    .correlate(records)
    .exists()
)
"""True for a row of ``records`` whose files were removed."""
_KEPT = (
    select(records.c.version, records.c.files)
    .where(records.c.iri == bindparam("iri"), ~records.c.withdrawn, ~is_removed)
    .order_by(records.c.version.desc())
)


class SqlFileRetention:
    """The part of ``SqlRecordStore`` about the files of earlier versions."""

    def retaining(self, tx: Transaction, *, after: str = "", limit: int = 100) -> Sequence[str]:
        rows = connection_of(tx).execute(_RETAINING, {"after": after, "most": limit})
        return [row.iri for row in rows]

    def remove_files(self, tx: Transaction, iri: str, version: int, at: datetime) -> bool:
        return bool(add(connection_of(tx), removed_files, {"iri": iri, "version": version, "at": at}))

    def file_removals(self, tx: Transaction, iri: str) -> Mapping[int, datetime]:
        return {row.version: row.at for row in connection_of(tx).execute(_REMOVALS, {"iri": iri})}

    def kept_files(self, tx: Transaction, iri: str) -> Sequence[tuple[int, Sequence[File]]]:
        rows = connection_of(tx).execute(_KEPT, {"iri": iri})
        return [(row.version, tuple(File.from_json(members) for members in row.files)) for row in rows]


def note_retention(tx: Transaction, record: Record) -> None:
    """Remember that a version of this asset declares for how long its files are kept."""
    if RETENTION in record.extra:
        add(connection_of(tx), record_retentions, {"iri": record.iri})
