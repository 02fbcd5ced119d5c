"""QuestionStore: questions on assets, their outcomes, and the people behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.errors import Conflict, Contended, TooMany
from node.base.work import Transaction
from node.catalogue.questions.answers import AnswerQuestions
from node.catalogue.questions.arrivals import ReceiveQuestions
from node.catalogue.questions.askers import AskQuestions
from node.catalogue.questions.model import (
    PER_PERSON,
    Progress,
    Question,
    QuestionFilter,
    QuestionOutcome,
    QuestionState,
)
from node.identity.model import ALL_ROLES, Caller
from tests.stores import Stores

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GENT, BRNO = "did:web:gent.example", "did:web:brno.example"
EVA, OFFICE = (Caller(did=GENT, account=login, roles=ALL_ROLES) for login in ("eva", "jan"))
ANSWERED = QuestionOutcome(
    state=QuestionState.ANSWERED, public=True, answer="Twee\nregels", revision=2, changed_at=NOW, by="jan"
)


def asked(number: int, **members: Any) -> Question:
    at = NOW + timedelta(minutes=number)
    settings: dict[str, Any] = {
        "id": f"urn:uuid:{number}",
        "iri": "urn:x",
        "publisher": GENT,
        "asker": GENT,
        "login": "eva",
        "text": f"Vraag {number}: “hoe”?",
        "at": at,
        "outcome": QuestionOutcome(changed_at=at),
    }
    return Question(**(settings | members))


OPEN = asked(1, progress=Progress(mail_due=True))
FOREIGN = asked(2, asker=BRNO, login="", stranger=True)
PUBLIC = asked(3, outcome=ANSWERED)
PRIVATE = asked(4, private=True, outcome=replace(ANSWERED, public=False, by="eva"), progress=Progress(seen=True))
HIDDEN = asked(5, iri="urn:y", outcome=replace(ANSWERED, state=QuestionState.HIDDEN, public=False, reason="x"))
ALL = (OPEN, FOREIGN, PUBLIC, PRIVATE, HIDDEN)


@pytest.fixture
def full(stores: Stores) -> Stores:
    with stores.uow.begin() as tx:
        for question in ALL:
            stores.questions.add(tx, question)
    return stores


def test_questions_come_out_as_they_went_in(full: Stores) -> None:
    delivered = replace(FOREIGN, progress=Progress(delivered_at=NOW, delivery_fault="no"))
    with full.uow.begin() as tx:
        full.questions.save(tx, delivered)
        assert full.questions.get(tx, delivered.id, lock=True) == delivered
        assert full.questions.get(tx, PUBLIC.id) == PUBLIC
        assert full.questions.get(tx, "urn:uuid:9") is None
    with pytest.raises(Conflict), full.uow.begin() as tx:
        full.questions.add(tx, OPEN)


@pytest.mark.parametrize(
    ("criteria", "matches"),
    [
        (QuestionFilter(), [HIDDEN, PRIVATE, PUBLIC, FOREIGN, OPEN]),
        (QuestionFilter(iri="urn:x", public=True), [PUBLIC]),
        (QuestionFilter(publisher=GENT, states=(QuestionState.OPEN,)), [FOREIGN, OPEN]),
        (QuestionFilter(asker=BRNO), [FOREIGN]),
        (QuestionFilter(login="eva", news=True), [HIDDEN, PUBLIC]),
        (QuestionFilter(text=OPEN.text), [OPEN]),
        (QuestionFilter(strangers=True), [FOREIGN]),
        (QuestionFilter(since=PRIVATE.at), [HIDDEN, PRIVATE]),
        (QuestionFilter(publisher=BRNO), []),
    ],
)
def test_criteria_restrict(full: Stores, criteria: QuestionFilter, matches: list[Question]) -> None:
    with full.uow.read() as tx:
        assert list(full.questions.select(tx, criteria)) == matches
        assert list(full.questions.select(tx, criteria, oldest_first=True, limit=1)) == matches[-1:]
        assert full.questions.count(tx, criteria) == len(matches)


def test_a_deleted_person_is_named_nowhere(full: Stores) -> None:
    with full.uow.begin() as tx:
        full.questions.hold(tx, "person eva")
        assert list(full.questions.with_mail_due(tx, limit=10)) == [OPEN]
        full.questions.forget_person(tx, "eva")
        everything = full.questions.select(tx, QuestionFilter())
        assert {question.login for question in everything} == {""}
        assert [question.outcome.by for question in everything] == ["jan", "", "jan", "", ""]
        assert list(full.questions.with_mail_due(tx, limit=10)) == []
        assert "eva" not in repr(everything)


def test_64_questions_at_once_do_not_pass_the_limit(database_stores: Stores) -> None:
    unused: Any = None
    asking = AskQuestions(
        uow=database_stores.uow,
        store=database_stores.questions,
        browse=unused,
        post=unused,
        append=lambda *_: unused,
        clock=SystemClock(),
        me=GENT,
        require_not_blocked=unused,
    )
    refusals, start = [], threading.Barrier(64)

    def ask(number: int) -> None:
        start.wait(60)
        try:
            asking._add(asked(number % 32, id=f"urn:uuid:{number}", at=NOW))
        except TooMany as error:
            refusals.append(error.facts["case"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with database_stores.uow.read() as tx:
        assert database_stores.questions.count(tx, QuestionFilter()) == PER_PERSON
    assert set(refusals) == {"questions-person"}


class Contention:
    """A unit of work whose first transaction the database ends because of a concurrent one, as PostgreSQL does."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._is_over = False

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with self._stores.uow.begin() as tx:
            yield tx
            if not self._is_over:
                self._is_over = True
                raise Contended("two requests conflicted")


def test_an_act_that_the_database_ends_is_done_again(stores: Stores) -> None:
    unused: Any = None

    def parts() -> dict[str, Any]:
        return {
            "uow": Contention(stores),
            "store": stores.questions,
            "append": lambda *_: unused,
            "clock": SystemClock(),
            "me": GENT,
        }

    more: dict[str, Any] = {"post": unused, "require_not_blocked": unused}
    question = asked(1)
    AskQuestions(browse=unused, **more, **parts())._add(question)
    ReceiveQuestions(browse=unused, **parts())._keep(asked(2, asker=BRNO, login=""))
    act = AnswerQuestions(**more, **parts())._save
    act(question.id, OFFICE, lambda known: replace(known.outcome, state=QuestionState.REFUSED), "")
    assert asyncio.run(AskQuestions(browse=unused, **more, **parts()).mark_seen(EVA)) == 1
    with stores.uow.read() as tx:
        assert stores.questions.count(tx, QuestionFilter()) == 2
        settled = stores.questions.get(tx, question.id)
    assert settled is not None
    assert (settled.outcome.revision, settled.progress.seen) == (1, True)
