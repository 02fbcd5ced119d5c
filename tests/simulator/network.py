"""What happens on the network: requests and answers arrive, late, twice, from a stranger, or not at all."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from node.worker.deliveries import PeerAnswer
from tests.simulator import timelines
from tests.simulator.company import Flight
from tests.simulator.database import Crash
from tests.simulator.invariants import require
from tests.simulator.machines import Machines
from tests.simulator.nodes import SimNode
from tests.simulator.workers import Run, Wire


class Network(Machines):
    """Actions on what is under way. A flight is named by its task and its place among those of that task."""

    def _sent(self, run: Run, wire: Wire) -> None:
        parts = urlsplit(wire.url)
        receiver = self.by_host[parts.netloc]
        sender = run.hand.node
        if not wire.read:
            self.watch.sent(sender, run.task.id, wire.url, wire.body)
        path = unquote(parts.path.removeprefix("/dsp/2025-1"))
        self.flights.append(Flight(self.key(run.task), sender, receiver, path, wire, self.time.at, run, run.task))

    def do_arrive(self, key: str, index: int) -> bool:
        """A request arrives and is answered."""
        flight = self._flight(key, index, answered=False)
        if flight is None:
            return False
        if not flight.receiver.up or (flight.sender.name, flight.receiver.name) in self.cuts:
            self.counts["drops"] += 1
            return self._gone(flight)
        answer = self._serve(flight, flight.sender)
        self.archive.setdefault(key, replace(flight, run=None))
        if answer is None or not flight.awaited:
            return self._gone(flight)
        flight.answer = answer
        return True

    def do_answer(self, key: str, index: int) -> bool:
        """An answer arrives."""
        flight = self._flight(key, index, answered=True)
        if flight is None or flight.run is None or flight.run.hand.paused:
            return False
        if (flight.receiver.name, flight.sender.name) in self.cuts:
            self.counts["drops"] += 1
            return self._gone(flight)
        self.flights.remove(flight)
        self._go_on(flight.run, flight.answer)
        return True

    def do_lose(self, key: str, index: int, answered: bool) -> bool:
        """A request or an answer is lost, and its sender told so."""
        flight = self._flight(key, index, answered=answered)
        if flight is None:
            return False
        self.counts["drops"] += 1
        return self._gone(flight)

    def do_outwait(self, key: str, index: int) -> bool:
        """The sender gives up waiting; the request is still under way."""
        flight = self._flight(key, index, answered=False)
        if flight is None or flight.run is None or not flight.awaited or flight.run.hand.paused:
            return False
        run, flight.run = flight.run, None
        self._go_on(run, None)
        return True

    def do_repeat(self, key: str) -> bool:
        """A request that arrived before arrives again."""
        first = self.archive.get(key)
        if first is None or not first.receiver.up or first.wire.read:
            return False
        self.counts["repeats"] += 1
        self._serve(first, first.sender)
        return True

    def do_strange(self, key: str, other: str) -> bool:
        """Somebody else sends the same request under a name of its own: it must not learn that there is a process."""
        first, stranger = self.archive.get(key), self.by_name[other]
        if first is None or not first.receiver.up or first.wire.read or stranger is first.sender:
            return False
        if first.path.endswith(("s/request", "s/offers")):
            return False
        answer = self._serve(first, stranger)
        require(answer is None or answer.status in (404, 500), "I11", f"{other} may speak for {first.sender.name}")
        return True

    def do_cut(self, sender: str, receiver: str) -> bool:
        """Nothing gets from one node to the other any more, in this direction."""
        self.cuts.add((sender, receiver))
        return True

    def do_heal(self, sender: str, receiver: str) -> bool:
        if (sender, receiver) not in self.cuts:
            return False
        self.cuts.remove((sender, receiver))
        return True

    def _serve(self, flight: Flight, sender: SimNode) -> PeerAnswer | None:
        """What the receiver answers; None where it died over it."""
        receiver, wire = flight.receiver, flight.wire
        try:
            if wire.read:
                answer = receiver.read(sender.did, flight.path, wire.body.decode())
            else:
                answer = receiver.receive(sender.did, flight.path, wire.body)
        except Crash:
            self.do_crash(receiver.name)
            return None
        if wire.read:
            if answer.status == 200:
                self.watch.read(receiver, flight.path.rsplit("/", 1)[1])
        elif sender is flight.sender:
            self.watch.answered(receiver, answer.status, wire.body)
            if 400 <= answer.status < 500 and answer.status != 404:
                timelines.refused(receiver, answer.status, wire.body)
            if flight.path == "/transfers/request":
                self.watch.in_force(receiver, sender, answer.status, wire.body)
        self.counts[f"answered {answer.status}"] += 1
        return answer

    def _flight(self, key: str, index: int, *, answered: bool) -> Flight | None:
        fitting = [
            one for one in self.flights if one.key == key and not one.lost and (one.answer is not None) == answered
        ]
        return fitting[min(index, len(fitting) - 1)] if fitting else None
