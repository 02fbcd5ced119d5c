"""Statements that are compiled once give what SQLAlchemy gives, and refuse what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, or_, select, update

from node.adapters.sql import statements
from node.adapters.sql.rows import build, values
from node.adapters.sql.schema.ledger import entries
from node.adapters.sql.schema.outbox import outbox
from node.adapters.sql.statements import Rows
from node.adapters.sql.work import SqlUnitOfWork, connection_of
from node.base.errors import InvalidInput, LocalFault
from node.base.work import Task

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADD = insert(outbox).inline()
GET = select(outbox).where(outbox.c.id == bindparam("task")).limit(1)
NAMED = select(outbox.c.id).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
PUT_OFF = (
    update(outbox).where(outbox.c.id == bindparam("task"), ~outbox.c.dead).values(due=bindparam("later"), owner=None)
)
CLASH = insert(entries).inline()


class Topic(StrEnum):
    PLAIN = "t"


def task(name: str) -> Task:
    headers = {"url": "http://é", "deep": [1, None, True]}
    return Task(id=name, topic="t", lane="l", subject="s", body=b"\x00\xff", headers=headers, due=NOW)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def uow(request: pytest.FixtureRequest) -> SqlUnitOfWork:
    return SqlUnitOfWork(request.getfixturevalue(f"{request.param}_engine"))


def twice(uow: SqlUnitOfWork, statement: Any, parameters: dict[str, Any]) -> Any:
    """The result of the statement's second use, which is the first that it is compiled for."""
    with uow.read() as tx:
        assert not isinstance(connection_of(tx).execute(statement, parameters), Rows)
        result = connection_of(tx).execute(statement, parameters)
        assert isinstance(result, Rows)
        return result


def test_the_second_use_gives_what_the_first_gave(uow: SqlUnitOfWork) -> None:
    with uow.begin() as tx:
        for name in ("a", "b", "c"):
            connection_of(tx).execute(ADD, values(task(name)))
        assert connection_of(tx).execute(PUT_OFF, {"task": "a", "later": NOW}).rowcount == 1
        moved = connection_of(tx).execute(PUT_OFF, {"task": "b", "later": NOW + timedelta(days=1)})
        assert (moved.rowcount, isinstance(moved, Rows)) == (1, True)
        assert connection_of(tx).execute(PUT_OFF, {"task": "x", "later": NOW}).rowcount == 0
    with uow.read() as tx:
        first = connection_of(tx).execute(GET, {"task": "c"}).one()
        second = connection_of(tx).execute(GET, {"task": "c"}).one()
    assert type(first) is not type(second)
    assert tuple(first) == tuple(second)
    assert build(Task, second) == build(Task, first) == task("c")
    assert twice(uow, select(outbox.c.due).where(outbox.c.id == bindparam("b")), {"b": "b"}).scalar_one() > NOW


def test_no_row_and_too_many(uow: SqlUnitOfWork) -> None:
    everything = select(outbox.c.id).where(outbox.c.topic == bindparam("of"))
    assert twice(uow, everything, {"of": "t"}).one_or_none() is None
    with uow.begin() as tx:
        for name in ("a", "b"):
            connection_of(tx).execute(ADD, values(task(name)))
    with uow.read() as tx:
        result = connection_of(tx).execute(everything, {"of": "t"})
        assert (list(result.scalars()), result.first()) == (["a", "b"], ("a",))
        with pytest.raises(Exception, match="more than one row"):
            result.one_or_none()


def test_what_a_database_cannot_carry_is_refused(uow: SqlUnitOfWork) -> None:
    twice(uow, GET, {"task": "a"})
    with uow.read() as tx, pytest.raises(InvalidInput, match="NUL"):
        connection_of(tx).execute(GET, {"task": "a\0"})


def test_an_error_quotes_nothing_of_what_was_to_be_written(uow: SqlUnitOfWork) -> None:
    entry = {"id": "1", "kind": "process", "subject": "secret", "at": NOW, "by": "", "body": b"", "seq": None}
    with uow.begin() as tx:
        connection_of(tx).execute(CLASH, entry)
        connection_of(tx).execute(CLASH, entry | {"id": "2"})
    with pytest.raises(LocalFault) as refused, uow.begin() as tx:
        connection_of(tx).execute(CLASH, entry)
    assert "INSERT INTO entries" in str(getattr(refused.value, "__notes__", ""))
    assert "secret" not in refused.value.detail + str(refused.value.__notes__)
    assert refused.value.__cause__ is None
    with uow.read() as tx:
        assert len(connection_of(tx).execute(select(entries.c.id)).all()) == 2


