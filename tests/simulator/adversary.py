"""The adversary: chooses what happens next, from a seed, among all that could.

Each life has a weather of its own: some kinds of faults, each more or less often, others not at all. Lives in which
everything goes wrong at once find less than lives with two or three kinds of trouble.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from node.dialogue.process import Role
from node.transfer import machine as transferring
from tests.simulator.company import open_decisions
from tests.simulator.database import DIE_AFTER, DIE_BEFORE, FAIL
from tests.simulator.invariants import TERMINAL, TRANSFER
from tests.simulator.nodes import OFFERS, NodePlan
from tests.simulator.world import Action, World

NAMES: Final = ("ghent", "bruges", "pilsen", "leuven", "ostend")
MANNERS: Final = ("waits", "accepts", "haggles")
STEERS: Final = (
    transferring.SUSPENSION,
    transferring.START,
    transferring.START,
    transferring.TERMINATION,
    transferring.COMPLETION,
)
FAULTS: Final = (
    "lose",
    "outwait",
    "reorder",
    "repeat",
    "strange",
    "crash",
    "down",
    "cut",
    "clock",
    "pause",
    "kill",
    "fate",
    "hours",
)
MEDDLING: Final = ("withdraw", "end", "steer")
"""What people do to each other."""


def company(chance: random.Random) -> list[NodePlan]:
    """Two to five nodes, some with one embedded worker, some with two on one queue."""
    return [
        NodePlan(name, workers=chance.choice((0, 2)), manner=chance.choice(MANNERS))
        for name in NAMES[: chance.choice((2, 2, 2, 3, 3, 4, 5))]
    ]


class Adversary:
    """``next`` gives the next action for a world; it looks at the world and changes nothing."""

    def __init__(self, chance: random.Random, world: World, *, calm: bool = False) -> None:
        self._chance = chance
        self._world = world
        self._begun = 0
        self._used: set[str] = set()
        self._plan: deque[Action] = deque()
        """Trouble that only comes of several things in a row."""
        kinds = [] if calm else chance.sample(FAULTS, chance.choice((2, 3, 4, 6)))
        kinds += [] if calm else [kind for kind in MEDDLING if chance.random() < 0.5]
        self.weather = {kind: chance.choice((0.3, 1.0)) if kind in kinds else 0.0 for kind in (*FAULTS, *MEDDLING)}
        self._trouble = chance.choice((0.1, 0.25, 0.5))
        self._faults: dict[str, Callable[[], Action | None]] = {
            "repeat": self._repeat,
            "strange": self._strange,
            "crash": self._crash,
            "down": self._down,
            "cut": self._cut,
            "clock": self._clock,
            "pause": self._pause,
            "kill": self._kill,
            "fate": self._fate,
            "withdraw": self._withdraw,
            "end": self._end,
            "steer": self._steer,
            "hours": self._hours,
        }
        # Kinds of trouble that this life does not have are drawn now and then all the same, so that it has pauses.
        self._kinds = [*(kind for kind in self._faults if self.weather[kind]), "hours"]

    def next(self) -> Action:
        """What happens next."""
        action = None
        if self._plan and self._chance.random() < 0.4:
            return self._plan.popleft()
        if self._chance.random() < self._trouble:
            action = self._fault()
        elif self._chance.random() < 0.15:
            action = self._people()
        elif self._chance.random() < 0.04:
            action = self._mend()
        return action or self._progress()

    def _fault(self) -> Action | None:
        kind = self._chance.choice(self._kinds)
        return self._faults[kind]() if self._chance.random() < self.weather[kind] else None

    # ---- what goes on ----------------------------------------------------------------------------------------

    def _progress(self) -> Action:
        """A message gets on, a worker works, or time goes by."""
        world, chance = self._world, self._chance
        moving = [
            one for one in world.flights if not one.lost and not (one.answer and one.run and one.run.hand.paused)
        ]
        if moving and chance.random() < 0.75:
            steers = self.weather["steer"]
            reorders = chance.random() < self.weather["reorder"]
            flight = chance.choice(moving) if reorders else moving[0]
            if steers and chance.random() < (0.5 if flight.wire.read else 0.2):
                # Large files take their time, in which much may happen.
                return self._steer() or self._people() or ("pass", 1.0)
            answered = flight.answer is not None
            same = [one for one in moving if one.key == flight.key and (one.answer is not None) == answered]
            at = same.index(flight)
            if chance.random() < self.weather["lose"] / 2:
                return ("lose", flight.key, at, answered)
            if answered:
                return ("answer", flight.key, at)
            if flight.awaited and chance.random() < self.weather["outwait"] / 2:
                return ("outwait", flight.key, at)
            return ("arrive", flight.key, at)
        ready = self._ready()
        if ready:
            return ("work", *chance.choice(ready))
        if moving:
            return ("pass", chance.choice((0.1, 0.5, 2.0)))
        return self._people() or self._wait()

    def _wait(self) -> Action:
        due = self._world.next_due()
        ahead = (due - self._world.time.at).total_seconds() if due is not None else 0.0
        return ("pass", round(min(30.0, max(0.1, ahead)) + self._chance.choice((0.0, 0.0, 5.0)), 3))

    def _ready(self) -> list[tuple[str, int]]:
        """Workers that may have something to do."""
        ready = []
        for node in self._world.nodes:
            with node.uow.read() as tx:
                due = node.outbox.next_due(tx)
            for hand in self._world.hands[node.name]:
                # The embedded worker's queue shows tasks as due that it has in hand.
                idle = self._world.waiting(node) > len(hand.runs) if node.plan.workers == 0 else True
                if hand.free and (hand.unrecorded or (due is not None and due <= node.clock.now() and idle)):
                    ready.append((node.name, hand.number))
        return ready

    def _people(self) -> Action | None:
        """People ask, decide, use what they have."""
        world, chance = self._world, self._chance
        what = chance.random()
        if what < 0.35:
            return self._ask()
        if what < 0.7:
            return self._use()
        if what < 0.85:
            waiting = [one for node in world.nodes for one in open_decisions(node)]
            if waiting:
                return ("decide", world.label(chance.choice(waiting).subject), chance.random() < 0.7)
            return None
        offered = [
            negotiation.pid
            for node in world.nodes
            for negotiation in node.all_negotiations()
            if negotiation.state == "OFFERED" and negotiation.role is Role.CONSUMER
        ]
        return ("accept", world.label(chance.choice(offered))) if offered else None

    def _ask(self) -> Action | None:
        chance, names = self._chance, [node.name for node in self._world.nodes]
        if len(self._live("negotiations")) >= 6:
            return None
        self._begun += 1
        consumer, other = chance.sample(names, 2)
        kind = chance.choice(("open", "open", "open", "asks", "asks", "refuses"))
        label = f"n{self._begun}"
        if chance.random() < 0.12:
            return ("offer", label, consumer, other, kind)
        return ("ask", label, consumer, other, kind, "other" if chance.random() < 0.2 else "same")

    def _use(self) -> Action | None:
        world = self._world
        final = [
            (node, negotiation)
            for node in world.nodes
            for negotiation in node.all_negotiations()
            if negotiation.state == "FINALIZED"
            and negotiation.role is Role.CONSUMER
            and negotiation.pid not in self._used
        ]
        if not final:
            return None
        _, chosen = self._chance.choice(final)
        if self._chance.random() < 0.8:
            self._used.add(chosen.pid)
        self._begun += 1
        return ("use", f"t{self._begun}", world.label(chosen.pid))

    def _mend(self) -> Action | None:
        """Trouble passes by itself."""
        world, chance = self._world, self._chance
        mending: list[Action] = [("up", node.name) for node in world.nodes if not node.up]
        mending += [("heal", *cut) for cut in sorted(world.cuts)]
        mending += [
            ("resume", name, hand.number) for name, hands in world.hands.items() for hand in hands if hand.paused
        ]
        return chance.choice(mending) if mending else None

    # ---- trouble ---------------------------------------------------------------------------------------------

    def _repeat(self) -> Action | None:
        known = list(self._world.archive)
        if not known:
            return None
        # The latest most of the time; an old one now and then.
        return ("repeat", known[-1 - int(len(known) * self._chance.random() ** 3)])

    def _strange(self) -> Action | None:
        known = list(self._world.archive)
        return ("strange", self._chance.choice(known), self._node()) if known else None

    def _crash(self) -> Action:
        return ("crash", self._node())

    def _down(self) -> Action:
        return ("down", self._node())

    def _cut(self) -> Action:
        names = [node.name for node in self._world.nodes]
        return ("cut", *self._chance.sample(names, 2))

    def _clock(self) -> Action:
        return ("clock", self._node(), self._chance.choice((-3600.0, -600.0, -1.0, 1.0, 600.0, 3600.0)))

    def _pause(self) -> Action:
        node = self._chance.choice(self._world.nodes)
        if not node.plan.workers:
            return ("pause", node.name, 0)
        # Stopped for longer than its lease lasts, while another worker takes over.
        hand = self._chance.randrange(node.plan.workers)
        self._plan += [("pass", 35.0), ("work", node.name, 1 - hand), ("work", node.name, 1 - hand)]
        self._plan += [("resume", node.name, hand)]
        return ("pause", node.name, hand)

    def _kill(self) -> Action | None:
        several = [node for node in self._world.nodes if node.plan.workers and node.up]
        if not several:
            return None
        node = self._chance.choice(several)
        return ("kill", node.name, self._chance.randrange(node.plan.workers))

    def _fate(self) -> Action:
        fate = self._chance.choice((FAIL, DIE_BEFORE, DIE_AFTER))
        arriving = [one for one in self._world.flights if one.answer is None and not one.lost]
        if arriving and self._chance.random() < 0.5:
            # At the receiver, while it takes a message.
            flight = self._chance.choice(arriving)
            self._plan.appendleft(("arrive", flight.key, 0))
            return ("fate", flight.receiver.name, fate)
        return ("fate", self._node(), fate)

    def _withdraw(self) -> Action | None:
        if self._chance.random() > 0.05:
            return None
        return ("withdraw", self._node(), self._chance.choice(tuple(OFFERS)))

    def _end(self) -> Action | None:
        labels = self._labels("negotiations")
        return ("end", self._chance.choice(labels), self._role()) if labels else None

    def _steer(self) -> Action | None:
        """Somebody wants a transfer to go another way, sometimes both sides at once."""
        chance, world = self._chance, self._world
        labels = self._labels("transfers")
        sides = [(label, role) for label in labels for role in ("consumer", "provider")]
        chance.shuffle(sides)
        for label, role in sides:
            place = world.find(label, role)
            if place is None or (place[1].pending is not None and chance.random() < 0.9):
                continue
            other = "provider" if role == "consumer" else "consumer"
            if place[1].state == transferring.STARTED and chance.random() < 0.15:
                return self._cross(label, role, other)
            if chance.random() < 0.3:
                self._plan.append(("steer", label, other, self._wish(place[1].state)))
            return ("steer", label, role, self._wish(place[1].state))
        return None

    def _cross(self, label: str, role: str, other: str) -> Action:
        """Both sides suspend at once; the other one resumes before the first one's suspension arrives."""
        ours, theirs = (self._world.find(label, side) for side in (role, other))
        suspension, start = transferring.SUSPENSION, transferring.START
        self._plan += [("work", ours[0].name, 0), ("steer", label, other, suspension)] if ours else []
        self._plan += [("work", theirs[0].name, 0)] if theirs else []
        self._plan += [("arrive", f"{label} {other} suspension", 0), ("answer", f"{label} {other} suspension", 0)]
        self._plan += [("steer", label, other, start), ("arrive", f"{label} {role} suspension", 0)]
        return ("steer", label, role, suspension)

    def _wish(self, state: str) -> str:
        """What somebody may want of a transfer in this state; now and then what cannot be."""
        fitting = [message for at, message in TRANSFER if at == state]
        return self._chance.choice(fitting if fitting and self._chance.random() < 0.9 else STEERS)

    def _labels(self, kind: str) -> list[str]:
        """What people may want to interfere with: what goes on, and now and then what has ended."""
        live = self._live(kind)
        if live and self._chance.random() < 0.9:
            return live
        return sorted({self._world.label(one) for node in self._world.nodes for one in node.uow.peek(kind)})

    def _hours(self) -> Action:
        return ("pass", self._chance.choice((35.0, 120.0, 3600.0, 6 * 3600.0)))

    def _node(self) -> str:
        return self._chance.choice(self._world.nodes).name

    def _role(self) -> str:
        return self._chance.choice(("consumer", "provider"))

    def _live(self, kind: str) -> list[str]:
        """Labels of what has not ended at both sides."""
        return sorted(
            {
                self._world.label(process.pid)
                for node in self._world.nodes
                for process in node.uow.peek(kind).values()
                if process.state not in TERMINAL
            }
        )
