"""The newest records that a caller may see, as a statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, func, select

from node.adapters.sql.schema.records import record_heads as heads
from node.adapters.sql.schema.records import record_reach as reach
from node.adapters.sql.schema.records import records
from node.catalogue.model import PUBLIC

OPENED = ""
"""In place of an audience in ``record_reach``: the last version that also opened the earlier ones."""


def last_withheld(iri: ColumnElement[str], audiences: ColumnElement[Any]) -> ScalarSelect[int]:
    """Return the last version of ``iri`` that none of ``audiences`` may see, or 0; they see later versions.

    If a version opened the earlier ones too, the audiences of the versions before it no longer count.
    """
    opened = reach.alias("opened")
    since = select(opened.c.last).where(opened.c.iri == iri, opened.c.audience == OPENED).correlate(heads)
    return (
        select(func.coalesce(func.max(reach.c.last), 0))
        .where(
            reach.c.iri == iri,
            reach.c.audience.not_in([OPENED, PUBLIC]),
            reach.c.audience.not_in(audiences),
            reach.c.last >= func.coalesce(since.scalar_subquery(), 0),
        )
        .correlate(heads)
        .scalar_subquery()
    )


def current_statement(
    *,
    audiences: Collection[str] | None = None,
    kinds: Collection[str] = (),
    origins: Collection[str] = (),
    offered: bool = False,
    as_of: datetime | None = None,
    after: str = "",
    down_from: str | None = None,
) -> Select[Any]:
    """Return the statement of ``SqlRecordStore.current``, without its limit.

    Properties of the newest version are read from ``record_heads``: in the order of its index, a page of one origin's
    catalogue costs the same, however many records there are.
    """
    conditions: list[ColumnElement[bool]] = [heads.c.iri > after, records.c.iri == heads.c.iri]
    if down_from is not None:
        conditions.append(heads.c.iri <= down_from)
    if as_of is None:
        conditions += [records.c.version == heads.c.version, ~heads.c.withdrawn]
        if offered:
            conditions.append(heads.c.offered)
    else:
        then = records.alias("then")
        newest_then = select(func.max(then.c.version)).where(then.c.iri == heads.c.iri, then.c.at <= as_of)
        conditions += [records.c.version == newest_then.scalar_subquery(), ~records.c.withdrawn]
        if offered:
            conditions.append(records.c.offer.is_not(None))
    version = heads if as_of is None else records
    if audiences is not None:
        conditions.append(heads.c.audience.in_(audiences))
        if as_of is not None:
            seen: ColumnElement[Any] = bindparam("seen", list(audiences), expanding=True)
            conditions.append(records.c.version > last_withheld(heads.c.iri, seen))
    for column, names in ((version.c.kind, kinds), (version.c.origin, origins)):
        if names:
            conditions.append(_among(column, names))
    order = heads.c.iri if down_from is None else heads.c.iri.desc()
    return select(records).select_from(heads).where(*conditions).order_by(order)


def _among(column: ColumnElement[str], names: Collection[str]) -> ColumnElement[bool]:
    """Return: ``column`` is one of ``names``. Equality for a single name lets an index keep its order."""
    if len(names) == 1:
        (name,) = names
        return column == name
    return column.in_(names)
