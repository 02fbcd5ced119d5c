"""What a node does by itself: the outbox's tasks and the timers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from anyio.to_thread import run_sync

from node.adapters.egress import Lane
from node.base.errors import Conflict, ForbiddenAddress, HansaError, InvalidInput, LocalFault, PeerUnreachable
from node.base.work import Task, Transaction
from node.bootstrap.models import ModelServices
from node.bootstrap.parts import Parts
from node.bootstrap.people import People
from node.bootstrap.protocol import Protocol
from node.bootstrap.scenarios import Scenarios
from node.dialogue.wire import sent
from node.negotiation import machine as negotiating
from node.scenarios.models.jobs import JOB_TOPIC
from node.scenarios.runs.usecases import RUN_TOPIC
from node.transfer import machine as transferring
from node.transfer import messages as transfer_messages
from node.transfer.deletions import TOPIC as DELETION_TOPIC
from node.transfer.leftovers import discard_left
from node.transfer.model import Transfer
from node.transfer.push import MOST_IN_VAIN, InVain, NotTaken, SinkRefused
from node.transfer.usecases import PUSH_TOPIC, RECEIVE_TOPIC
from node.worker.deliveries import PeerAnswer, SendMessages
from node.worker.executions import ExecutionHandler
from node.worker.loop import Again, Done, Handler, Never, Outcome
from node.worker.pace import Pace
from node.worker.setback import SetRight
from node.worker.timers import Timer

LENGTHY: Final = frozenset({RECEIVE_TOPIC, PUSH_TOPIC, JOB_TOPIC, RUN_TOPIC})
"""Topics whose tasks move bytes or compute, for hours where a peer is slow: they must not keep messages waiting."""
NARROW: Final = frozenset({RECEIVE_TOPIC, PUSH_TOPIC})
"""Topics whose tasks take as long as one peer likes: each peer has few of them at a time."""


def remains(task: Task) -> bytes:
    """What is kept of a dead letter: without the token of a data address, which nobody needs until it is sent again,
    and then it is a new one (``node.bootstrap.letters``)."""
    if task.headers.get("process") == transferring.TABLE.name:
        return transfer_messages.kept(task.body)
    return task.body


def handlers(
    parts: Parts, people: People, spoken: Protocol, models: ModelServices, scenarios: Scenarios
) -> dict[str, Handler]:
    """What is done with the tasks of the outbox, by topic."""

    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        answer = await parts.egress.request(
            "POST",
            url,
            headers={
                "Authorization": spoken.correspondence.authorization(audience),
                "Content-Type": "application/json",
            },
            body=sent(body),
            lane=Lane.MESSAGES,
            timeout=parts.settings.peer_seconds,
        )
        return PeerAnswer(answer.status, answer.body, answer.headers.get("Retry-After"))

    vain = InVain()

    def find(pid: str) -> Transfer | None:
        with parts.stores.uow.read() as tx:
            return parts.stores.transfers.get(tx, pid)

    async def receive(task: Task) -> Outcome:
        """Fetch the bytes of one transfer, however often it takes; where it has ended, leave no part of them."""
        transfer = await run_sync(find, task.subject)
        if transfer is None:
            return Done()
        if transfer.state in transferring.TABLE.terminal:
            await discard_left(spoken.receive, transfer.pid)
            return Done()
        try:
            reception = await spoken.receive.run(transfer)
        except (PeerUnreachable, Conflict, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        if reception.state not in ("done", "failed"):
            return Done()

        def tell(tx: Transaction) -> None:
            spoken.transfers.finished(tx, task.subject, reception)

        return Done(tell)

    async def push(task: Task) -> Outcome:
        """Send the bytes of one transfer to where the consumer wants them, from the first byte each time."""
        transfer = await run_sync(find, task.subject)
        if transfer is None or transfer.state != transferring.STARTED:
            return Done()
        try:
            await spoken.push.run(transfer)
        except NotTaken as error:
            pause = vain.pause(task.id)
            if pause is not None:
                return Again(error.detail, after=pause, lane_down=True)
            refused = [f"it was sent {MOST_IN_VAIN} times in full and not taken: {error.detail}"]
            return Done(lambda tx: spoken.transfers.not_pushed(tx, task.subject, SinkRefused.code, refused))
        except (PeerUnreachable, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        except HansaError as refusal:
            if refusal.facts.get("transferState") is not None:
                return Done()  # Suspended, and pushed anew when it starts again; or over.
            code, why = refusal.code, list(refusal.facts.get("reasons", ())) or [refusal.detail]
            return Done(lambda tx: spoken.transfers.not_pushed(tx, task.subject, code, why))
        return Done(lambda tx: spoken.transfers.pushed(tx, task.subject))

    async def credential(task: Task) -> Outcome:
        try:
            await people.deliver.deliver(task)
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except (Conflict, InvalidInput) as error:
            return Never(error.detail)
        except HansaError as error:
            return Again(error.detail)
        return Done()

    async def deletion(task: Task) -> Outcome:
        """Tell a provider that what it gave was deleted. One that takes no confirmation never will."""
        try:
            answer = await post(str(task.headers["url"]), task.body, audience=str(task.headers["peer"]))
        except PeerUnreachable as error:
            return Again(error.detail, lane_down=True)
        except ForbiddenAddress as error:
            return Never(error.detail)
        if answer.status >= 500 or answer.status in (401, 408, 409, 423, 425, 429):
            return Again(f"the peer answered {answer.status}")
        refused = "" if 200 <= answer.status < 300 else f"the provider's node takes no confirmation: {answer.status}"
        return Done(lambda tx: spoken.deletions.told(tx, task.subject, refused=refused))

    send = SendMessages(
        post=post,
        protocols={
            negotiating.TABLE.name: spoken.negotiations,
            transferring.TABLE.name: spoken.transfers,
        },
        clock=parts.clock,
    )
    return {
        "dsp": send,
        RECEIVE_TOPIC: receive,
        PUSH_TOPIC: push,
        DELETION_TOPIC: deletion,
        "credential": credential,
        JOB_TOPIC: ExecutionHandler(models.job_execution),
        RUN_TOPIC: ExecutionHandler(scenarios.run_execution, exhausted=Pace().exhausted),
    }


def timers(parts: Parts, spoken: Protocol, pace: Pace, wake: Callable[[], None]) -> list[Timer]:
    """What is done every so many seconds. ``wake`` tells the worker that there may be something to do."""
    stores = parts.stores
    set_right = SetRight(uow=stores.uow, outbox=stores.outbox, clock=parts.clock, pace=pace, wake=wake)

    async def forget_jtis() -> int:
        def forget() -> int:
            with stores.uow.begin() as tx:
                return stores.identity.forget_jtis(tx, parts.clock.now())

        return await run_sync(forget)

    async def rest() -> bool:
        return await run_sync(parts.graph.rest)

    async def watch_clock() -> int:
        return await run_sync(set_right)

    return [
        # What a process has put into the queue while its clock was ahead, it alone knows to be wrong.
        Timer("clock", pace.lease / 3, watch_clock, each_process=True),
        Timer("idle graph", 30.0, rest, each_process=True),
        Timer("used tokens", 300.0, forget_jtis),
        Timer("late decisions", 60.0, spoken.decisions.expire),
    ]
