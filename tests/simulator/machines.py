"""What happens to the machines: workers work, stop and die, nodes go off and on, clocks are wrong, time goes by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from node.base.errors import HansaError
from node.base.work import Task
from node.worker.deliveries import PeerAnswer
from tests.simulator.company import Company, Flight
from tests.simulator.database import Crash
from tests.simulator.invariants import Violation, require
from tests.simulator.workers import PATIENCE, Hand, Run, Wire

TICK: Final = timedelta(milliseconds=5)
HOUR: Final = timedelta(hours=1)


class Machines(Company):
    """Actions on nodes and their workers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hands = {
            node.name: [
                Hand(node, each, self._sent, self._concluding, self.heard.concluded)
                for each in range(max(1, node.plan.workers))
            ]
            for node in self.nodes
        }

    def _sent(self, run: Run, wire: Wire) -> None:
        """A worker has sent a request."""
        raise NotImplementedError

    def do_work(self, node: str, hand: int) -> bool:
        """A worker looks for tasks."""
        worker = self.hands[node][hand]
        if not worker.free:
            return False
        try:
            return worker.take() > 0
        except Crash:
            return self.do_crash(node)
        except HansaError:
            return False

    def do_pause(self, node: str, hand: int) -> bool:
        """A worker is stopped (SIGSTOP)."""
        worker = self.hands[node][hand]
        worker.paused, before = True, worker.paused
        return not before

    def do_resume(self, node: str, hand: int) -> bool:
        """A worker goes on, and finds out what it has missed."""
        worker = self.hands[node][hand]
        if not worker.paused:
            return False
        worker.paused = False
        for flight in [one for one in self.flights if one.lost and one.run is not None and one.run.hand is worker]:
            self._gone(flight)
        self._time_out()
        return True

    def do_kill(self, node: str, hand: int) -> bool:
        """One worker of several dies, and begins again."""
        self._forget(self.hands[node][hand])
        self._start(self.hands[node][hand])
        return True

    def do_crash(self, node: str) -> bool:
        """A node dies and begins again from its last commit."""
        self.counts["crashes"] += 1
        return self.do_down(node) and self.do_up(node)

    def do_down(self, node: str) -> bool:
        """A node is off."""
        ours = self.by_name[node]
        if not ours.up:
            return False
        ours.up = False
        ours.uow.fates.clear()
        for hand in self.hands[node]:
            self._forget(hand)
        return True

    def do_up(self, node: str) -> bool:
        """A node is on again."""
        ours = self.by_name[node]
        if ours.up:
            return False
        ours.up = True
        ours.restart()
        for hand in self.hands[node]:
            self._start(hand)
        return True

    def do_fate(self, node: str, fate: str) -> bool:
        """The next commit of a node goes wrong."""
        ours = self.by_name[node]
        if not ours.up or ours.uow.fates:
            return False
        ours.uow.fates.append(fate)
        return True

    def do_clock(self, node: str, seconds: float) -> bool:
        """A node's clock is put forward or back; never by more than an hour in all."""
        clock = self.by_name[node].clock
        error = clock.error + timedelta(seconds=seconds)
        before, clock.error = clock.error, max(-HOUR, min(HOUR, error))
        self.put_back += max(timedelta(), before - clock.error)
        return True

    def do_pass(self, seconds: float) -> bool:
        """Time goes by."""
        self._pass(timedelta(seconds=seconds))
        return True

    def _pass(self, span: timedelta) -> None:
        self.time.at += span
        if span > TICK:
            self._time_out()
            for hands in self.hands.values():
                for hand in hands:
                    if hand.free:
                        self._renew(hand)

    def _renew(self, hand: Hand) -> None:
        try:
            hand.renew()
        except Crash:
            self.do_crash(hand.node.name)

    def _time_out(self) -> None:
        """Whoever has waited too long gives up; the request may still arrive."""
        limit = self.time.at - PATIENCE
        for flight in [one for one in self.flights if one.at < limit and one.run is not None]:
            if flight.run is None or flight.run.hand.paused:
                continue
            run, flight.run = flight.run, None
            if flight.answer is not None and flight in self.flights:
                self.flights.remove(flight)
            self._go_on(run, None)

    def _forget(self, hand: Hand) -> None:
        """What it sent is still under way; nobody waits for the answers."""
        for flight in self.flights:
            if flight.run is not None and flight.run.hand is hand:
                flight.run = None
        self.flights = [one for one in self.flights if one.run is not None or not (one.answer or one.lost)]
        hand.die()

    def _start(self, hand: Hand) -> None:
        try:
            hand.start()
        except HansaError as error:  # pragma: no cover - fates are cleared when a node dies
            raise Violation("I12", f"a worker of {hand.node.name} cannot start: {error}") from error

    def _concluding(self, hand: Hand, task: Task, conclude: Callable[[], None]) -> None:
        """A conclusion changes nothing in the queue where the lease was lost."""
        before = hand.node.uow.peek("outbox").get(task.id)
        conclude()
        after = hand.node.uow.peek("outbox").get(task.id)
        lost = before is not None and before.task.fence != task.fence
        require(not lost or after is before, "I10", f"a worker of {hand.node.name} concluded what was not its own")

    def _go_on(self, run: Run, answer: PeerAnswer | None) -> None:
        try:
            run.hand.answer(run, answer)
        except Crash:
            self.do_crash(run.hand.node.name)

    def _gone(self, flight: Flight) -> bool:
        if flight.run is not None and flight.run.hand.paused:
            flight.lost = True
            return True
        if flight in self.flights:
            self.flights.remove(flight)
        if flight.run is not None and not flight.run.over:
            self._go_on(flight.run, None)
        return True
