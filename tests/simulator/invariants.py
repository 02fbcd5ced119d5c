"""What must hold in every world: checked at each commit of each node, and once more when all has come to rest.

The names are those of the design (I1 to I7, I10, I12), and I13: what the provider has suspended, it alone resumes.
I14, of the time lines, is in ``tests.simulator.timelines``.
The tables here are the standard's, written down again and not taken from the code: a wrong row there must not excuse
itself.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from node.base.work import Task
from node.dialogue.process import Process, Role
from node.ledger.model import EntryKind
from tests.messages import of_a_new_shape
from tests.simulator.database import Change

if TYPE_CHECKING:
    from tests.simulator.company import Company
    from tests.simulator.nodes import SimNode

_C: Final = frozenset({"consumer"})
_P: Final = frozenset({"provider"})
_BOTH: Final = _C | _P
_REQUEST, _OFFER = "ContractRequestMessage", "ContractOfferMessage"
_ACCEPTED = "ContractNegotiationEventMessage:ACCEPTED"
_FINALIZED = "ContractNegotiationEventMessage:FINALIZED"
_AGREEMENT, _VERIFICATION = "ContractAgreementMessage", "ContractAgreementVerificationMessage"
_TERMINATION = "ContractNegotiationTerminationMessage"

Moves = dict[tuple[str, str], tuple[str, frozenset[str]]]

NEGOTIATION: Final[Moves] = {
    ("", _REQUEST): ("REQUESTED", _C),
    ("", _OFFER): ("OFFERED", _P),
    ("REQUESTED", _OFFER): ("OFFERED", _P),
    ("REQUESTED", _AGREEMENT): ("AGREED", _P),
    ("OFFERED", _REQUEST): ("REQUESTED", _C),
    ("OFFERED", _ACCEPTED): ("ACCEPTED", _C),
    ("ACCEPTED", _AGREEMENT): ("AGREED", _P),
    ("AGREED", _VERIFICATION): ("VERIFIED", _C),
    ("VERIFIED", _FINALIZED): ("FINALIZED", _P),
    **{
        (state, _TERMINATION): ("TERMINATED", _BOTH)
        for state in ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED")
    },
}
TRANSFER: Final[Moves] = {
    ("", "TransferRequestMessage"): ("REQUESTED", _C),
    ("REQUESTED", "TransferStartMessage"): ("STARTED", _P),
    ("SUSPENDED", "TransferStartMessage"): ("STARTED", _BOTH),
    ("STARTED", "TransferSuspensionMessage"): ("SUSPENDED", _BOTH),
    ("STARTED", "TransferCompletionMessage"): ("COMPLETED", _BOTH),
    ("REQUESTED", "TransferTerminationMessage"): ("TERMINATED", _BOTH),
    ("STARTED", "TransferTerminationMessage"): ("TERMINATED", _BOTH),
    ("SUSPENDED", "TransferTerminationMessage"): ("TERMINATED", _BOTH),
}
MOVES: Final = {"negotiations": NEGOTIATION, "transfers": TRANSFER}
TERMINAL: Final = frozenset({"FINALIZED", "TERMINATED", "COMPLETED"})
REFUSALS: Final = frozenset({"policy-refused", "not-approved", "not-offered", "other-terms", "not-available"})
"""Codes with which a node ends a process because its owner wants it so."""

OPENINGS: Final = frozenset({_REQUEST, _OFFER, "TransferRequestMessage"})


class Violation(BaseException):
    """Something that must never be so is so. No ``Exception``, so that no code under test can swallow it."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


def require(condition: object, name: str, detail: str) -> None:
    """Raise ``Violation`` unless ``condition``."""
    if not condition:
        raise Violation(name, detail)


@dataclass
class _Seen:
    """What the watch remembers of one process of one node."""

    state: str = ""
    opened: bool = True
    paused_by: str = ""
    accepted: set[str] = field(default_factory=set)


@dataclass
class _Posted:
    """A message as it was first put into the outbox."""

    body: bytes
    url: str
    sender: str


