"""Links of records, checks of addresses, and points (``node.catalogue.measurement.link_model.LinkStore``)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, or_, select, update

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.links import link_checks, link_points, link_records, record_links
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.catalogue.measurement.link_model import LinkCheck, LinkPoints, LinkState, LinkUse, RecordLink

_CHUNK: Final = 200
_LAST_IRI: Final = "\U0010ffff"
"""After every IRI, by code point."""
_VERSIONS = select(link_records).where(link_records.c.iri.in_(bindparam("iris", expanding=True)))
_LINKS = (
    select(record_links)
    .where(record_links.c.iri.in_(bindparam("iris", expanding=True)))
    .order_by(record_links.c.iri, record_links.c.place)
)
_DROP_LINKS = delete(record_links).where(record_links.c.iri == bindparam("of"))
_DROP_RECORD = delete(link_records).where(link_records.c.iri == bindparam("of"))
_DROP_POINTS = delete(link_points).where(link_points.c.iri == bindparam("of"))
_UNUSED = delete(link_checks).where(
    link_checks.c.key.in_(bindparam("keys", expanding=True)),
    ~select(record_links.c.iri).where(record_links.c.key == link_checks.c.key).correlate(link_checks).exists(),
)
_BETWEEN = select(link_records).where(
    link_records.c.iri > bindparam("after"), link_records.c.iri <= bindparam("until")
)
_CHECKS = select(link_checks).where(link_checks.c.key.in_(bindparam("keys", expanding=True)))
_LISTING = (
    select(link_checks)
    .where(link_checks.c.address > bindparam("after"))
    .order_by(link_checks.c.address)
    .limit(bindparam("most"))
)
_IN_STATE = link_checks.c.state == bindparam("in_state")
_FROM_SOURCE = link_checks.c.key.in_(
    select(record_links.c.key)
    .join(link_records, link_records.c.iri == record_links.c.iri)
    .where(link_records.c.source == bindparam("from_source"))
    .scalar_subquery()
)
_COUNTS = select(link_checks.c.state, func.count().label("number")).group_by(link_checks.c.state)
_COUNTS_BY_SOURCE = (
    select(link_records.c.source, link_checks.c.state, func.count(link_checks.c.key.distinct()).label("number"))
    .join(record_links, record_links.c.iri == link_records.c.iri)
    .join(link_checks, link_checks.c.key == record_links.c.key)
    # Not "!=": only a range of the index of sources spares the records that were not harvested.
    .where(link_records.c.source > "")
    .group_by(link_records.c.source, link_checks.c.state)
    .order_by(link_records.c.source)
)
_DUE_HOSTS = (
    select(link_checks.c.host, func.min(link_checks.c.due).label("first"))
    .where(link_checks.c.due <= bindparam("now"))
    .group_by(link_checks.c.host)
    .order_by(func.min(link_checks.c.due), link_checks.c.host)
    .limit(bindparam("most"))
)
_DUE = (
    select(link_checks)
    .where(link_checks.c.host == bindparam("of"), link_checks.c.due <= bindparam("now"))
    .order_by(link_checks.c.due, link_checks.c.address)
    .limit(bindparam("most"))
)
_SAVE = update(link_checks).where(link_checks.c.key == bindparam("of"))
_HASTEN = update(link_checks).where(link_checks.c.due > bindparam("soon"))
_OF_RECORD = link_checks.c.key.in_(
    select(record_links.c.key).where(record_links.c.iri == bindparam("of")).scalar_subquery()
)
_RECORDS = (
    select(record_links.c.iri)
    .where(record_links.c.key == bindparam("of"), record_links.c.iri > bindparam("after"))
    .group_by(record_links.c.iri)
    .order_by(record_links.c.iri)
    .limit(bindparam("most"))
)
_RECORDS_USING = _RECORDS.where(record_links.c.use.in_(bindparam("uses", expanding=True)))
_POINTS_OF = select(link_points).where(link_points.c.iri == bindparam("of")).order_by(link_points.c.day)
_POINTS = (
    select(link_points)
    .where(
        or_(
            link_points.c.iri > bindparam("after"),
            (link_points.c.iri == bindparam("after")) & (link_points.c.day > bindparam("after_day")),
        )
    )
    .order_by(link_points.c.iri, link_points.c.day)
    .limit(bindparam("most"))
)
_LAST = select(func.count().label("number"), func.max(link_points.c.at).label("latest"))


class SqlLinkStore:
    """Links by record, checks by the hash of the address, points by record and day."""

    def versions(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        rows = (row for part in _chunks(iris) for row in connection_of(tx).execute(_VERSIONS, {"iris": part}))
        return {row.iri: int(row.version) for row in rows}

    def replace(
        self, tx: Transaction, iri: str, version: int, links: Sequence[RecordLink], now: datetime, *, source: str = ""
    ) -> None:
        connection = connection_of(tx)
        before = [_key(link.address) for link in self.links(tx, [iri]).get(iri, ())]
        connection.execute(_DROP_LINKS, {"of": iri})
        for place, link in enumerate(links):
            key = _key(link.address)
            row = values(link, iri=iri, place=place, key=key, use=str(link.use), checked=int(link.checked))
            add(connection, record_links, row)
            if link.checked:
                add(connection, link_checks, _row(LinkCheck(address=link.address, host=link.host, due=now)))
        put(connection, link_records, {"iri": iri, "version": version, "source": source})
        self._drop_unused(tx, before)

    def between(self, tx: Transaction, after: str, until: str) -> Mapping[str, int]:
        rows = connection_of(tx).execute(_BETWEEN, {"after": after, "until": until or _LAST_IRI})
        return {row.iri: int(row.version) for row in rows}

    def drop(self, tx: Transaction, iris: Collection[str]) -> None:
        connection = connection_of(tx)
        for iri in iris:
            keys = [_key(link.address) for link in self.links(tx, [iri]).get(iri, ())]
            for statement in (_DROP_LINKS, _DROP_RECORD, _DROP_POINTS):
                connection.execute(statement, {"of": iri})
            self._drop_unused(tx, keys)

    def links(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, Sequence[RecordLink]]:
        links: dict[str, list[RecordLink]] = {}
        for part in _chunks(iris):
            for row in connection_of(tx).execute(_LINKS, {"iris": part}):
                link = build(RecordLink, row, use=LinkUse(row.use), checked=bool(row.checked))
                links.setdefault(row.iri, []).append(link)
        return links

    def checks(self, tx: Transaction, addresses: Collection[str]) -> Mapping[str, LinkCheck]:
        keys = [_key(address) for address in dict.fromkeys(addresses)]
        rows = (row for part in _chunks(keys) for row in connection_of(tx).execute(_CHECKS, {"keys": part}))
        return {row.address: _check(row) for row in rows}

    def listing(
        self,
        tx: Transaction,
        *,
        state: LinkState | None = None,
        source: str = "",
        after: str = "",
        limit: int = 100,
    ) -> Sequence[LinkCheck]:
        statement, place = _LISTING, dict[str, Any](after=after, most=limit)
        if state is not None:
            statement, place["in_state"] = statement.where(_IN_STATE), str(state)
        if source:
            statement, place["from_source"] = statement.where(_FROM_SOURCE), source
        return [_check(row) for row in connection_of(tx).execute(statement, place)]

    def counts(self, tx: Transaction) -> Mapping[LinkState, int]:
        return {LinkState(row.state): int(row.number) for row in connection_of(tx).execute(_COUNTS)}

    def counts_by_source(self, tx: Transaction) -> Mapping[str, Mapping[LinkState, int]]:
        counts: dict[str, dict[LinkState, int]] = {}
        for row in connection_of(tx).execute(_COUNTS_BY_SOURCE):
            counts.setdefault(row.source, {})[LinkState(row.state)] = int(row.number)
        return counts

    def due_hosts(self, tx: Transaction, now: datetime, limit: int) -> Sequence[str]:
        return [row.host for row in connection_of(tx).execute(_DUE_HOSTS, {"now": now, "most": limit})]

    def due(self, tx: Transaction, host: str, now: datetime, limit: int) -> Sequence[LinkCheck]:
        rows = connection_of(tx).execute(_DUE, {"of": host, "now": now, "most": limit})
        return [_check(row) for row in rows]

    def save(self, tx: Transaction, check: LinkCheck) -> None:
        row = {name: value for name, value in _row(check).items() if name != "key"}
        connection_of(tx).execute(_SAVE.values(row), {"of": _key(check.address)})

    def hasten(self, tx: Transaction, now: datetime, iri: str = "") -> int:
        statement = _HASTEN.where(_OF_RECORD) if iri else _HASTEN
        parameters = {"soon": now, **({"of": iri} if iri else {})}
        return int(connection_of(tx).execute(statement.values(due=now), parameters).rowcount)

    def records_with(
        self, tx: Transaction, address: str, *, uses: Collection[LinkUse] = (), after: str = "", limit: int = 100
    ) -> Sequence[str]:
        place = {"of": _key(address), "after": after, "most": limit}
        if not uses:
            return list(connection_of(tx).execute(_RECORDS, place).scalars())
        words = sorted(str(use) for use in uses)
        return list(connection_of(tx).execute(_RECORDS_USING, {**place, "uses": words}).scalars())

    def save_points(self, tx: Transaction, points: LinkPoints) -> None:
        put(connection_of(tx), link_points, {**points._asdict(), "day": points.day.isoformat()})

    def points_of(self, tx: Transaction, iri: str) -> Sequence[LinkPoints]:
        return [_points(row) for row in connection_of(tx).execute(_POINTS_OF, {"of": iri})]

    def points(
        self, tx: Transaction, *, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> Sequence[LinkPoints]:
        place = {"after": after[0], "after_day": after[1], "most": limit}
        return [_points(row) for row in connection_of(tx).execute(_POINTS, place)]

    def last_change(self, tx: Transaction) -> str:
        row = connection_of(tx).execute(_LAST).one_or_none()
        return "" if row is None else f"{row.number} {row.latest}"

    def _drop_unused(self, tx: Transaction, keys: Sequence[str]) -> None:
        for part in _chunks(dict.fromkeys(keys)):
            connection_of(tx).execute(_UNUSED, {"keys": part})


def _key(address: str) -> str:
    return hashlib.sha256(address.encode("utf-8", errors="surrogatepass")).hexdigest()


def _row(check: LinkCheck) -> dict[str, Any]:
    return values(check, key=_key(check.address), state=str(check.state))


def _check(row: Any) -> LinkCheck:
    return build(LinkCheck, row, state=LinkState(row.state))


def _points(row: Any) -> LinkPoints:
    return LinkPoints(row.iri, date.fromisoformat(row.day), row.at, row.access, row.download)


def _chunks(items: Collection[str]) -> Iterator[list[str]]:
    ordered = list(items)
    for first in range(0, len(ordered), _CHUNK):
        yield ordered[first : first + _CHUNK]
