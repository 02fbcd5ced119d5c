"""Questions on assets (``node.catalogue.questions.model.QuestionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.questions import question_holds, questions
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.questions.model import Progress, Question, QuestionFilter, QuestionOutcome, QuestionState

_HELD = select(question_holds).where(question_holds.c.name == bindparam("of")).with_for_update()
_DROP_HOLD = delete(question_holds).where(question_holds.c.name == bindparam("of"))
_ONE = select(questions).where(questions.c.id == bindparam("of"))
_MAIL_DUE = (
    select(questions)
    .where(questions.c.mail_due.is_(True))
    .order_by(questions.c.changed_at, questions.c.id)
    .limit(bindparam("most"))
    .with_for_update()
)
_FORGET_ASKER = questions.update().where(questions.c.login == bindparam("who")).values(login="", mail_due=False)
_FORGET_ANSWERER = questions.update().where(questions.c.by == bindparam("who")).values(by="")


class SqlQuestionStore:
    """Questions by id."""

    def hold(self, tx: Transaction, name: str) -> None:
        connection = connection_of(tx)
        add(connection, question_holds, {"name": name})
        # SQLite has one writer at a time, and no FOR UPDATE: SQLAlchemy leaves it out there.
        connection.execute(_HELD, {"of": name}).one()

    def add(self, tx: Transaction, question: Question) -> None:
        if not add(connection_of(tx), questions, _row(question)):
            raise Conflict("this question already exists", remedy="see the list: hansa question list")

    def get(self, tx: Transaction, question_id: str, *, lock: bool = False) -> Question | None:
        statement = _ONE.with_for_update() if lock else _ONE
        row = connection_of(tx).execute(statement, {"of": question_id}).one_or_none()
        return None if row is None else _question(row)

    def save(self, tx: Transaction, question: Question) -> None:
        put(connection_of(tx), questions, _row(question))

    def select(
        self, tx: Transaction, criteria: QuestionFilter, *, oldest_first: bool = False, limit: int = 100
    ) -> Sequence[Question]:
        order = (questions.c.at, questions.c.id) if oldest_first else (questions.c.at.desc(), questions.c.id.desc())
        statement = select(questions).where(*_conditions(criteria)).order_by(*order).limit(limit)
        return [_question(row) for row in connection_of(tx).execute(statement)]

    def count(self, tx: Transaction, criteria: QuestionFilter) -> int:
        statement = select(func.count()).select_from(questions).where(*_conditions(criteria))
        return int(connection_of(tx).execute(statement).scalar_one())

    def with_mail_due(self, tx: Transaction, *, limit: int) -> Sequence[Question]:
        return [_question(row) for row in connection_of(tx).execute(_MAIL_DUE, {"most": limit})]

    def forget_person(self, tx: Transaction, login: str) -> None:
        for statement in (_FORGET_ASKER, _FORGET_ANSWERER):
            connection_of(tx).execute(statement, {"who": login})
        connection_of(tx).execute(_DROP_HOLD, {"of": f"person {login}"})


def _conditions(criteria: QuestionFilter) -> list[ColumnElement[bool]]:
    table = questions.c
    conditions = [
        table[name] == getattr(criteria, name)
        for name in ("iri", "publisher", "asker", "login", "text")
        if getattr(criteria, name)
    ]
    states = (QuestionState.ANSWERED,) if criteria.public else criteria.states
    if states:
        conditions.append(table.state.in_([str(state) for state in states]))
    if criteria.public:
        conditions.append(table.public.is_(True))
    if criteria.strangers:
        conditions.append(table.stranger.is_(True))
    if criteria.news:
        conditions += [table.revision > 0, table.seen.is_(False)]
    if criteria.since is not None:
        conditions.append(table.at >= criteria.since)
    return conditions


def _row(question: Question) -> dict[str, Any]:
    row = values(question) | values(question.outcome) | values(question.progress)
    return {name: value for name, value in row.items() if name not in ("outcome", "progress")}


def _question(row: Row[Any]) -> Question:
    outcome = build(QuestionOutcome, row, state=QuestionState(row._mapping["state"]))
    return build(Question, row, outcome=outcome, progress=build(Progress, row))