class Watch:
    """Looks at every commit of every node."""

    def __init__(self, world: Company) -> None:
        self._world = world
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._agreements: dict[str, tuple[str, str]] = {}
        self._queued: dict[tuple[str, str], set[str]] = {}
        self._first: dict[tuple[str, str, str, str], str] = {}
        self.posted: dict[str, _Posted] = {}
        self.accepted: dict[str, set[str]] = {}
        """Node → hashes of the bodies that it has durably accepted."""

    # ---- at every commit -------------------------------------------------------------------------------------

    def committed(self, node: SimNode, changes: Sequence[Change]) -> None:
        """``node`` has committed ``changes``."""
        touched: dict[str, Process] = {}
        trails: dict[str, list[tuple[str, str, bool]]] = {}
        arrived: Counter[str] = Counter()
        removed: list[Task] = []
        for change in changes:
            match change.table:
                case "negotiations" | "transfers":
                    self._process(node, change)
                    touched[change.key] = change.after
                case "entries" if change.after.kind is EntryKind.PROCESS:
                    entry = change.after
                    body = json.loads(entry.body)
                    trails.setdefault(entry.subject, []).append((body["message"], body["state"], entry.by == "node"))
                case "negotiations messages" | "transfers messages":
                    arrived[change.key] += self._messages(node, change)
                case "agreements":
                    self._agreement(node, change)
                case "outbox":
                    removed += self._task(node, change)
        for task in removed:
            process = self._row(node, task.subject)
            pending = process.pending
            gone = pending is not None and pending.message_id == task.id
            require(not gone, "I10", f"{self._say(node, task.subject)} waits for {pending}, which nobody will send")
        for pid, trail in trails.items():
            self._walk(node, pid, trail, arrived[pid])
        for pid, process in touched.items():
            seen = self._seen_of(node, pid)
            require(seen.state == process.state, "I4", f"{self._say(node, pid)} is {process.state} without an entry")
            self._one_pending(node, process)
            self._compatible(process)

    def _process(self, node: SimNode, change: Change) -> None:
        before, after = change.before, change.after
        require(after is not None, "I5", f"{change.key} is gone")
        if before is None:
            self._world.named(node, after, change.table)
            if after.peer_pid is not None:
                key = (node.name, after.peer, after.peer_pid, str(after.role))
                require(key not in self._first, "I3", f"a second process at {node.name} for one of {after.peer}")
                self._first[key] = after.pid
            return
        if before.state in TERMINAL:
            require(after.state == before.state, "I4", f"{self._say(node, after.pid)} left {before.state}")

    def _messages(self, node: SimNode, change: Change) -> int:
        """New messages of the peer that were accepted; how many."""
        known = len(change.before or ())
        incoming = [one for one in change.after[known:] if not one.outgoing and 200 <= one.answer_status < 300]
        seen = self._seen_of(node, change.key)
        for message in incoming:
            name = str(message.message_id)
            require(
                name not in seen.accepted, "I7", f"{self._say(node, change.key)} took {message.message} {name} twice"
            )
            seen.accepted.add(name)
            self.accepted.setdefault(node.name, set()).add(message.body_sha256)
        return len(incoming)

    def _agreement(self, node: SimNode, change: Change) -> None:
        before, after = change.before, change.after
        label = self._world.label(after.negotiation)
        known = self._agreements.setdefault(label, (after.id, after.sha256))
        require(known[0] == after.id, "I3", f"two agreements of {label}: {known[0]} and {after.id}")
        require(known[1] == after.sha256, "I1", f"two texts of the agreement of {label}")
        if before is not None and before.finalized is not None:
            require(after.finalized == before.finalized, "I3", f"the agreement of {label} became final twice")

    def _task(self, node: SimNode, change: Change) -> list[Task]:
        """The outbox has changed; the message that was removed from it, if one was."""
        before, after = change.before, change.after
        task: Task = (after or before).task
        if task.topic != "dsp":
            return []
        queued = self._queued.setdefault((node.name, task.subject), set())
        if after is None:
            queued.discard(task.id)
            return [task]
        queued.add(task.id)
        posted = self.posted.get(task.id)
        if posted is None:
            self.posted[task.id] = _Posted(task.body, str(task.headers["url"]), node.name)
        else:
            require(posted.body == task.body, "rule 2", f"the body of {task.id} has changed")
        return []

    def _walk(self, node: SimNode, pid: str, trail: Sequence[tuple[str, str, bool]], arrived: int) -> None:
        """The ledger's trail is a walk of the standard's table, one step for each message of the peer."""
        process = self._row(node, pid)
        kind = self._world.kind(pid)
        seen = self._seen_of(node, pid)
        theirs = 0
        for message, state, by_us in trail:
            theirs += not by_us
            role = str(process.role if by_us else process.role.other)
            if by_us and message in OPENINGS and seen.opened is False:
                # Told when it was sent and again when it was acknowledged, or refused.
                seen.opened = True
                if state == "TERMINATED":
                    seen.state = state
                require(state == seen.state, "I4", f"{self._say(node, pid)}: {message} led to {state}")
                continue
            if not by_us or not seen.state:
                # Whatever the peer says shows that it knows the process.
                seen.opened = not by_us
            to, senders = MOVES[kind].get((seen.state, message), ("", frozenset[str]()))
            require(
                to == state and role in senders,
                "I4",
                f"{self._say(node, pid)}: {message} of the {role} in {seen.state or 'nothing'} led to {state}",
            )
            if state == "SUSPENDED":
                seen.paused_by = role
            if seen.state == "SUSPENDED" and state == "STARTED" and role == "consumer":
                resumed = f"{self._say(node, pid)}: the consumer resumed what the provider had suspended"
                require(seen.paused_by == "consumer", "I13", resumed)
            seen.state = state
        require(theirs <= arrived, "I7", f"{self._say(node, pid)}: {theirs} effects of {arrived} messages")

    def _one_pending(self, node: SimNode, process: Process) -> None:
        """What waits in the outbox is what the process waits for."""
        queued = self._queued.get((node.name, process.pid), set())
        pending = {process.pending.message_id} if process.pending is not None else set()
        say = self._say(node, process.pid)
        # Nor does it then keep the token that a start of it would have brought.
        require(
            not pending or process.state not in TERMINAL, "I10", f"{say} has ended and waits for {process.pending}"
        )
        require(not pending - queued, "I10", f"{say} waits for a message that is not in the outbox")
        require(not queued - pending, "I10", f"{say} has messages in the outbox that it does not wait for")

    def _compatible(self, process: Process) -> None:
        """The sides are in one state, or one message apart that is on its way."""
        twin = self._world.twin(process)
        if twin is None or twin.state == process.state:
            return
        label = self._world.label(process.pid)
        moves = MOVES[self._world.kind(process.pid)]
        for one, other in ((process, twin), (twin, process)):
            if one.pending is not None:
                to, _ = moves.get((one.state, one.pending.message), ("", None))
                if to == other.state or self._gave_up(other):
                    return
        sides = sorted(f"{one.role} {one.state} ({one.pending and one.pending.message})" for one in (process, twin))
        raise Violation("I2", f"the sides of {label} cannot meet any more: {', '.join(sides)}")

    def _gave_up(self, process: Process) -> bool:
        """Its ending was refused for good, so that it ended alone: the other side learns it by its next message."""
        exchanges = self._world.owner(process).exchanges(process.pid)
        refused = any(
            one.outgoing and one.answer_status >= 400 and one.message.endswith(("TerminationMessage", *OPENINGS))
            for one in exchanges
        )
        return process.state == "TERMINATED" and refused

    # ---- at other moments ------------------------------------------------------------------------------------

    def woken(self, node: SimNode) -> None:
        """Somebody is told to look for work."""
        require(not node.uow.open, "rule 1", f"{node.name} wakes its worker before the commit")

    def sent(self, node: SimNode, task: str, url: str, body: bytes) -> None:
        """A message leaves ``node``."""
        posted = self.posted.get(task)
        require(posted is not None, "rule 1", f"{node.name} sends a message that it has not committed")
        assert posted is not None
        require(posted.body == body and posted.url == url, "rule 2", f"{node.name} sends {task} with another body")
        faults = of_a_new_shape(body)
        require(not faults, "schema", f"{node.name} sends what the official schemas do not allow: {faults}")

    def answered(self, node: SimNode, status: int, body: bytes) -> None:
        """``node`` has answered a message."""
        if 200 <= status < 300:
            kept = hashlib.sha256(body).hexdigest() in self.accepted.get(node.name, set())
            require(kept, "I5", f"{node.name} acknowledged a message that it has not kept")

    def read(self, node: SimNode, pid: str) -> None:
        """``node`` has given bytes for its transfer ``pid``."""
        transfer: Any = node.uow.peek("transfers").get(pid)
        starting = transfer.pending is not None and transfer.pending.message == "TransferStartMessage"
        require(transfer.state == "STARTED" or starting, "I6", f"bytes of a transfer that is {transfer.state}")

    def in_force(self, receiver: SimNode, sender: SimNode, status: int, body: bytes) -> None:
        """A transfer was asked for: what is final for the consumer is final for the provider."""
        agreement = sender.uow.peek("agreements").get(json.loads(body)["agreementId"])
        if agreement is not None and agreement.finalized is not None:
            require(not 400 <= status < 500, "I2", f"{receiver.name} does not know an agreement that is final")

    # ---- in common -------------------------------------------------------------------------------------------

    def _seen_of(self, node: SimNode, pid: str) -> _Seen:
        return self._seen.setdefault((node.name, pid), _Seen())

    def _row(self, node: SimNode, pid: str) -> Process:
        found: Process = node.uow.peek(self._world.kind(pid))[pid]
        return found

    def _say(self, node: SimNode, pid: str) -> str:
        return f"{self._world.label(pid)} at {node.name}"


