"""The transition-table engine: one literal table, both roles, no I/O.

A *table* maps (state, message) to the roles that may send the message in that state and to the next state. A pair
that is absent is illegal. ``advance`` takes a process, an event and the table, and returns the new process and the
effects as data; it never fetches, stores or sends.

States are the specification's own. The *intent* to move is a pending message in the outbox: a state is
entered when the receiver has acknowledged the message (DSP 2025-1 §7.1, §9.1). The peer may send its next message
before our worker has read the acknowledgement of the pending one. A message that presupposes the pending one is an
implicit acknowledgement, so both are applied in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic

from node.base.errors import Crossed, LocalProtocolError, RemoteProtocolError
from node.dialogue.process import P, PendingMessage, Role


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a table: ``senders`` may send the message, it is also accepted from ``other_senders``, and leads to
    ``to``.

    ``other_senders`` has roles only where the standard's text and diagram disagree: we send only messages that both
    allow, and accept messages that either allows.
    """

    to: str
    senders: frozenset[Role]
    other_senders: frozenset[Role] = frozenset()

    def may_send(self, role: Role) -> bool:
        return role in self.senders

    def accepts(self, role: Role) -> bool:
        return role in self.senders or role in self.other_senders


@dataclass(frozen=True, slots=True)
class Table:
    """A protocol: the moves, the first state after each opening message, and the terminal states.

    ``end_by_fault`` is the terminal state of a process that did not reach its aim.
    """

    name: str
    moves: Mapping[tuple[str, str], Move]
    openings: Mapping[str, Move]
    terminal: frozenset[str]
    end_by_fault: str

    @property
    def live(self) -> frozenset[str]:
        """Return the states that are not terminal."""
        return frozenset(move.to for move in (*self.openings.values(), *self.moves.values())) - self.terminal

    @property
    def states(self) -> frozenset[str]:
        """Return all states of a process."""
        return self.live | self.terminal

    def move(self, state: str, message: str) -> Move | None:
        return self.moves.get((state, message))

    def leads_to(self, message: str) -> str | None:
        """Return the state that ``message`` leads to wherever it is allowed; None if the table has no such
        message."""
        opening = self.openings.get(message)
        if opening is not None:
            return opening.to
        return next((move.to for (_, name), move in self.moves.items() if name == message), None)


@dataclass(frozen=True, slots=True)
class Received:
    """The peer sent ``message``."""

    message: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """This node wants to send ``message``; id and body of the message are final."""

    message: str
    message_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer answered our message with 2xx; ``peer_pid`` if the answer has it."""

    message_id: str
    peer_pid: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer answered our message with a final refusal (4xx): it will not be sent again."""

    message_id: str
    code: str
    reason: tuple[Any, ...] = ()


Event = Received | Commanded | Acknowledged | Refused


@dataclass(frozen=True, slots=True)
class Send:
    """Put this message into the outbox."""

    message: str
    message_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Remove this message from the outbox: another one has overtaken it, and it is unknown if the peer has it."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The peer's next message shows that it has taken this one, before we have read its answer: remove this message
    from the outbox and keep it with those that went over the wire."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Entered:
    """The process is now in ``state``; ``by_us`` is true if our message brought it there."""

    state: str
    message: str
    by_us: bool


Effect = Send | Cancel | Arrived | Entered


@dataclass(frozen=True, slots=True)
class Step(Generic[P]):
    """The result of an event."""

    process: P
    effects: tuple[Effect, ...]


def advance(table: Table, process: P, event: Event, now: datetime) -> Step[P]:
    """Apply ``event``.

    Raises ``RemoteProtocolError`` for a peer's message and ``LocalProtocolError`` for a command that the table does
    not allow in this state. Raises ``Crossed`` for a peer's message that the table allows but that has crossed one of
    ours that takes precedence. The process is then unchanged. An acknowledgement or refusal of a message that is no
    longer pending changes nothing.
    """
    match event:
        case Received(message):
            return _receive(table, process, message, now)
        case Commanded(message, message_id, body):
            return _command(table, process, message, message_id, body, now)
        case Acknowledged(message_id, peer_pid):
            return _acknowledge(table, process, message_id, peer_pid, now)
        case Refused(message_id, code, reason):
            return _refuse(table, process, message_id, code, reason, now)


