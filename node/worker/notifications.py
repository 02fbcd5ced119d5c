"""Handlers of tasks that send a peer one notice: a credential to its holder, a deletion to its provider, a question
to a publisher, and its outcome to the asker's node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from node.base.errors import Conflict, ForbiddenAddress, HansaError, InvalidInput, PeerUnreachable
from node.base.work import Task, Transaction
from node.identity.credentials.issuance import DeliverCredential
from node.worker.deliveries import Post
from node.worker.outcomes import Again, Done, Never, Outcome

PASSING = frozenset({401, 408, 409, 423, 425, 429})
"""Answers after which a notice is sent again, as after answers from 500 on."""


class CredentialHandler:
    """Delivers a credential to its holder."""

    def __init__(self, deliver: DeliverCredential) -> None:
        self._deliver = deliver

    async def __call__(self, task: Task) -> Outcome:
        try:
            await self._deliver.deliver(task)
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except (Conflict, InvalidInput) as error:
            return Never(error.detail)
        except HansaError as error:
            return Again(error.detail)
        return Done()


class Notes(Protocol):
    """Keeps what became of notices, by the subjects of their tasks."""

    def note_answer(self, tx: Transaction, subject: str, *, refusal: str = "") -> None:
        """Note that the peer took the notice, or the reason why it never will."""


class NoticeHandler:
    """Sends a peer one notice, and notes its answer: a deletion to its provider, a question to its publisher, an
    outcome to its asker. ``refusal_of`` returns the reason in an answer that is no success."""

    def __init__(self, post: Post, notes: Notes, refusal_of: Callable[[int, bytes], str]) -> None:
        self._post = post
        self._notes = notes
        self._refusal_of = refusal_of

    async def __call__(self, task: Task) -> Outcome:
        try:
            answer = await self._post(str(task.headers["url"]), task.body, audience=str(task.headers["peer"]))
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except ForbiddenAddress as error:
            return Never(error.detail)
        if answer.status >= 500 or answer.status in PASSING:
            return Again(f"the peer answered {answer.status}")
        refusal = "" if 200 <= answer.status < 300 else self._refusal_of(answer.status, answer.body)
        return Done(lambda tx: self._notes.note_answer(tx, task.subject, refusal=refusal))

    def note_burial(self, tx: Transaction, task: Task, error: str) -> None:
        """Note that the notice could not be delivered. If a person has it sent again, its answer replaces this."""
        self._notes.note_answer(tx, task.subject, refusal=error)