# ---- at rest -------------------------------------------------------------------------------------------------


def at_rest(world: Company, *, ended: bool) -> None:
    """Nothing is on its way: the sides agree. ``ended``: all that people had to do is done as well."""
    for node in world.nodes:
        for kind in ("negotiations", "transfers"):
            for process in node.uow.peek(kind).values():
                _pair(world, node, process, ended=ended)
                _each_message_once(world, node, process)
    _agreements(world)


def _pair(world: Company, node: SimNode, process: Process, *, ended: bool) -> None:
    label = world.label(process.pid)
    require(process.pending is None, "I12", f"{label} at {node.name} still waits for {process.pending}")
    twin = world.twin(process)
    if twin is None:
        refused = process.state == "TERMINATED"
        require(refused, "I5", f"{label} exists at {node.name} only, and is {process.state}")
        require(process.code in ("not-found", *REFUSALS), "I5", f"{label} was refused: {process.code}")
        return
    require(process.state == twin.state, "I2", f"{label} is {process.state} at {node.name} and {twin.state} there")
    require(process.peer_pid == twin.pid, "I2", f"the sides of {label} do not know each other")
    if process.state == "TERMINATED":
        willed = label in world.willed or process.code in REFUSALS
        require(willed, "I5", f"{label} was ended by nobody: {process.code} {process.reason}")
    if ended:
        require(process.state in TERMINAL, "I12", f"{label} does not end: {process.state}")
    if process.state == "COMPLETED" and process.role is Role.CONSUMER:
        reception = node.uow.peek("receptions").get(process.pid)
        willed = label in world.willed
        complete = reception is not None and reception.state == "done"
        require(complete or willed, "I6", f"{label} is completed without its bytes")