def _receive(table: Table, process: P, message: str, now: datetime) -> Step[P]:
    peer_role = process.role.other
    move = table.move(process.state, message)
    if move is not None and move.accepts(peer_role):
        if process.pending is not None and _has_the_last_word(table, process, move.to):
            # The conflict ends when our message has arrived; the caller is asked to retry until then.
            raise Crossed(
                f"{message} crossed our {process.pending.message}, which ends this {table.name}",
                facts={"retryAfter": 2},
            )
        next_process = _with_changes(process, now, state=move.to)
        opening = process.pending is not None and table.move(process.state, process.pending.message) is None
        overtaken, effects = _drop_overtaken(table, next_process, opening=opening)
        return Step(overtaken, (*effects, Entered(move.to, message, by_us=False)))
    if process.pending is not None:
        # An overtaking reply: the peer has seen our pending message, though we have not read its answer.
        ours = table.move(process.state, process.pending.message) or table.openings.get(process.pending.message)
        after = ours and table.move(ours.to, message)
        if ours and after and after.accepts(peer_role):
            next_process = _with_changes(process, now, state=after.to, pending=None)
            return Step(
                next_process,
                (
                    Arrived(process.pending.message_id),
                    Entered(ours.to, process.pending.message, by_us=True),
                    Entered(after.to, message, by_us=False),
                ),
            )
    raise RemoteProtocolError(
        f"{message} does not fit a {table.name} in state {process.state}",
        remedy=f"in {process.state} the {peer_role} may send: "
        + (", ".join(_legal(table, process.state, peer_role)) or "nothing, the process has ended"),
    )


def _command(
    table: Table, process: P, message: str, message_id: str, body: Mapping[str, Any], now: datetime
) -> Step[P]:
    if process.pending is not None:
        raise LocalProtocolError(
            f"{process.pending.message} is on its way to the peer",
            remedy="wait until the peer has answered it",
        )
    move = table.move(process.state, message)
    if move is None or not move.may_send(process.role):
        raise LocalProtocolError(
            f"{message} cannot be sent by the {process.role} of a {table.name} in state {process.state}"
        )
    waiting = _with_changes(process, now, pending=PendingMessage(message, message_id))
    return Step(waiting, (Send(message, message_id, body),))


def _acknowledge(table: Table, process: P, message_id: str, peer_pid: str | None, now: datetime) -> Step[P]:
    if process.pending is None or process.pending.message_id != message_id:
        return Step(process, ())
    message = process.pending.message
    move = table.move(process.state, message)
    pid = process.peer_pid or peer_pid
    if move is None:
        # An opening message: the process was created in its first state and only gets the peer's pid.
        return Step(
            _with_changes(process, now, pending=None, peer_pid=pid),
            (Entered(process.state, message, by_us=True),),
        )
    moved = _with_changes(process, now, state=move.to, pending=None, peer_pid=pid)
    return Step(moved, (Entered(move.to, message, by_us=True),))


def _refuse(table: Table, process: P, message_id: str, code: str, reason: tuple[Any, ...], now: datetime) -> Step[P]:
    if process.pending is None or process.pending.message_id != message_id:
        return Step(process, ())
    message = process.pending.message
    next_process = _with_changes(process, now, pending=None, code=code, reason=list(reason))
    move = table.move(process.state, message)
    opening = move is None
    ending = move is not None and move.to == table.end_by_fault
    if opening or ending:
        # A refused opening created no process at the peer, and a refused end may be ignored (DSP 2025-1 §7.1): both
        # end the process here.
        ended = replace(next_process, state=table.end_by_fault)
        return Step(ended, (Entered(ended.state, message, by_us=True),))
    return Step(next_process, ())


def _has_the_last_word(table: Table, process: P, to: str) -> bool:
    """Return whether our pending message reaches the aim of the protocol, while the peer's leads elsewhere (``to``).

    Other crossing messages lead both sides to the same state, in either order. But a completion and a suspension, for
    example, would leave one side COMPLETED and the other SUSPENDED. So the message that reaches the aim takes
    precedence on both sides. The other message is refused for now, and becomes void when ours arrives.
    """
    assert process.pending is not None, "only a pending message can cross another"
    ours = table.move(process.state, process.pending.message)
    return ours is not None and ours.to != to and ours.to in table.terminal - {table.end_by_fault}


def _drop_overtaken(table: Table, process: P, *, opening: bool) -> tuple[P, tuple[Effect, ...]]:
    """Return the process without our pending message, which the peer's has overtaken, and the effects. Any message of
    the peer in a process that we opened shows that it has the ``opening``: if that were sent again later, the peer
    would take it for a counter-offer."""
    pending = process.pending
    if pending is None:
        return process, ()
    move = table.move(process.state, pending.message)
    if not opening and move is not None and move.may_send(process.role):
        return process, ()
    gone = Arrived(pending.message_id) if opening else Cancel(pending.message_id)
    return replace(process, pending=None), (gone,)


def _with_changes(process: P, now: datetime, **changes: Any) -> P:
    return replace(process, updated=now, revision=process.revision + 1, **changes)


def _legal(table: Table, state: str, role: Role) -> list[str]:
    return sorted(message for (at, message), move in table.moves.items() if at == state and move.may_send(role))
