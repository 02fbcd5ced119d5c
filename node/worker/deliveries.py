"""Send protocol messages: the same bytes at every attempt, a fresh token each time, the answer as an event."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, Protocol

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.delivery import PeerAnswer, wait_of
from node.base.errors import ForbiddenAddress, InvalidInput, PeerUnreachable
from node.base.work import Task, Transaction
from node.dialogue import wire
from node.dialogue.process import Exchange
from node.worker.outcomes import Again, Done, Never, Outcome

# With these answers a peer only asks us to wait.
PATIENCE = frozenset({408, 425, 429})
# After these answers a peer may soon answer differently: its process may not be committed yet, or it cannot verify
# our identity at the moment (six answers, 15.5 s), or it is at work on the process itself (eight answers, 63.5 s).
# Eclipse EDC on PostgreSQL, up to 0.15, answers 409 for a minute after a message that came too early for it: it
# refuses that message, and only gives its lease back when the lease expires.
PASSING = {401: 6, 404: 6, 409: 8, 423: 8}
"""The answers that a peer may soon take back, and the number of times that each is heard before it is believed."""
# A 409 with a time to ask again is not a refusal: our message has crossed one of the peer's (decision 0012), which
# may take long to arrive. Without a time it may be one: some connectors answer 409 if the state does not allow the
# message.
CROSSED = 409
# With these answers a peer may state how long we have to wait.
WAITS = frozenset({429, 503})
_OPENINGS: Final = {"RequestMessage": "providerPid", "OfferMessage": "consumerPid"}
"""Endings of the names of messages that may open a process → the member of the answer with the peer's id of it."""
FIRST_PAUSE = 0.5
REMEMBERED = 10_000


class Post(Protocol):
    """Sends JSON to a peer with a fresh token for it. Raises ``PeerUnreachable`` or ``ForbiddenAddress``."""

    async def __call__(self, url: str, body: bytes, *, audience: str) -> PeerAnswer: ...


class Outcomes(Protocol):
    """The use cases of a protocol that take the peer's answer (negotiations, transfers)."""

    def hold(self, tx: Transaction, pid: str) -> None: ...

    def record_acknowledgement(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, peer_pid: str | None
    ) -> None: ...

    def overheard(self, tx: Transaction, exchange: Exchange) -> None: ...

    def record_refusal(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, code: str, reason: tuple[Any, ...]
    ) -> None: ...


class SendMessages:
    """Handler of topic ``dsp``; ``protocols`` maps the table's name to the use cases."""

    def __init__(self, *, post: Post, protocols: Mapping[str, Outcomes], clock: Clock) -> None:
        self._post = post
        self._protocols = protocols
        self._clock = clock
        # Answers are counted, not attempts: for a peer that was away for hours and then answers 409 once, the count
        # is one. A restart loses the count, which then only starts again.
        self._passing: OrderedDict[str, int] = OrderedDict()

    async def __call__(self, task: Task) -> Outcome:
        message = str(task.headers["message"])
        crashpoint(f"{task.headers['process']}.{message}.S2")
        try:
            answer = await self._post(str(task.headers["url"]), task.body, audience=str(task.headers["peer"]))
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except ForbiddenAddress as error:
            return Never(error.detail)
        crashpoint(f"{task.headers['process']}.{message}.S3")
        if 200 <= answer.status < 300:
            return self._record_acceptance(task, message, answer)
        if answer.status >= 500 or answer.status in PATIENCE:
            wait = wait_of(answer.retry_after, self._clock.now()) if answer.status in WAITS else 0.0
            return self._put_off(task, message, answer, at_least=wait)
        if answer.status == CROSSED and answer.retry_after is not None:
            return self._put_off(task, message, answer, at_least=wait_of(answer.retry_after, self._clock.now()))
        if answer.status in PASSING:
            answers = self._count(task)
            if answers < PASSING[answer.status]:
                return self._put_off(task, message, answer, after=FIRST_PAUSE * 2.0 ** (answers - 1))
        return self._record_refusal(task, message, answer)

    def _count(self, task: Task) -> int:
        answers = self._passing[task.id] = self._passing.pop(task.id, 0) + 1
        while len(self._passing) > REMEMBERED:
            self._passing.popitem(last=False)
        return answers

    def _put_off(
        self, task: Task, message: str, answer: PeerAnswer, *, after: float | None = None, at_least: float = 0.0
    ) -> Outcome:
        exchange = self._exchange(task, message, answer)
        outcomes = self._protocols[str(task.headers["process"])]
        return Again(
            f"the peer answered {answer.status}",
            after=after,
            at_least=at_least,
            note=lambda tx: outcomes.overheard(tx, exchange),
        )

    def _record_acceptance(self, task: Task, message: str, answer: PeerAnswer) -> Outcome:
        self._passing.pop(task.id, None)
        peer_pid = _peer_pid(task, message, answer.body)
        exchange = self._exchange(task, message, answer)
        outcomes = self._protocols[str(task.headers["process"])]
        return Done(
            lambda tx: outcomes.record_acknowledgement(tx, task.subject, task.id, exchange, peer_pid),
            late=lambda tx: outcomes.overheard(tx, exchange),
            hold=lambda tx: outcomes.hold(tx, task.subject),
        )

    def _record_refusal(self, task: Task, message: str, answer: PeerAnswer) -> Outcome:
        self._passing.pop(task.id, None)
        code, reason = _why(answer)
        exchange = self._exchange(task, message, answer)
        outcomes = self._protocols[str(task.headers["process"])]
        return Done(
            lambda tx: outcomes.record_refusal(tx, task.subject, task.id, exchange, code, reason),
            late=lambda tx: outcomes.overheard(tx, exchange),
            hold=lambda tx: outcomes.hold(tx, task.subject),
        )

    def _exchange(self, task: Task, message: str, answer: PeerAnswer) -> Exchange:
        return Exchange(
            pid=task.subject,
            at=self._clock.now(),
            outgoing=True,
            message=message,
            message_id=task.id,
            body_sha256=task.sent_sha256,
            body=task.body,
            answer_status=answer.status,
            answer=answer.body[:65536],
        )


def _peer_pid(task: Task, message: str, body: bytes) -> str | None:
    """Return the peer's process id if its acknowledgement of a message that may open a process contains one that is
    not ours. Any other body is fine (DSP 2025-1 §8: only answers that create a process have a body that counts), and
    is not read."""
    theirs = next((member for ending, member in _OPENINGS.items() if message.endswith(ending)), None)
    value = _members(body).get(theirs) if theirs is not None else None
    return value if isinstance(value, str) and value != task.subject else None


def _why(answer: PeerAnswer) -> tuple[str, tuple[Any, ...]]:
    members = _members(answer.body)
    code = members.get("code")
    reason = members.get("reason") or members.get("detail") or []
    return (
        str(code) if code else f"http-{answer.status}",
        tuple(reason) if isinstance(reason, list) else (reason,),
    )


def _members(body: bytes) -> dict[str, Any]:
    try:
        return wire.read(body)
    except InvalidInput:
        return {}
