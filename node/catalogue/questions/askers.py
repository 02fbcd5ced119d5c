"""The acts of askers: ask a question on an asset, read one's own questions, mark the outcomes as seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, InvalidInput, NotAllowed, TooMany
from node.base.ids import new_urn
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.browse import Browse
from node.catalogue.questions.delivery import QuestionPost
from node.catalogue.questions.model import (
    HOUR,
    LONGEST_QUESTION,
    OPEN,
    PER_PARTICIPANT,
    PER_PERSON,
    Progress,
    Question,
    QuestionFilter,
    QuestionOutcome,
    QuestionState,
    QuestionStore,
    clean_text,
)
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.ledger.ports import Append

SUBJECT: Final = "question:"
"""The ledger's subjects of questions begin with this."""


class AskQuestions:
    """The questions of people of this node, on assets of this node and of others."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: QuestionStore,
        browse: Browse,
        post: QuestionPost,
        append: Append,
        clock: Clock,
        me: str,
        require_not_blocked: Callable[[str], Awaitable[None]],
    ) -> None:
        """``require_not_blocked`` raises ``Conflict`` for a participant that this node has blocked."""
        self._uow = uow
        self._store = store
        self._browse = browse
        self._post = post
        self._append = append
        self._clock = clock
        self._me = me
        self._require_not_blocked = require_not_blocked

    async def ask(self, iri: str, text: str, by: Caller, *, private: bool = False) -> Question:
        """Ask the publisher of an asset; the same open question again changes nothing, unless it was not delivered.

        Raises ``NotAllowed`` for everybody but people of this node, ``InvalidInput`` for a text that is too short or
        too long, ``NotFound``, ``Conflict`` if this node has blocked the publisher, ``TooMany`` beyond the limits.
        """
        login = asker_login(by)
        plain = clean_text(text, name="question", longest=LONGEST_QUESTION)
        record = await self._browse.record(iri, by)
        if record.origin != self._me:
            await self._require_not_blocked(record.origin)
            self._require_address(record.origin)
        now = self._clock.now()
        question = Question(
            id=new_urn(),
            iri=record.iri,
            publisher=record.origin,
            asker=self._me,
            login=login,
            text=plain,
            private=private,
            at=now,
            outcome=QuestionOutcome(changed_at=now),
            progress=Progress(mail_due=record.origin == self._me),
        )
        return await run_sync(self._add, question)

    def _require_address(self, did: str) -> None:
        try:
            self._post.address(did)
        except HansaError as error:
            raise InvalidInput(
                "the node of the publisher cannot take questions",
                remedy="write to the contact that the asset names",
                facts={"case": "no-questions"},
            ) from error

    @taken_in_turn
    def _add(self, question: Question) -> Question:
        with self._uow.begin() as tx:
            # Counting and adding are one act, for many requests at once too.
            self._store.hold(tx, f"person {question.login}")
            same = QuestionFilter(
                iri=question.iri, login=question.login, text=question.text, states=(QuestionState.OPEN,)
            )
            for known in self._store.select(tx, same, limit=1):
                if not known.is_undelivered:
                    return known
            self._require_measure(tx, question)
            self._store.add(tx, question)
            body = {"event": "question-asked", "asset": question.iri, "publisher": question.publisher}
            self._append(tx, EntryKind.NODE, SUBJECT + question.id, question.login, body)
            if question.publisher != self._me:
                self._post.send_question(tx, question)
        return question

    def _require_measure(self, tx: Transaction, question: Question) -> None:
        since = question.at - HOUR
        if self._store.count(tx, QuestionFilter(login=question.login, since=since)) >= PER_PERSON:
            raise TooMany(
                f"you have asked {PER_PERSON} questions in the last hour, which is the limit",
                remedy="ask again in an hour",
                facts={"case": "questions-person", "count": PER_PERSON},
            )
        waiting = QuestionFilter(login=question.login, states=(QuestionState.OPEN,))
        if self._store.count(tx, waiting) >= OPEN:
            raise Conflict(
                f"{OPEN} of your questions wait for an answer, which is the limit",
                remedy="wait for answers",
                facts={"case": "questions-open", "count": OPEN},
            )
        if question.publisher == self._me:
            return
        self._store.hold(tx, f"questions to {question.publisher}")
        sent = QuestionFilter(asker=self._me, publisher=question.publisher, since=since)
        if self._store.count(tx, sent) >= PER_PARTICIPANT:
            raise TooMany(
                f"the people of this node have asked this publisher {PER_PARTICIPANT} questions in the last hour",
                remedy="ask again in an hour",
                facts={"case": "questions-node", "count": PER_PARTICIPANT},
            )

    async def mine(self, by: Caller, *, iri: str = "", limit: int = 100) -> Sequence[Question]:
        """Return the caller's questions, the newest first; of one asset, or of all. None for other callers."""
        if by.account is None:
            return ()
        criteria = QuestionFilter(login=by.account, asker=self._me, iri=iri)
        return await run_sync(self._select, criteria, limit)

    async def news(self, by: Caller, *, limit: int) -> Sequence[Question]:
        """Return the caller's questions with an outcome that they have not seen, the newest first."""
        if by.account is None:
            return ()
        return await run_sync(self._select, QuestionFilter(login=by.account, asker=self._me, news=True), limit)

    async def count_news(self, by: Caller) -> int:
        """Return the number of the caller's questions with an outcome that they have not seen."""
        if by.account is None:
            return 0
        criteria = QuestionFilter(login=by.account, asker=self._me, news=True)

        def count() -> int:
            with self._uow.read() as tx:
                return self._store.count(tx, criteria)

        return await run_sync(count)

    async def mark_seen(self, by: Caller) -> int:
        """Count the outcomes of the caller's questions as seen; return how many there were. Raises ``NotAllowed``."""
        login = asker_login(by)

        @taken_in_turn
        def save() -> int:
            with self._uow.begin() as tx:
                criteria = QuestionFilter(login=login, asker=self._me, news=True)
                ids = [question.id for question in self._store.select(tx, criteria, limit=1000)]
                # Each is read again with its lock: an answer may come at the same moment.
                questions = [self._store.get(tx, question_id, lock=True) for question_id in sorted(ids)]
                for question in questions:
                    if question is not None:
                        self._store.save(tx, replace(question, progress=replace(question.progress, seen=True)))
            return len(ids)

        return await run_sync(save)

    async def public_of(self, iri: str, *, limit: int = 100) -> Sequence[Question]:
        """Return the questions on an asset that were answered for everybody, the newest first. The caller of this
        method has checked that the reader may see the asset."""
        return await run_sync(self._select, QuestionFilter(iri=iri, public=True), limit)

    async def read_public(self, iri: str, by: Caller, *, limit: int = 100) -> Sequence[Question]:
        """Return the same for an asset that ``by`` may see. Raises ``NotFound``."""
        record = await self._browse.record(iri, by)
        return await self.public_of(record.iri, limit=limit)

    def _select(self, criteria: QuestionFilter, limit: int) -> Sequence[Question]:
        with self._uow.read() as tx:
            return self._store.select(tx, criteria, limit=limit)


def asker_login(by: Caller) -> str:
    """Return the login of a person. Raises ``NotAllowed`` for everybody else."""
    if by.account is None:
        raise NotAllowed("only people of this node ask questions here", remedy="sign in as a person of this node")
    return by.account