def test_lists_of_values_are_compiled_for_each_length(uow: SqlUnitOfWork) -> None:
    with uow.begin() as tx:
        for name in ("a", "b", "c"):
            connection_of(tx).execute(ADD, values(task(name)))
    assert twice(uow, NAMED, {"ids": ["a", "b"]}).scalars() == ["a", "b"]
    with uow.read() as tx:
        for names in (["c"], ["b", "c"], [], ["x"], ["c", "a", "b"]):
            found = connection_of(tx).execute(NAMED, {"ids": names})
            assert isinstance(found, Rows)
            assert sorted(found.scalars()) == sorted(set(names) & {"a", "b", "c"})


def test_a_list_of_the_statement_itself_and_one_that_it_has_twice(uow: SqlUnitOfWork) -> None:
    with uow.begin() as tx:
        for name in ("a", "b", "c"):
            connection_of(tx).execute(ADD, values(task(name)))
    either: Any = bindparam("ids", expanding=True)
    among = select(outbox.c.id).where(
        outbox.c.topic.in_(["t", "u"]), or_(outbox.c.id.in_(either), outbox.c.lane.in_(either)), outbox.c.due == NOW
    )
    assert twice(uow, among, {"ids": ["a", "c"]}).scalars() == ["a", "c"]
    with uow.read() as tx:
        assert connection_of(tx).execute(among, {"ids": ["l"]}).scalars() == ["a", "b", "c"]


def test_a_statement_is_not_compiled_without_end(uow: SqlUnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_LENGTHS", 1)
    twice(uow, NAMED, {"ids": ["a"]})
    with uow.read() as tx:
        assert not isinstance(connection_of(tx).execute(NAMED, {"ids": ["a", "b"]}), Rows)
        assert isinstance(connection_of(tx).execute(NAMED, {"ids": ["b"]}), Rows)


def test_many_rows_are_written_as_sqlalchemy_writes_them(uow: SqlUnitOfWork) -> None:
    with uow.begin() as tx:
        connection_of(tx).execute(ADD, [values(task("a")), values(task("b"))])
        later = connection_of(tx).execute(ADD, [values(task("c")), values(task("d"))])
        assert isinstance(later, Rows)
        changes = [{"task": name, "later": NOW + timedelta(days=1)} for name in ("b", "d", "x")]
        assert connection_of(tx).execute(PUT_OFF, changes).rowcount == 2
        assert connection_of(tx).execute(PUT_OFF, changes).rowcount == 2
        names = connection_of(tx).execute(select(outbox.c.id).where(outbox.c.due > NOW)).scalars()
        assert sorted(names) == ["b", "d"]


def test_every_kind_of_value_comes_back_as_it_was(uow: SqlUnitOfWork) -> None:
    """What a text, a number or bytes could be mistaken for on the way."""
    texts = ["", "é\u2028 \U0001f600", "%s %% %(x)s $1 :name ?", "'; --", "\\x00", "NULL", "{}", " \n\t"]
    bodies = [b"", b"\x00", b"\\x00", bytes(range(256)), "é".encode()]
    numbers = [0, -1, 2**31, 2**63 - 1, -(2**63)]
    with uow.begin() as tx:
        for place, text in enumerate(texts):
            body, number = bodies[place % len(bodies)], numbers[place % len(numbers)]
            row = values(task(str(place))) | {"subject": text, "body": body, "fence": number, "dead": place % 2 == 0}
            connection_of(tx).execute(ADD, row | {"last_error": text or None, "headers": {text: [number, text]}})
    by_subject = select(outbox).where(
        outbox.c.subject == bindparam("of"),
        outbox.c.body == bindparam("bytes"),
        outbox.c.fence == bindparam("number"),
    )
    with uow.read() as tx:
        for place, text in enumerate(texts):
            body, number = bodies[place % len(bodies)], numbers[place % len(numbers)]
            wanted = {"of": text, "bytes": body, "number": number}
            row = connection_of(tx).execute(by_subject, wanted).one()
            plain = tx.connection.execute(by_subject, wanted).one()
            assert tuple(row) == tuple(plain)
            assert (row.id, row.dead, row.last_error) == (str(place), place % 2 == 0, text or None)
            assert row.headers == {text: [number, text]}
            assert [type(value) for value in row] == [type(value) for value in plain]


def test_a_class_made_from_text_is_sent_as_text(uow: SqlUnitOfWork) -> None:
    with uow.begin() as tx:
        connection_of(tx).execute(ADD, values(task("a")))
    of_topic = select(outbox.c.id).where(outbox.c.topic == bindparam("of"))
    assert twice(uow, of_topic, {"of": Topic.PLAIN}).scalars() == ["a"]
