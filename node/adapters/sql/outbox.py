"""The outbox (``node.base.work.Outbox``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, delete, exists, func, null, or_, select, update

from node.adapters.sql.rows import add, build, values
from node.adapters.sql.schema.outbox import outbox
from node.adapters.sql.work import connection_of
from node.base.work import Task, Transaction

_earlier = outbox.alias("earlier")
_is_head = ~exists().where(
    _earlier.c.lane == outbox.c.lane,
    _earlier.c.subject == outbox.c.subject,
    ~_earlier.c.dead,
    _earlier.c.ordinal < outbox.c.ordinal,
)
"""The first live task of its (lane, subject): later ones wait for it, whether it is leased or backs off."""

_TURN = (outbox.c.due, outbox.c.ordinal)
"""The longest due comes first. Ordered by age alone, a task that a peer puts off again and again (429) would come
before all untried tasks, each time it is due."""

_OFF_LANES = outbox.c.lane.not_in(bindparam("lanes", expanding=True))
_OFF_TOPICS = outbox.c.topic.not_in(bindparam("topics", expanding=True))


def _with_blocked(statement: Select[Any]) -> dict[tuple[bool, bool], Select[Any]]:
    """Return ``statement`` by whether lanes, and whether topics, are blocked: as constants they are compiled once."""
    off_lanes = statement.where(_OFF_LANES)
    return {
        (False, False): statement,
        (True, False): off_lanes,
        (False, True): statement.where(_OFF_TOPICS),
        (True, True): off_lanes.where(_OFF_TOPICS),
    }


_LEASABLE = _with_blocked(
    select(outbox)
    .where(
        ~outbox.c.dead,
        outbox.c.due <= bindparam("now"),
        or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= bindparam("now")),
        _is_head,
    )
    .order_by(*_TURN)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=outbox)
)
_LEASE = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        owner=bindparam("holder"),
        leased_until=bindparam("until"),
        fence=outbox.c.fence + 1,
        attempts=outbox.c.attempts + 1,
    )
)
_DUE = _with_blocked(
    select(outbox)
    .where(~outbox.c.dead, outbox.c.due <= bindparam("now"), _is_head)
    .order_by(*_TURN)
    .limit(bindparam("most"))
)
# Every lease, release and revival raises the fence, so the fence alone shows whether we still hold a task.
_OWN = and_(outbox.c.id == bindparam("task"), outbox.c.fence == bindparam("held_fence"), ~outbox.c.dead)
_DONE = delete(outbox).where(_OWN)
_RETRY = (
    update(outbox)
    .where(_OWN)
    .values(
        due=bindparam("later"),
        last_error=bindparam("error"),
        attempts=bindparam("tried"),
        fence=outbox.c.fence + 1,
        owner=null(),
        leased_until=null(),
    )
)
_BURY = (
    update(outbox)
    .where(_OWN)
    .values(
        dead=True,
        last_error=bindparam("error"),
        body=bindparam("kept"),
        headers=bindparam("named", type_=outbox.c.headers.type),
        owner=null(),
        leased_until=null(),
    )
)
_REVIVE = (
    update(outbox)
    .where(outbox.c.id == bindparam("task"), outbox.c.dead)
    .values(dead=False, due=bindparam("later"), attempts=0, fence=outbox.c.fence + 1)
)
_REVIVE_AS = _REVIVE.values(body=bindparam("sent"))
_RENEW = update(outbox).where(_OWN).values(leased_until=bindparam("until"))
_DUE_TOO_LATE = (
    update(outbox).where(~outbox.c.dead, outbox.c.due > bindparam("latest")).values(due=bindparam("set_to"))
)
_LEASED_TOO_LONG = (
    update(outbox).where(outbox.c.leased_until > bindparam("latest")).values(leased_until=bindparam("set_to"))
)
_RELEASE = (
    update(outbox)
    .where(outbox.c.leased_until.is_not(None))
    .values(owner=null(), leased_until=null(), fence=outbox.c.fence + 1)
)
_CANCEL = delete(outbox).where(outbox.c.id == bindparam("task")).returning(outbox)
_DEAD = select(outbox).where(outbox.c.dead).order_by(outbox.c.ordinal.desc()).limit(bindparam("most"))
_DEAD_ABOUT = _DEAD.where(outbox.c.subject == bindparam("about"))
_FIND = select(outbox).where(outbox.c.id == bindparam("task"))
_DEAD_COUNT = select(func.count()).select_from(outbox).where(outbox.c.dead)
_WAITING = select(func.count()).select_from(outbox).where(~outbox.c.dead)
_LIVE = select(outbox.c.id).where(~outbox.c.dead).limit(bindparam("most"))
_NEXT_DUE = select(
    func.min(
        case((outbox.c.leased_until > outbox.c.due, outbox.c.leased_until), else_=outbox.c.due),
        type_=outbox.c.due.type,
    )
).where(~outbox.c.dead, _is_head)


class SqlOutbox:
    """The queue of tasks.

    ``attempts`` counts leases, so that a task which kills its worker is counted too: it is 1 at the first
    attempt. ``next_due`` is when the next task can be leased: for one that is leased, when its lease is over.
    """

    def put(self, tx: Transaction, task: Task) -> None:
        add(connection_of(tx), outbox, values(task))

    def lease(
        self,
        tx: Transaction,
        *,
        owner: str,
        now: datetime,
        until: datetime,
        limit: int,
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
        takes: Callable[[Task], bool] = lambda task: True,
    ) -> Sequence[Task]:
        connection = connection_of(tx)
        statement, wanted = _without(_LEASABLE, lanes_blocked, topics_blocked)
        rows = connection.execute(statement, {"now": now, "most": limit, **wanted}).all()
        tasks = [task for task in (build(Task, row) for row in rows) if takes(task)]
        if not tasks:
            return []
        connection.execute(_LEASE, {"ids": [task.id for task in tasks], "holder": owner, "until": until})
        return [replace(task, attempts=task.attempts + 1, fence=task.fence + 1) for task in tasks]

    def due(
        self,
        tx: Transaction,
        *,
        now: datetime,
        limit: int,
        busy: Collection[str],
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
    ) -> Sequence[Task]:
        # Busy tasks are few and are filtered out here; a blocked lane may have any number of tasks.
        statement, wanted = _without(_DUE, lanes_blocked, topics_blocked)
        rows = connection_of(tx).execute(statement, {"now": now, "most": limit + len(busy), **wanted})
        tasks = [build(Task, row) for row in rows]
        free = [task for task in tasks if task.id not in busy]
        return [replace(task, attempts=task.attempts + 1) for task in free[:limit]]

    def renew(self, tx: Transaction, task: Task, *, until: datetime) -> bool:
        return self._hit(tx, _RENEW, _lease_of(task) | {"until": until})

    def set_right(self, tx: Transaction, *, now: datetime, latest: datetime, until: datetime) -> int:
        connection = connection_of(tx)
        late = connection.execute(_DUE_TOO_LATE, {"latest": latest, "set_to": now}).rowcount
        return late + connection.execute(_LEASED_TOO_LONG, {"latest": until, "set_to": until}).rowcount

    def release(self, tx: Transaction) -> int:
        return connection_of(tx).execute(_RELEASE).rowcount

    def finish(self, tx: Transaction, task: Task) -> bool:
        return self._hit(tx, _DONE, _lease_of(task))

    def retry(self, tx: Transaction, task: Task, *, due: datetime, error: str) -> bool:
        changes = {"later": due, "error": error, "tried": task.attempts}
        return self._hit(tx, _RETRY, _lease_of(task) | changes)

    def bury(self, tx: Transaction, task: Task, *, error: str) -> bool:
        kept = {"error": error, "kept": task.body, "named": task.headers}
        return self._hit(tx, _BURY, _lease_of(task) | kept)

    def find(self, tx: Transaction, task_id: str) -> Task | None:
        row = connection_of(tx).execute(_FIND, {"task": task_id}).one_or_none()
        return None if row is None else build(Task, row)

    def revive(self, tx: Transaction, task_id: str, *, due: datetime, body: bytes | None = None) -> bool:
        values = {"task": task_id, "later": due}
        if body is None:
            return self._hit(tx, _REVIVE, values)
        return self._hit(tx, _REVIVE_AS, values | {"sent": body})

    def cancel(self, tx: Transaction, task_id: str) -> Task | None:
        row = connection_of(tx).execute(_CANCEL, {"task": task_id}).one_or_none()
        return None if row is None else build(Task, row)

    def dead(self, tx: Transaction, limit: int = 100, *, subject: str | None = None) -> Sequence[Task]:
        values: dict[str, Any] = {"most": limit}
        if subject is None:
            rows = connection_of(tx).execute(_DEAD, values)
        else:
            rows = connection_of(tx).execute(_DEAD_ABOUT, values | {"about": subject})
        return [build(Task, row) for row in rows]

    def dead_count(self, tx: Transaction) -> int:
        return int(connection_of(tx).execute(_DEAD_COUNT).scalar_one())

    def waiting(self, tx: Transaction) -> int:
        return int(connection_of(tx).execute(_WAITING).scalar_one())

    def live(self, tx: Transaction, limit: int) -> Sequence[str]:
        return list(connection_of(tx).execute(_LIVE, {"most": limit}).scalars())

    def next_due(self, tx: Transaction) -> datetime | None:
        due: datetime | None = connection_of(tx).execute(_NEXT_DUE).scalar_one()
        return due

    def _hit(self, tx: Transaction, statement: Any, values: dict[str, Any]) -> bool:
        return connection_of(tx).execute(statement, values).rowcount == 1


def _without(
    statements: Mapping[tuple[bool, bool], Select[Any]], lanes: Sequence[str], topics: Sequence[str]
) -> tuple[Select[Any], dict[str, list[str]]]:
    """Return the statement without blocked tasks, and its parameters."""
    values: dict[str, list[str]] = {}
    if lanes:
        values["lanes"] = list(lanes)
    if topics:
        values["topics"] = list(topics)
    return statements[bool(lanes), bool(topics)], values


def _lease_of(task: Task) -> dict[str, Any]:
    return {"task": task.id, "held_fence": task.fence}
