"""E-mails about questions: to those who may answer, and to askers. They hold no question and no answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, moment, stamp
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.ports import RecordStore
from node.catalogue.questions.model import Question, QuestionFilter, QuestionState, QuestionStore
from node.catalogue.subscriptions.letters import Letters
from node.catalogue.subscriptions.mail import SubscriptionMail
from node.identity.ports import IdentityStore, Notes
from node.identity.roles import ROLES, UseCase

BETWEEN: Final = timedelta(minutes=15)
"""The least time between two e-mails about questions that wait: many questions make few e-mails."""
_STALE: Final = timedelta(days=1)
"""Older outcomes are not mailed: the node had no mail server when they were news."""
_BATCH: Final = 200
_KEY: Final = "question mail"


class QuestionMail:
    """Queues e-mails about questions to the addresses that people of this node have confirmed."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: QuestionStore,
        records: RecordStore,
        identity: IdentityStore,
        notes: Notes,
        mail: SubscriptionMail,
        letters: Letters,
        clock: Clock,
        me: str,
        wake: Callable[[], None],
    ) -> None:
        self._uow = uow
        self._store = store
        self._records = records
        self._identity = identity
        self._notes = notes
        self._mail = mail
        self._letters = letters
        self._clock = clock
        self._me = me
        self._wake = wake

    async def queue_due(self) -> int:
        """Queue the e-mails that are due; return how many."""
        if not self._mail.is_available:
            return 0
        count = await run_sync(self._queue)
        if count:
            self._wake()
        return count

    @taken_in_turn
    def _queue(self) -> int:
        now = self._clock.now()
        with self._uow.begin() as tx:
            due = self._store.with_mail_due(tx, limit=_BATCH)
            waiting = [question for question in due if question.state is QuestionState.OPEN]
            finished_questions = [question for question in due if question.state is not QuestionState.OPEN]
            count = sum(self._write_to_asker(tx, question, now) for question in finished_questions)
            if waiting and self._may_write(tx, now):
                count += self._write_to_publishers(tx, now)
                finished_questions += waiting
            for question in finished_questions:
                self._store.save(tx, replace(question, progress=replace(question.progress, mail_due=False)))
        return count

    def _may_write(self, tx: Transaction, now: datetime) -> bool:
        last = self._notes.get(tx, _KEY)
        # The clock of another process may be ahead of ours.
        if last is not None and abs(now - moment(last)) < BETWEEN:
            return False
        self._notes.put(tx, _KEY, stamp(now))
        return True

    def _write_to_publishers(self, tx: Transaction, now: datetime) -> int:
        criteria = QuestionFilter(publisher=self._me, states=(QuestionState.OPEN,))
        total = self._store.count(tx, criteria)
        return sum(
            self._mail.queue_notice(
                tx,
                login,
                now,
                lambda address, link, language: self._letters.questions(address, link, language, now, total),
            )
            for login in self._publishers(tx)
        )

    def _publishers(self, tx: Transaction) -> Sequence[str]:
        roles = set(ROLES[UseCase.ANSWER_QUESTIONS])
        accounts = self._identity.accounts(tx)
        return [account.login for account in accounts if not account.disabled and roles & account.roles]

    def _write_to_asker(self, tx: Transaction, question: Question, now: datetime) -> int:
        entry = self._identity.account(tx, question.login) if question.login else None
        if entry is None or entry[0].disabled or now - question.outcome.changed_at > _STALE:
            return 0
        record = self._records.get(tx, question.iri)
        return self._mail.queue_notice(
            tx,
            question.login,
            now,
            lambda address, link, language: self._letters.outcome(
                address, link, language, now, record, str(question.state)
            ),
        )
