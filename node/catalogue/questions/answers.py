"""The acts of the publisher on questions: read those that wait, answer, refuse, and hide what was answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, NotFound
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.catalogue.questions.askers import SUBJECT
from node.catalogue.questions.delivery import QuestionPost
from node.catalogue.questions.model import (
    LONGEST_ANSWER,
    LONGEST_REASON,
    Progress,
    Question,
    QuestionFilter,
    QuestionOutcome,
    QuestionState,
    QuestionStore,
    clean_text,
)
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

NextOutcome = Callable[[Question], QuestionOutcome]
"""Returns the next outcome of a question; raises ``Conflict`` if there is none."""


class AnswerQuestions:
    """The questions that this node received about its assets. Every act is in the ledger, without the texts of
    question and answer: they can be removed, the ledger cannot."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: QuestionStore,
        post: QuestionPost,
        append: Append,
        clock: Clock,
        me: str,
        require_not_blocked: Callable[[str], Awaitable[None]],
    ) -> None:
        """``require_not_blocked`` raises ``Conflict`` for a participant that this node has blocked."""
        self._uow = uow
        self._store = store
        self._post = post
        self._append = append
        self._clock = clock
        self._me = me
        self._require_not_blocked = require_not_blocked

    async def waiting(self, by: Caller, *, limit: int = 100) -> Sequence[Question]:
        """Return the questions that wait for an answer, the oldest first. Raises ``NotAllowed``."""
        require(by, UseCase.ANSWER_QUESTIONS)
        return await run_sync(self._select, self._open(), True, limit)

    async def list_settled(self, by: Caller, *, limit: int = 100) -> Sequence[Question]:
        """Return the questions that were answered, hidden or refused, the newest first. Raises ``NotAllowed``."""
        require(by, UseCase.ANSWER_QUESTIONS)
        states = tuple(state for state in QuestionState if state is not QuestionState.OPEN)
        return await run_sync(self._select, QuestionFilter(publisher=self._me, states=states), False, limit)

    async def count(self) -> int:
        """Return the number of questions that wait for an answer."""

        def count() -> int:
            with self._uow.read() as tx:
                return self._store.count(tx, self._open())

        return await run_sync(count)

    async def answer(self, question_id: str, text: str, by: Caller, *, public: bool) -> Question:
        """Answer a question, or replace its answer; a hidden one is shown again, a refused one is taken up.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput`` for a text that is too short or too long, ``Conflict``
        for a public answer to a private question.
        """
        require(by, UseCase.ANSWER_QUESTIONS)
        plain = clean_text(text, name="answer", longest=LONGEST_ANSWER)

        def change(question: Question) -> QuestionOutcome:
            if question.private and public:
                raise Conflict(
                    "the asker wants the answer for themselves alone",
                    remedy="answer privately",
                    facts={"case": "private-question"},
                )
            return replace(question.outcome, state=QuestionState.ANSWERED, public=public, answer=plain, reason="")

        return await self._act(question_id, by, change)

    async def refuse(self, question_id: str, reason: str, by: Caller) -> Question:
        """Refuse to answer, with a reason for the asker. Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``
        without a reason, ``Conflict`` if the question does not wait."""
        require(by, UseCase.ANSWER_QUESTIONS)
        plain = clean_text(reason, name="reason", longest=LONGEST_REASON)

        def change(question: Question) -> QuestionOutcome:
            if question.state is not QuestionState.OPEN:
                raise Conflict(
                    "this question no longer waits",
                    remedy="hide its answer instead",
                    facts={"case": "question-settled"},
                )
            return replace(question.outcome, state=QuestionState.REFUSED, reason=plain)

        return await self._act(question_id, by, change)

    async def hide(self, question_id: str, reason: str, by: Caller) -> Question:
        """Hide a public question with its answer from everybody but the asker, with a reason. Raises ``NotAllowed``,
        ``NotFound``, ``InvalidInput`` without a reason, ``Conflict`` if it is not public."""
        require(by, UseCase.ANSWER_QUESTIONS)
        plain = clean_text(reason, name="reason", longest=LONGEST_REASON)

        def change(question: Question) -> QuestionOutcome:
            if not question.is_public:
                raise Conflict(
                    "this question is not public",
                    remedy="only a question with a public answer can be hidden",
                    facts={"case": "question-not-public"},
                )
            return replace(question.outcome, state=QuestionState.HIDDEN, public=False, reason=plain)

        return await self._act(question_id, by, change)

    async def _act(self, question_id: str, by: Caller, change: NextOutcome) -> Question:
        asker = await run_sync(self._asker, question_id)
        block_reason = ""
        if asker != self._me:
            try:
                await self._require_not_blocked(asker)
            except Conflict as error:
                block_reason = error.detail  # This node does not write to it; the answer is kept here.
        return await run_sync(self._save, question_id, by, change, block_reason)

    def _asker(self, question_id: str) -> str:
        with self._uow.read() as tx:
            question = self._store.get(tx, question_id)
        if question is None or question.publisher != self._me:
            raise _absent()
        return question.asker

    @taken_in_turn
    def _save(self, question_id: str, by: Caller, change: NextOutcome, block_reason: str) -> Question:
        with self._uow.begin() as tx:
            question = self._store.get(tx, question_id, lock=True)
            if question is None:
                raise _absent()
            changed = change(question)
            outcome = replace(
                changed, revision=question.outcome.revision + 1, changed_at=self._clock.now(), by=by.name
            )
            own = question.login == by.account
            progress = Progress(seen=own, mail_due=bool(question.login) and not own, delivery_fault=block_reason)
            question = replace(question, outcome=outcome, progress=progress)
            self._store.save(tx, question)
            body = {
                "event": f"question-{outcome.state}",
                "asset": question.iri,
                "asker": question.asker,
                "public": question.is_public,
                **({"reason": outcome.reason} if outcome.reason else {}),
            }
            self._append(tx, EntryKind.NODE, SUBJECT + question.id, by.name, body)
            if question.asker != self._me and not block_reason:
                self._post.send_outcome(tx, question)
        return question

    def _open(self) -> QuestionFilter:
        return QuestionFilter(publisher=self._me, states=(QuestionState.OPEN,))

    def _select(self, criteria: QuestionFilter, oldest_first: bool, limit: int) -> Sequence[Question]:
        with self._uow.read() as tx:
            return self._store.select(tx, criteria, oldest_first=oldest_first, limit=limit)


def _absent() -> NotFound:
    return NotFound("this node has received no such question", remedy="see the list: hansa question list")
