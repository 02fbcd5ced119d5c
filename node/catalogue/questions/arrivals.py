"""Messages about questions from other nodes: a question for us, and the outcome of a question of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound, TooMany
from node.base.jsons import read_object
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.browse import Browse
from node.catalogue.questions.askers import SUBJECT
from node.catalogue.questions.model import (
    HOUR,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    LONGEST_REASON,
    OPEN,
    PER_PARTICIPANT,
    STRANGERS,
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

_ID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LONGEST_IRI: Final = 2048
_MOST_REVISIONS: Final = 1 << 31


class ReceiveQuestions:
    """Takes questions of other participants, and outcomes of our own questions. The caller is identified."""

    def __init__(
        self, *, uow: UnitOfWork, store: QuestionStore, browse: Browse, append: Append, clock: Clock, me: str
    ) -> None:
        self._uow = uow
        self._store = store
        self._browse = browse
        self._append = append
        self._clock = clock
        self._me = me

    async def take_question(self, caller: Caller, raw: bytes) -> None:
        """Keep the question in ``raw``; the same again changes nothing.

        Raises ``InvalidInput``, ``NotFound`` if the caller may not see the asset or it is not one of ours,
        ``TooMany`` beyond the limits.
        """
        message = read_object(raw)
        question_id, iri = _id_of(message), str(message.get("iri"))[:_LONGEST_IRI]
        text = clean_text(str(message.get("text") or ""), name="question", longest=LONGEST_QUESTION)
        record = await self._browse.record(iri, caller)
        if record.origin != self._me:
            raise NotFound("this node does not publish the asset", remedy="ask the node that publishes it")
        now = self._clock.now()
        question = Question(
            id=question_id,
            iri=record.iri,
            publisher=self._me,
            asker=str(caller.did),
            text=text,
            private=message.get("private") is True,
            stranger=caller.is_stranger,
            at=now,
            outcome=QuestionOutcome(changed_at=now),
            progress=Progress(mail_due=True),
        )
        await run_sync(self._keep, question)

    @taken_in_turn
    def _keep(self, question: Question) -> None:
        with self._uow.begin() as tx:
            self._store.hold(tx, f"participant {question.asker}")
            known = self._store.get(tx, question.id)
            if known is not None:
                if (known.asker, known.iri, known.text) != (question.asker, question.iri, question.text):
                    raise InvalidInput("another question has this id", remedy="send it with an id of its own")
                return
            self._require_measure(tx, question)
            self._store.add(tx, question)
            body = {"event": "question-asked", "asset": question.iri}
            self._append(tx, EntryKind.NODE, SUBJECT + question.id, question.asker, body)

    def _require_measure(self, tx: Transaction, question: Question) -> None:
        since = question.at - HOUR
        participant = QuestionFilter(asker=question.asker, publisher=self._me)
        if self._store.count(tx, replace(participant, since=since)) >= PER_PARTICIPANT:
            raise TooMany(
                f"your node has asked {PER_PARTICIPANT} questions in the last hour", remedy="send it again in an hour"
            )
        if self._store.count(tx, replace(participant, states=(QuestionState.OPEN,))) >= OPEN:
            raise TooMany(f"{OPEN} questions of your node wait for an answer", remedy="send it again later")
        if question.stranger:
            self._store.hold(tx, "strangers")
            strangers = QuestionFilter(publisher=self._me, strangers=True, since=since)
            if self._store.count(tx, strangers) >= STRANGERS:
                raise TooMany(
                    "participants without a credential have asked too many questions in the last hour",
                    remedy="send it again in an hour, or with a credential that this node trusts",
                )

    async def take_outcome(self, caller: Caller, raw: bytes) -> None:
        """Keep the publisher's act on a question of ours; an earlier act than the known one changes nothing.

        Raises ``InvalidInput``, ``NotFound`` if we have not asked the caller this.
        """
        message = read_object(raw)
        await run_sync(self._keep_outcome, caller, _id_of(message), message)

    @taken_in_turn
    def _keep_outcome(self, caller: Caller, question_id: str, message: Mapping[str, Any]) -> None:
        state, revision = _state_of(message), message.get("revision")
        if not isinstance(revision, int) or not 0 < revision < _MOST_REVISIONS:
            raise InvalidInput("revision is not a number above 0", remedy="count the acts on the question")
        with self._uow.begin() as tx:
            question = self._store.get(tx, question_id, lock=True)
            if question is None or question.asker != self._me or question.publisher != caller.did:
                raise NotFound("this node has not asked you this question")
            if revision <= question.outcome.revision:
                return
            outcome = QuestionOutcome(
                state=state,
                public=message.get("public") is True and not question.private,
                answer=_text_of(message, "answer", LONGEST_ANSWER),
                reason=_text_of(message, "reason", LONGEST_REASON),
                revision=revision,
                changed_at=self._clock.now(),
            )
            delivered_at = question.progress.delivered_at or outcome.changed_at
            progress = Progress(mail_due=bool(question.login), delivered_at=delivered_at)
            self._store.save(tx, replace(question, outcome=outcome, progress=progress))
            body = {"event": f"question-{state}", "asset": question.iri}
            self._append(tx, EntryKind.NODE, SUBJECT + question.id, str(caller.did), body)


def _id_of(message: Mapping[str, Any]) -> str:
    question_id = message.get("id")
    if not isinstance(question_id, str) or not _ID.fullmatch(question_id):
        raise InvalidInput("id is not a URN of a UUID", remedy="send urn:uuid:… in small letters")
    return question_id


def _state_of(message: Mapping[str, Any]) -> QuestionState:
    try:
        state = QuestionState(str(message.get("state")))
    except ValueError as error:
        raise InvalidInput("state is not known", remedy="send answered, hidden or refused") from error
    if state is QuestionState.OPEN:
        raise InvalidInput("a settled question is not opened again", remedy="send answered, hidden or refused")
    return state


def _text_of(message: Mapping[str, Any], name: str, longest: int) -> str:
    return clean_text(str(message.get(name) or ""), name=name, longest=longest, shortest=0)