def _each_message_once(world: Company, node: SimNode, process: Process) -> None:
    """Delivered at least once, applied at most once, and kept once by either side. Of what crosses a termination, or
    the same word of the peer, a sender that dies before it has read the answer never learns that it was taken."""
    twin = world.twin(process)
    if twin is None:
        return
    exchanges = node.exchanges(process.pid)
    arrived = [one for one in world.peer(process).exchanges(twin.pid) if not one.outgoing and one.is_accepted]
    there = Counter(one.message_id for one in arrived)
    for exchange in exchanges:
        if exchange.outgoing and (exchange.is_accepted or exchange.void):
            count = there[exchange.message_id]
            require(count == 1, "I7", f"{exchange.message} of {world.label(process.pid)} was applied {count} times")
    counts = Counter(one.message_id for one in exchanges if one.outgoing and (one.is_accepted or one.void))
    heard = {one.message for one in exchanges if not one.outgoing and one.is_accepted}
    for exchange in arrived:
        count = counts[exchange.message_id]
        crossed = process.state == "TERMINATED" or exchange.message in heard
        well = count == 1 or (count == 0 and crossed)
        require(well, "I7", f"{node.name} has kept {exchange.message} of {world.label(process.pid)} {count} times")


def _agreements(world: Company) -> None:
    for node in world.nodes:
        for negotiation in node.all_negotiations():
            held = [one for one in node.all_agreements() if one.negotiation == negotiation.pid]
            final = [one for one in held if one.finalized is not None]
            label = world.label(negotiation.pid)
            wanted = 1 if negotiation.state == "FINALIZED" else 0
            require(len(final) == wanted, "I1", f"{label} is {negotiation.state} with {len(final)} agreements")
            if not final:
                continue
            twin = world.twin(negotiation)
            assert twin is not None, "the sides were compared before"
            peer = world.peer(negotiation)
            theirs = [one for one in peer.all_agreements() if one.negotiation == twin.pid]
            require(
                [(one.id, one.sha256, one.signatures, one.body) for one in theirs]
                == [(one.id, one.sha256, one.signatures, one.body) for one in final],
                "I1",
                f"the sides hold different agreements of {label}",
            )
            require(len(final[0].signatures) == 2, "I1", f"the agreement of {label} lacks a signature")
