"""A company of nodes: who there is, what their processes are called, and what is under way between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from node.base.work import Task
from node.dialogue.process import Process, Role
from node.negotiation.model import PendingDecision
from node.worker.deliveries import PeerAnswer
from tests.simulator.database import Change
from tests.simulator.invariants import Watch, require
from tests.simulator.nodes import NodePlan, SimNode, Time
from tests.simulator.timelines import Heard
from tests.simulator.workers import Run, Wire


@dataclass(eq=False)
class Flight:
    """A request under way, or (with ``answer``) its answer under way back. Without ``run`` nobody waits for it."""

    key: str
    sender: SimNode
    receiver: SimNode
    path: str
    wire: Wire
    at: datetime
    run: Run | None
    task: Task
    answer: PeerAnswer | None = None
    lost: bool = False
    """Nothing comes of it any more, but its worker is stopped and does not know."""

    @property
    def awaited(self) -> bool:
        return self.run is not None and not self.run.over


@dataclass(eq=False)
class Company:
    """The nodes and the names of what they do."""

    plans: Sequence[NodePlan]
    counts: Counter[str] = field(default_factory=Counter)
    willed: set[str] = field(default_factory=set)
    """Labels of processes that people have ended or interfered with."""

    def __post_init__(self) -> None:
        self.time = Time()
        self.put_back = timedelta()
        self.watch = Watch(self)
        self.heard = Heard()
        self.labels: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.places: dict[tuple[str, Role], tuple[SimNode, str]] = {}
        self.keys: dict[str, str] = {}
        self.naming = ""
        """The label of the process that somebody is about to begin."""
        self.flights: list[Flight] = []
        self.archive: dict[str, Flight] = {}
        self.cuts: set[tuple[str, str]] = set()
        self._ordinals: Counter[str] = Counter()
        self.nodes = [
            SimNode(plan, self.time, committed=self._committed, woken=self.watch.woken) for plan in self.plans
        ]
        self.by_name = {node.name: node for node in self.nodes}
        self.by_did = {node.did: node for node in self.nodes}
        self.by_host = {urlsplit(node.address).netloc: node for node in self.nodes}

    def _committed(self, node: SimNode, changes: Sequence[Change]) -> None:
        self.watch.committed(node, changes)

    # ---- names -----------------------------------------------------------------------------------------------

    def named(self, node: SimNode, process: Process, kind: str) -> None:
        """``process`` has come to be at ``node``."""
        label = self.labels.get(str(process.peer_pid)) or self.naming
        require(label, "I5", f"{node.name} began a process that nobody asked for")
        self.labels[process.pid] = label
        self.kinds[process.pid] = kind
        require((label, process.role) not in self.places, "I3", f"a second process of {label} at {node.name}")
        self.places[label, process.role] = (node, process.pid)

    def label(self, pid: str) -> str:
        return self.labels.get(pid, pid)

    def kind(self, pid: str) -> str:
        return self.kinds[pid]

    def find(self, label: str, role: str) -> tuple[SimNode, Process] | None:
        """A side of a process, as it was committed."""
        place = self.places.get((label, Role(role)))
        if place is None:
            return None
        node, pid = place
        return node, node.uow.peek(self.kinds[pid])[pid]

    def twin(self, process: Process) -> Process | None:
        """The same process at the other side."""
        found = self.find(self.labels[process.pid], process.role.other)
        return None if found is None else found[1]

    def peer(self, process: Process) -> SimNode:
        return self.by_did[process.peer]

    def owner(self, process: Process) -> SimNode:
        return self.places[self.labels[process.pid], process.role][0]

    def key(self, task: Task) -> str:
        """The name of a task: ``n3 provider agreement``, with a number from the second of its kind on."""
        known = self.keys.get(task.id)
        if known is not None:
            return known
        label = self.label(task.subject)
        place = self.places.get((label, Role.PROVIDER))
        role = "provider" if place is not None and place[1] == task.subject else "consumer"
        words = f"{label} {role} {_short(str(task.headers.get('message', task.topic)))}"
        self._ordinals[words] += 1
        number = self._ordinals[words]
        self.keys[task.id] = words if number == 1 else f"{words} {number}"
        return self.keys[task.id]

    # ---- looking ---------------------------------------------------------------------------------------------

    def waiting(self, node: SimNode) -> int:
        """Live tasks of a node."""
        return sum(not one.task.dead for one in node.uow.peek("outbox").values())

    def next_due(self) -> datetime | None:
        """When the next task of any node is due, by the world's time."""
        moments: list[datetime] = []
        for node in self.nodes:
            with node.uow.read() as tx:
                due = node.outbox.next_due(tx)
            if due is not None:
                moments.append(due - node.clock.error)
        return min(moments, default=None)


def open_decisions(node: SimNode) -> list[PendingDecision]:
    """Decisions that wait for a person of ``node``."""
    return [one for one in node.uow.peek("decisions").values() if one.decided_at is None]


def _short(message: str) -> str:
    """``ContractAgreementVerificationMessage`` → ``verification``."""
    for ending, word in (
        (":ACCEPTED", "accepted"),
        (":FINALIZED", "finalized"),
        ("VerificationMessage", "verification"),
        ("AgreementMessage", "agreement"),
        ("RequestMessage", "request"),
        ("OfferMessage", "offer"),
        ("TerminationMessage", "termination"),
        ("StartMessage", "start"),
        ("CompletionMessage", "completion"),
        ("SuspensionMessage", "suspension"),
    ):
        if message.endswith(ending):
            return word
    return message
