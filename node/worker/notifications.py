"""Handlers of tasks that send a peer one notice: a credential to its holder, a deletion to its provider, a question
to a publisher, and its outcome to the asker's node."""

from __future__ import annotations

from node.base.errors import Conflict, ForbiddenAddress, HansaError, InvalidInput, PeerUnreachable
from node.base.work import Task
from node.catalogue.questions.delivery import QuestionPost, refusal_of
from node.identity.credentials.issuance import DeliverCredential
from node.transfer.deletion.confirm import ConfirmDeletion
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


class DeletionHandler:
    """Notifies a provider that the data it gave were deleted. A provider that does not accept the confirmation never
    will."""

    def __init__(self, post: Post, confirm: ConfirmDeletion) -> None:
        self._post = post
        self._confirm = confirm

    async def __call__(self, task: Task) -> Outcome:
        try:
            answer = await self._post(str(task.headers["url"]), task.body, audience=str(task.headers["peer"]))
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except ForbiddenAddress as error:
            return Never(error.detail)
        if answer.status >= 500 or answer.status in PASSING:
            return Again(f"the peer answered {answer.status}")
        dead_task = (
            ""
            if 200 <= answer.status < 300
            else f"the provider's node does not accept confirmations: {answer.status}"
        )
        return Done(lambda tx: self._confirm.note_answer(tx, task.subject, refusal=dead_task))


class QuestionHandler:
    """Sends questions and their outcomes to other nodes. What the other node refuses is noted, with its reason."""

    def __init__(self, post: Post, questions: QuestionPost) -> None:
        self._post = post
        self._questions = questions

    async def __call__(self, task: Task) -> Outcome:
        try:
            answer = await self._post(str(task.headers["url"]), task.body, audience=str(task.headers["peer"]))
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except ForbiddenAddress as error:
            return Never(error.detail)
        if answer.status >= 500 or answer.status in PASSING:
            return Again(f"the peer answered {answer.status}")
        refusal = "" if 200 <= answer.status < 300 else refusal_of(answer.status, answer.body)
        return Done(lambda tx: self._questions.note_answer(tx, task.subject, refusal=refusal))
