"""Nodes joined by a link that loses, repeats, delays and reorders, and that may kill a node at any step.

Everything follows from the seed: run it again with the same seed and it happens again.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from node.base.work import Task
from node.negotiation import machine as negotiating
from node.transfer import machine as transferring
from node.worker.deliveries import PeerAnswer
from tests.simulator.nodes import SimClock, SimNode

# States in which the two sides of one conversation may be at the same moment, by table: the provider's may be one
# message ahead of or behind the consumer's, while that message or its answer is on its way.
AHEAD = 3


@dataclass(frozen=True)
class Faults:
    """Chances, 0 to 1."""

    lose_request: float = 0.1
    lose_answer: float = 0.1
    repeat: float = 0.1
    delay: float = 0.2
    crash: float = 0.02


@dataclass
class Flight:
    """A request under way, or (with ``answer``) the answer under way back."""

    sender: SimNode
    receiver: SimNode
    task: Task
    path: str
    answer: PeerAnswer | None = None
    stray: bool = False


@dataclass
class World:
    """Consumer and provider nodes and what is between them."""

    seed: int
    faults: Faults
    clock: SimClock = field(default_factory=SimClock)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        datasets = tuple(f"https://ghent.example/datasets/d{number}" for number in range(3))
        self.provider = SimNode("ghent", self.clock, datasets)
        self.consumer = SimNode("bruges", self.clock)
        self.nodes = (self.consumer, self.provider)
        self.flights: list[Flight] = []
        self.datasets = datasets

    def by_address(self, url: str) -> tuple[SimNode, str]:
        parts = urlsplit(url)
        node = next(one for one in self.nodes if one.address.startswith(f"https://{parts.netloc}/"))
        return node, unquote(parts.path.removeprefix("/dsp/2025-1"))

    def negotiate(self) -> str:
        dataset = self.chance.choice(self.datasets)
        with self.provider.uow.read() as tx:
            record = self.provider.records.get(tx, dataset)
        assert record is not None
        assert record.offer is not None
        begun = self.consumer.negotiations.request(
            provider=self.provider.did, address=self.provider.address, dataset=dataset, offer=record.offer
        )
        return begun.pid

    async def step(self) -> None:
        """One thing happens somewhere."""
        self.counts["steps"] += 1
        if self.chance.random() < self.faults.crash:
            self.crash(self.chance.choice(self.nodes))
            return
        if self.flights and self.chance.random() < 0.7:
            index = 0 if self.chance.random() > self.faults.delay else self.chance.randrange(len(self.flights))
            await self.land(self.flights.pop(index))
            return
        node = self.chance.choice(self.nodes)
        for task in node.lease():
            receiver, path = self.by_address(str(task.headers["url"]))
            self.flights.append(Flight(node, receiver, task, path))
        self.clock.forward(0.05 if self.flights else 1.0)

    def crash(self, node: SimNode) -> None:
        """Answers on their way to it are lost with it; requests that it sent stay on the wire as strays."""
        self.counts["crashes"] += 1
        node.crash()
        for flight in self.flights:
            if flight.sender is node:
                flight.stray = True

    async def land(self, flight: Flight) -> None:
        if flight.answer is not None:
            if flight.stray:
                return
            if self.chance.random() < self.faults.lose_answer:
                self.counts["answers lost"] += 1
                await flight.sender.conclude(flight.task, None)
            else:
                await flight.sender.conclude(flight.task, flight.answer)
            return
        if self.chance.random() < self.faults.lose_request:
            self.counts["requests lost"] += 1
            if not flight.stray:
                await flight.sender.conclude(flight.task, None)
            return
        self.counts["requests"] += 1
        answer = flight.receiver.receive(flight.sender.did, flight.path, flight.task.body)
        self.counts[f"answered {answer.status}"] += 1
        if self.chance.random() < self.faults.repeat:
            self.counts["repeats"] += 1
            self.flights.append(Flight(flight.sender, flight.receiver, flight.task, flight.path, stray=True))
        self.flights.append(
            Flight(flight.sender, flight.receiver, flight.task, flight.path, answer=answer, stray=flight.stray)
        )

    async def quiet(self, limit: int = 20_000) -> bool:
        """Without faults from here on: let everything come to rest. False where it does not within ``limit``."""
        self.faults = Faults(0, 0, 0, 0, 0)
        for _ in range(limit):
            if not self.flights and all(node.waiting() == 0 for node in self.nodes):
                return True
            await self.step()
        return False

    # ---- invariants (named as in docs/explanation/durability.md) -----------------------------------------------

    def check(self) -> None:
        """Hold after every step."""
        self.i4_terminal_stays_terminal()
        self.i3_one_agreement_each()

    def i4_terminal_stays_terminal(self) -> None:
        seen = self.__dict__.setdefault("_ended", {})
        for node in self.nodes:
            for process in (*node.all_negotiations(), *node.all_transfers()):
                terminal = {"FINALIZED", "TERMINATED", "COMPLETED"}
                before = seen.get((node.name, process.pid))
                assert before in (None, process.state), f"I4: {process.pid} left {before} for {process.state}"
                if process.state in terminal:
                    seen[node.name, process.pid] = process.state

    def i3_one_agreement_each(self) -> None:
        for node in self.nodes:
            by_negotiation = Counter(one.negotiation for one in node.all_agreements())
            assert not by_negotiation or max(by_negotiation.values()) == 1, "I3: two agreements of one negotiation"

    def check_at_rest(self) -> None:
        """Hold when everything has come to rest."""
        providers = {one.peer_pid: one for one in self.provider.all_negotiations()}
        for mine in self.consumer.all_negotiations():
            theirs = providers.get(mine.pid)
            assert theirs is not None, f"I5: {mine.pid} never reached the provider"
            assert mine.state == theirs.state, f"I2: {mine.pid} is {mine.state} here and {theirs.state} there"
            assert mine.peer_pid == theirs.pid, "the sides know each other's process ids"
        assert len(providers) == len(self.consumer.all_negotiations()), "I3: one negotiation for each request"
        ours = {one.id: one for one in self.consumer.all_agreements()}
        for other in self.provider.all_agreements():
            assert other.id in ours, "I1: an agreement that one side lacks"
            assert ours[other.id].sha256 == other.sha256, "I1: two texts of one agreement"
            assert set(ours[other.id].signatures) == set(other.signatures), "I1: signatures differ"
            assert other.finalized is not None
        transfers = {one.peer_pid: one for one in self.provider.all_transfers()}
        for carried in self.consumer.all_transfers():
            there = transfers.get(carried.pid)
            assert there is not None, f"I5: transfer {carried.pid} never reached the provider"
            assert carried.state == there.state, f"I2: transfer {carried.state} here, {there.state} there"
        self.i7_each_message_once()

    def i7_each_message_once(self) -> None:
        for node in self.nodes:
            for process in (*node.all_negotiations(), *node.all_transfers()):
                taken = Counter(one.message_id for one in node.exchanges(process.pid) if not one.outgoing)
                assert not taken or max(taken.values()) == 1, "I7: one message had two effects"


async def run(seed: int, *, steps: int, negotiations: int, faults: Faults | None = None) -> World:
    """A whole life: negotiations begin at random moments, finished agreements are used, then all comes to rest."""
    world = World(seed, faults or Faults())
    begun = 0
    used: set[str] = set()
    for _ in range(steps):
        if begun < negotiations and world.chance.random() < 0.1:
            world.negotiate()
            begun += 1
        await world.step()
        world.check()
        if world.chance.random() < 0.1:
            _use(world, used)
    while begun < negotiations:
        world.negotiate()
        begun += 1
    for _ in range(6):
        assert await world.quiet(), f"I12: seed {seed} does not come to rest"
        _use(world, used)
    assert await world.quiet(), f"I12: seed {seed} does not come to rest"
    world.check()
    world.check_at_rest()
    world.counts["finalized"] = sum(one.state == negotiating.FINALIZED for one in world.consumer.all_negotiations())
    world.counts["completed"] = sum(one.state == transferring.COMPLETED for one in world.consumer.all_transfers())
    return world


def _use(world: World, used: set[str]) -> None:
    for agreement in world.consumer.all_agreements():
        if agreement.id not in used and agreement.finalized is not None:
            used.add(agreement.id)
            world.consumer.transfers.request(agreement.id)
