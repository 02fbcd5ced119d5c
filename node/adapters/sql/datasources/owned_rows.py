"""Rows that one process owns at a time, until a time that it puts off (``node.base.ownership``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Table, bindparam, null, or_, true, update

from node.adapters.sql.work import connection_of
from node.base.work import Transaction

NO_OWNER: Final[Mapping[str, Any]] = {"owner": None, "owned_until": None}
"""The columns of a row that nobody owns."""


class OwnedRows:
    """The statements about the owners of the rows of a table with the columns ``owner`` and ``owned_until``."""

    def __init__(
        self,
        table: Table,
        key: ColumnElement[str],
        rows: Select[Any],
        progress: Iterable[str],
        *,
        among: ColumnElement[bool] | None = None,
    ) -> None:
        """``rows`` selects rows in the order of an answer, ``key`` names one. ``progress`` are the columns that its
        owner writes. Only rows ``among`` which it is are claimed and written."""
        among = true() if among is None else among
        is_own = table.c.owner == bindparam("holder")
        self._claim = (
            update(table)
            .where(among, or_(table.c.owner.is_(None), is_own, table.c.owned_until <= bindparam("now")))
            .values(owner=bindparam("holder"), owned_until=bindparam("until"))
        )
        self._own = rows.where(is_own, among)
        self._release_all = update(table).values(owner=null(), owned_until=null())
        self._release = self._release_all.where(is_own)
        self._note = (
            update(table)
            .where(key == bindparam("of"), is_own, among)
            .values({name: bindparam(f"new_{name}") for name in progress})
        )

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[Row[Any]]:
        """Make ``owner`` the owner until ``until`` of the rows that are its own, or nobody's at ``now``. Return those
        that it owns."""
        connection = connection_of(tx)
        connection.execute(self._claim, {"holder": owner, "now": now, "until": until})
        return connection.execute(self._own, {"holder": owner}).all()

    def release(self, tx: Transaction, owner: str | None) -> None:
        """Give up what ``owner`` owns; for None, what anybody owns."""
        if owner is None:
            connection_of(tx).execute(self._release_all)
        else:
            connection_of(tx).execute(self._release, {"holder": owner})

    def note(self, tx: Transaction, key: str, progress: Mapping[str, Any], *, owner: str) -> bool:
        """Write the ``progress`` of a row if ``owner`` owns it; return whether it does."""
        new = {f"new_{name}": value for name, value in progress.items()}
        return connection_of(tx).execute(self._note, {"of": key, "holder": owner, **new}).rowcount == 1
