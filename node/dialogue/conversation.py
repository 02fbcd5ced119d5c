"""The rules of every conversation with a peer, in either protocol.

State, ledger entry and outgoing message belong to one transaction. A message that was accepted before gets the same
answer again and changes nothing; a message that the table does not allow is refused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.delivery import OutboxWriter
from node.base.errors import Crossed, HansaError, InvalidInput, LocalProtocolError, NotFound
from node.base.jsons import canonical, read_json
from node.base.work import Transaction, UnitOfWork
from node.dialogue.caps import require_room
from node.dialogue.machine import (
    Acknowledged,
    Arrived,
    Cancel,
    Commanded,
    Entered,
    Event,
    Received,
    Refused,
    Send,
    Step,
    Table,
    advance,
)
from node.dialogue.message import AFTER, IncomingMessage
from node.dialogue.process import IMPLIED, Exchange, P, PendingMessage, Process, ProcessStore, Role
from node.dialogue.repeats import Repeats
from node.dialogue.timeline import Timeline
from node.dialogue.wire import in_version
from node.identity.model import Caller
from node.ledger.model import EntryKind
from node.ledger.ports import Append

TOPIC = "dsp"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the peer: an HTTP status and a JSON body."""

    status: int
    body: dict[str, Any]


class Conversation(Generic[P]):
    """Moves processes of one kind. ``acknowledge`` renders the state for the peer, ``path`` returns the path of a
    message below the peer's base URL."""

    def __init__(
        self,
        *,
        table: Table,
        store: ProcessStore[P],
        outbox_writer: OutboxWriter,
        append: Append,
        clock: Clock,
        acknowledge: Callable[[P], dict[str, Any]],
        path: Callable[[str, str | None], str],
        refusal: Callable[[P, str, list[Any]], dict[str, Any]],
        dated: bool = False,
        storable: Callable[[bytes], bytes] = bytes,
        brief: Container[str] = (),
    ) -> None:
        """``refusal`` renders the answer to a refused message, from the code and reasons of the refusal. ``storable``
        returns the copy of an accepted message that is stored: without its secrets. ``brief`` names the messages that
        are stored as their head only if they are long.
        ``dated``: each message names the last message of the peer that its sender had taken. A protocol needs this if
        a process may come back to an earlier state."""
        self.table = table
        self._store = store
        self._outbox_writer = outbox_writer
        self._append = append
        self._clock = clock
        self._acknowledge = acknowledge
        self._path = path
        self._dated = dated
        self._storable = storable
        self._repeats = Repeats(table=table, store=store, storable=storable, brief=brief)
        self._timeline = Timeline(store=store, clock=clock, storable=storable, refusal=refusal)

    # ---- finding ---------------------------------------------------------------------------------------------

    def find(self, tx: Transaction, pid: str, peer: str, *, role: Role | None = None, lock: bool = False) -> P:
        """Return our process ``pid`` with ``peer``. Raises the same ``NotFound`` for unknown and foreign processes
        (DSP 2025-1 §8.1: an unauthorised caller gets 404)."""
        process = self._store.get(tx, pid, lock=lock)
        if process is None or process.peer != peer or (role is not None and process.role is not role):
            raise NotFound("there is no such process between you and this node")
        return process

    def hold(self, tx: Transaction, pid: str) -> None:
        """Lock the process, if it exists, for the rest of the transaction. The parts of a process (its messages in
        the outbox, the decision it waits for) are changed only after that, so that transactions about one process
        cannot block each other in a deadlock."""
        self._store.lock(tx, pid)

    # ---- room ------------------------------------------------------------------------------------------------

    def require_room(
        self, tx: Transaction, peer: str, role: Role, cap: int, what: str, *, states: frozenset[str] | None = None
    ) -> None:
        """Raises ``TooMany`` if ``peer`` has ``cap`` processes open with ``role`` as our role."""
        open_count = self._store.count(tx, peer=peer, role=role, states=states or self.table.live)
        require_room(open_count, cap, what)

    # ---- incoming --------------------------------------------------------------------------------------------

    @contextmanager
    def noting_refusal(self, uow: UnitOfWork, pid: str, peer: str, message: IncomingMessage) -> Iterator[None]:
        """Enclose the transaction that takes ``message``: if it refuses the message, keep the refusal in the time
        line of the process, in a transaction of its own. Raises ``NotFound`` like ``find``, and before any writing
        transaction begins: a caller that guesses process ids must not delay writers."""
        with uow.read() as tx:
            self.find(tx, pid, peer)
        try:
            yield
        except HansaError as error:
            # NotFound also means a message at the end point of the other role; it belongs to no time line.
            if 400 <= error.sent_status < 500 and not isinstance(error, NotFound):
                with uow.begin() as tx:
                    process = self._store.get(tx, pid, lock=True)
                    if process is not None and process.peer == peer:
                        self._timeline.refuse(tx, process, message, error)
            raise

    def find_repeat(self, tx: Transaction, process: P, message: IncomingMessage) -> Answer | None:
        """Return the stored answer if this same message was accepted before, like ``Repeats.find_repeat``."""
        return _as_then(self._repeats.find_repeat(tx, process, message))

    def repeated_answer(self, tx: Transaction, process: P, message: IncomingMessage) -> Answer | None:
        """Return the stored answer if the last message had the same content, like ``Repeats.repeated_answer``."""
        return _as_then(self._repeats.repeated_answer(tx, process, message))

    def receive(self, tx: Transaction, process: P, message: IncomingMessage, **changes: Any) -> Step[P]:
        """Apply the peer's message; ``changes`` are new values of fields that subclasses of ``Process`` add.

        Raises ``RemoteProtocolError`` if the table does not allow it, ``Crossed`` if its sender has taken it
        back meanwhile, ``InvalidInput`` if its process ids are not those of this process.
        """
        self._check_pids(process, message)
        self._check_not_late(tx, process, message)
        theirs = message.text("consumerPid" if process.role is Role.PROVIDER else "providerPid")
        step = advance(self.table, process, Received(message.name), self._clock.now())
        return self._settle(tx, process, step, peer_pid=process.peer_pid or theirs, **changes)

    def hear(self, tx: Transaction, process: P, message: IncomingMessage) -> Answer:
        """Accept a message that does not change the state. Raises ``InvalidInput`` if its process ids are not those
        of this process."""
        self._check_pids(process, message)
        return self.accept(tx, process, message)

    def accept(self, tx: Transaction, process: P, message: IncomingMessage, *, status: int = 200) -> Answer:
        """Keep the message and its answer, so that a repeat gets the same answer."""
        answer = Answer(status, self._acknowledge(process))
        self._timeline.keep(tx, process, message, status, answer.body, body=self._repeats.copy(message))
        crashpoint(f"{self.table.name}.{message.name}.R2")
        return answer

    def accepted_messages(self, tx: Transaction, process: P) -> tuple[str, ...]:
        """Return the names in the table of the accepted messages of both sides, oldest first."""
        return tuple(message.message for message in self._store.accepted_messages(tx, process.pid))

    # ---- outgoing --------------------------------------------------------------------------------------------

    def open(self, tx: Transaction, process: P, message: str, body: Mapping[str, Any]) -> P:
        """Begin a process with an opening message of ours; it is pending until the peer acknowledges it."""
        born = replace(process, pending=PendingMessage(message, str(body["@id"])))
        self._store.add(tx, born)
        self._dispatch(tx, born, Send(message, str(body["@id"]), body), due=self._clock.now())
        self._tell(tx, born, message, by_us=True)
        return born

    def command(
        self,
        tx: Transaction,
        process: P,
        message: str,
        body: Mapping[str, Any],
        *,
        due: datetime | None = None,
        **changes: Any,
    ) -> P:
        """Send a message of ours, not before ``due``. Raises ``LocalProtocolError``, before anything has changed, if
        the table does not allow it now or the peer has not sent its id of the process yet."""
        if process.peer_pid is None:
            raise LocalProtocolError(f"the peer has not sent its id of this {self.table.name} yet")
        now = self._clock.now()
        last = self._store.last_accepted(tx, process.pid) if self._dated else None
        if last is not None and last.message_id is not None:
            body = {**body, AFTER: last.message_id}
        step = advance(self.table, process, Commanded(message, str(body["@id"]), body), now)
        return self._settle(tx, process, step, due=due, **changes).process

    def may_send(self, process: P, message: str) -> bool:
        """Return whether ``command`` would send this message now."""
        move = self.table.move(process.state, message)
        allowed = move is not None and move.may_send(process.role)
        return allowed and process.pending is None and process.peer_pid is not None

    def amend(self, tx: Transaction, process: P, **changes: Any) -> P:
        """Change fields that subclasses of ``Process`` add; the state does not change."""
        return self._settle(tx, process, Step(process, ()), **changes).process

    def take_back(self, tx: Transaction, process: P, **changes: Any) -> P:
        """Remove our message without acknowledgement from the outbox, because its subject has changed: ``changes``
        are fields that subclasses of ``Process`` add. The state does not change."""
        effects = () if process.pending is None else (Cancel(process.pending.message_id),)
        return self._settle(tx, process, Step(process, effects), pending=None, **changes).process

    def record_acknowledgement(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, peer_pid: str | None
    ) -> Step[P] | None:
        """Apply the peer's acknowledgement of our message. Return None if the process does not exist any more."""
        return self._record_answer(tx, pid, exchange, Acknowledged(message_id, peer_pid))

    def presume(self, tx: Transaction, process: P) -> P:
        """Count our pending message as acknowledged, because an action of the peer shows that it was taken."""
        assert process.pending is not None, "only a pending message can be presumed to have arrived"
        message_id = process.pending.message_id
        step = advance(self.table, process, Acknowledged(message_id), self._clock.now())
        return self._settle(tx, process, Step(step.process, (Arrived(message_id), *step.effects))).process

    def record_refusal(
        self, tx: Transaction, pid: str, message_id: str, exchange: Exchange, code: str, reason: tuple[Any, ...]
    ) -> Step[P] | None:
        """Apply the peer's final refusal of our message."""
        return self._record_answer(tx, pid, exchange, Refused(message_id, code, reason))

    def overheard(self, tx: Transaction, exchange: Exchange) -> None:
        """Keep an answer of the peer that has no effect: we send the message again later, or no longer need it to be
        taken."""
        self._timeline.overhear(tx, exchange)

    def _record_answer(self, tx: Transaction, pid: str, exchange: Exchange, event: Event) -> Step[P] | None:
        process = self._store.get(tx, pid, lock=True)
        if process is None:
            return None
        if not self._timeline.knows(tx, exchange):
            self._store.record(tx, replace(exchange, body=self._storable(exchange.body)))
        step = advance(self.table, process, event, self._clock.now())
        if step.process is process:
            return step
        return self._settle(tx, process, step)

    # ---- in common -------------------------------------------------------------------------------------------

    def _settle(
        self, tx: Transaction, before: P, step: Step[P], *, due: datetime | None = None, **changes: Any
    ) -> Step[P]:
        """Save the process of ``step`` with ``changes``, if either differs from ``before``; carry out the effects."""
        process = step.process
        if changes or process is not before:
            process = replace(process, revision=before.revision + 1, updated=self._clock.now(), **changes)
            self._store.save(tx, process)
        for effect in step.effects:
            match effect:
                case Send():
                    self._dispatch(tx, process, effect, due=due or self._clock.now())
                case Cancel(message_id):
                    self._outbox_writer.cancel(tx, message_id)
                case Arrived(message_id):
                    self._keep_taken(tx, process, message_id)
                case Entered(_, message, by_us):
                    self._tell(tx, process, message, by_us=by_us, state=effect.state)
        return Step(process, step.effects)

    def _keep_taken(self, tx: Transaction, process: P, message_id: str) -> None:
        """Store a message that needs no answer any more, unless a worker that had lost its lease has stored an answer
        to it. A worker that is sending the message at this moment finds it removed from the outbox and stored, so it
        is stored only once."""
        task = self._outbox_writer.cancel(tx, message_id)
        if task is None or self._store.is_delivered(tx, process.pid, message_id):
            return
        self._store.record(
            tx,
            Exchange(
                pid=process.pid,
                at=self._clock.now(),
                outgoing=True,
                message=str(task.headers["message"]),
                message_id=message_id,
                body_sha256=task.sent_sha256,
                body=self._storable(task.body),
                answer_status=IMPLIED,
                answer=b"",
            ),
        )

    def _dispatch(self, tx: Transaction, process: P, send: Send, *, due: datetime) -> None:
        self._outbox_writer.deliver(
            tx,
            task_id=send.message_id,
            topic=TOPIC,
            lane=process.peer,
            subject=process.pid,
            body=canonical(in_version(send.body)),
            due=due,
            headers={
                "url": process.peer_address + self._path(send.message, process.peer_pid),
                "message": send.message,
                "process": self.table.name,
                "peer": process.peer,
            },
        )
        crashpoint(f"{self.table.name}.{send.message}.S1")

    def tell(self, tx: Transaction, process: P, message: str) -> None:
        """Note in the ledger that the peer opened a process with ``message``."""
        self._tell(tx, process, message, by_us=False)

    def _tell(
        self, tx: Transaction, process: Process, message: str, *, by_us: bool, state: str | None = None
    ) -> None:
        self._append(
            tx,
            EntryKind.PROCESS,
            process.pid,
            "node" if by_us else process.peer,
            {
                "process": self.table.name,
                "role": str(process.role),
                "peer": process.peer,
                "peerPid": process.peer_pid,
                "message": message,
                "state": state or process.state,
            },
        )

    def _check_not_late(self, tx: Transaction, process: P, message: IncomingMessage) -> None:
        """Raises ``Crossed`` for a message that has crossed one of ours and does not fit after it.

        Its sender took our message while this one was under way, took this one back, and both sides have gone on
        since. The late message may fit the present state, but taking it would make the sides disagree.
        """
        after = message.text(AFTER)
        if not self._dated or after is None:
            return
        pending, move = process.pending, self.table.move(process.state, message.name)
        if (
            move is None
            and pending is not None
            and after != pending.message_id
            and self.table.move(process.state, pending.message) is not None
        ):
            # What fits only after our pending message would show that its sender has it, but it says that it has not.
            raise _crossing_error(message, pending.message)
        ours = [message for message in self._store.accepted_messages(tx, process.pid) if message.outgoing]
        known = [number for number, message in enumerate(ours) if message.message_id == after]
        for later in ours[known[0] + 1 :] if known else []:
            states = {move.to for (_, name), move in self.table.moves.items() if name == later.message}
            moves = [self.table.move(state, message.name) for state in states]
            if not any(move is not None and move.may_send(process.role.other) for move in moves):
                raise _crossing_error(message, later.message)

    def _check_pids(self, process: P, message: IncomingMessage) -> None:
        ours, theirs = (
            ("providerPid", "consumerPid") if process.role is Role.PROVIDER else ("consumerPid", "providerPid")
        )
        value = message.text(ours)
        if value is not None and value != process.pid:
            raise InvalidInput(f"{ours} is not the process that the address names")
        value = message.text(theirs)
        if process.peer_pid is not None and value is not None and value != process.peer_pid:
            raise InvalidInput(f"{theirs} is not the process id that you gave before")


def _crossing_error(message: IncomingMessage, ours: str) -> Crossed:
    return Crossed(
        f"{message.name} crossed our {ours}: it was sent before you had that",
        remedy="send it again if you still mean it",
    )


def _as_then(exchange: Exchange | None) -> Answer | None:
    return None if exchange is None else Answer(exchange.answer_status, dict(read_json(exchange.answer)))


def peer_of(caller: Caller) -> str:
    """Return the DID of a participant. Raises ``NotFound`` for a caller without a DID: it can have no process
    here."""
    if caller.did is None:
        raise NotFound("there is no such process between you and this node")
    return caller.did
