"""Totals over all records of an origin: the terms of offers, and points. No description is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, and_, bindparam, func, or_, select, type_coerce

from node.adapters.sql.rows import put
from node.adapters.sql.schema.records import record_heads as heads
from node.adapters.sql.schema.records import record_scores, records
from node.adapters.sql.work import connection_of
from node.base.jsons import decode
from node.base.work import Transaction
from node.catalogue.model import Record, RecordTitles, ScoredVersion, TermsGroup

_SCORED = "dataset"
_COPIED = ("iri", "version", "origin", "at", "publisher", "publisher_name", "withdrawn")
_TERMS_GROUPS = (
    select(heads.c.audience, heads.c.terms, func.count().label("records"), func.min(heads.c.iri).label("iri"))
    .where(heads.c.origin == bindparam("origin"), ~heads.c.withdrawn)
    .group_by(heads.c.audience, heads.c.terms)
    .order_by(heads.c.audience, heads.c.terms)
)
_TITLES = (
    select(heads.c.iri, heads.c.audience, records.c.titles)
    .join(records, and_(records.c.iri == heads.c.iri, records.c.version == heads.c.version))
    .where(
        heads.c.origin == bindparam("origin"),
        ~heads.c.withdrawn,
        heads.c.iri > bindparam("after"),
        or_(
            heads.c.audience.in_(bindparam("audiences", expanding=True)),
            heads.c.terms.in_(bindparam("terms", expanding=True)),
        ),
    )
    .order_by(heads.c.iri)
    .limit(bindparam("most"))
)
_SCORES = (
    select(
        record_scores.c.iri,
        record_scores.c.version,
        record_scores.c.at,
        record_scores.c.publisher,
        record_scores.c.publisher_name,
        record_scores.c.withdrawn,
        type_coerce(record_scores.c.score, Text).label("score"),
    )
    .where(
        record_scores.c.origin == bindparam("origin"),
        or_(
            record_scores.c.iri > bindparam("iri"),
            and_(record_scores.c.iri == bindparam("iri"), record_scores.c.version > bindparam("number")),
        ),
    )
    .order_by(record_scores.c.iri, record_scores.c.version)
    .limit(bindparam("most"))
)


class SqlRecordTotals:
    """The part of ``RecordStore`` for totals."""

    def terms_groups(self, tx: Transaction, origin: str) -> Sequence[TermsGroup]:
        return [TermsGroup._make(row) for row in connection_of(tx).execute(_TERMS_GROUPS, {"origin": origin})]

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
        choice = {"audiences": list(audiences), "terms": list(terms)}
        place = {"origin": origin, "after": after, "most": limit}
        return [RecordTitles._make(row) for row in connection_of(tx).execute(_TITLES, choice | place)]

    def scores(self, tx: Transaction, origin: str, *, after: tuple[str, int], limit: int) -> Sequence[ScoredVersion]:
        place = {"origin": origin, "iri": after[0], "number": after[1], "most": limit}
        rows = connection_of(tx).execute(_SCORES, place)
        return [ScoredVersion._make((*row[:-1], _score(row.score) if row.score else {})) for row in rows]


def note_score(tx: Transaction, record: Record) -> None:
    """Keep the points of a version of a dataset; of one that was erased, nothing but that it was there."""
    if record.kind == _SCORED:
        columns = {name: getattr(record, name) for name in _COPIED}
        columns["publisher"] = record.publisher_key
        put(connection_of(tx), record_scores, {**columns, "score": record.extra.get("score") or None})


@lru_cache(maxsize=4096)
def _score(text: str) -> Mapping[str, Any]:
    """Return a stored score. Many records have the same: each is read once."""
    score: Mapping[str, Any] = decode(text)
    return score
