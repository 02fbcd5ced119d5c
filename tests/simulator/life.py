"""A life: a company of nodes, a schedule of actions, then no more trouble and no more than is under way, then rest.

``live(seed)`` draws company and schedule from the seed; ``replay`` plays a schedule again. Both give the same for the
same arguments, on any machine.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from unittest import mock

from node.base.jsons import digest
from node.dialogue.process import Role
from tests.simulator.adversary import Adversary, company
from tests.simulator.company import open_decisions
from tests.simulator.invariants import TERMINAL, Violation, at_rest, require
from tests.simulator.nodes import NodePlan
from tests.simulator.workers import caught_up
from tests.simulator.world import Action, World

REST_STEPS = 20_000
RECOVERY = timedelta(minutes=2)
"""How long the world may take to come to rest once trouble is over, beside what clocks were put back."""


@dataclass
class Life:
    """The result. ``violation`` is None where all went well."""

    seed: str
    plans: Sequence[NodePlan]
    actions: list[Action]
    counts: Counter[str] = field(default_factory=Counter)
    recovery: timedelta = timedelta()
    put_back: timedelta = timedelta()
    """By how much clocks were put back: what waited for a moment then waits so much longer."""
    violation: Violation | None = None
    step: int = 0


def live(seed: str, *, steps: int = 600, calm: bool = False) -> Life:
    """Draw a life from ``seed`` and live it."""
    chance = random.Random(seed)
    plans = company(chance)
    actions: list[Action] = []

    def schedule(world: World) -> Iterator[Action]:
        adversary = Adversary(chance, world, calm=calm)
        for _ in range(steps):
            action = adversary.next()
            actions.append(action)
            yield action

    return _live(Life(seed, plans, actions), schedule)


def replay(seed: str, plans: Sequence[NodePlan], actions: Sequence[Action]) -> Life:
    """Live these actions again."""
    return _live(Life(seed, plans, list(actions)), lambda world: iter(actions))


def _live(life: Life, schedule: Callable[[World], Iterator[Action]]) -> Life:
    with _nothing_random():
        world = World(life.plans)
        life.counts = world.counts
        try:
            for action in schedule(world):
                world.apply(action)
            life.recovery = _settle(world)
            at_rest(world, ended=False)
            world.heard.check(world)
            for _ in range(12):
                if not _finish(world):
                    break
                _settle(world)
            at_rest(world, ended=True)
            world.heard.check(world)
        except Violation as found:
            life.violation = found
        except Exception as error:
            life.violation = Violation("a fault of ours", f"{type(error).__name__}: {error}")
            life.violation.__cause__ = error
        life.step = world.counts["steps"]
        life.put_back = world.put_back
        _count(world)
    return life


def _settle(world: World) -> timedelta:
    """No more trouble: let everything come to rest; how long that took."""
    began = world.time.at
    for cut in sorted(world.cuts):
        world.apply(("heal", *cut))
    for node in world.nodes:
        node.uow.fates.clear()
        world.apply(("up", node.name))
        for hand in world.hands[node.name]:
            world.apply(("resume", node.name, hand.number))
    for _ in range(REST_STEPS):
        action = _onward(world)
        if action is None:
            took = world.time.at - began
            require(took <= RECOVERY + world.put_back, "I12", f"it took {took} to come to rest")
            return took
        world.apply(action)
    raise Violation("I12", "it does not come to rest")


def _onward(world: World) -> Action | None:
    """What happens next where nothing goes wrong; None when all is at rest."""
    if world.flights:
        flight = world.flights[0]
        return ("arrive" if flight.answer is None else "answer", flight.key, 0)
    for node in world.nodes:
        for hand in world.hands[node.name]:
            if hand.unrecorded:
                return ("work", node.name, hand.number)
        with node.uow.read() as tx:
            due = node.outbox.next_due(tx)
            dead = node.outbox.dead(tx)
        if due is not None and due <= node.clock.now() and not _resting(world, node.name):
            return ("work", node.name, 0)
        if dead:
            return ("revive", node.name)
    hands = [hand for hands in world.hands.values() for hand in hands]
    if any(world.waiting(node) for node in world.nodes):
        due = world.next_due()
        ahead = (due - world.time.at).total_seconds() if due is not None else 0.0
        return ("pass", min(60.0, max(0.25, ahead)))
    return None if caught_up(hands) else ("pass", 1.0)


def _resting(world: World, name: str) -> bool:
    """Whether all that is due at a node is for peers that are left alone for the moment."""
    node = world.by_name[name]
    with node.uow.read() as tx:
        lanes = world.hands[name][0].worker._lanes.resting()
        due = node.outbox.due(tx, now=node.clock.now(), limit=1, busy=(), lanes_blocked=lanes)
    return not due


def _finish(world: World) -> bool:
    """People do what is left to do; whether there was anything."""
    left: list[Action] = []
    used = {one.agreement for node in world.nodes for one in node.all_transfers()}
    for node in world.nodes:
        left += [("decide", world.label(one.subject), True) for one in open_decisions(node)]
        for negotiation in node.all_negotiations():
            label = world.label(negotiation.pid)
            if negotiation.role is Role.CONSUMER and negotiation.state == "OFFERED":
                left.append(("accept", label))
            final = negotiation.role is Role.CONSUMER and negotiation.state == "FINALIZED"
            if final and negotiation.agreement and negotiation.agreement["@id"] not in used:
                left.append(("use", f"u{label}", label))
        for transfer in node.all_transfers():
            label = world.label(transfer.pid)
            if transfer.role is Role.CONSUMER and transfer.state == "SUSPENDED":
                left.append(("steer", label, "consumer" if len(label) % 2 else "provider", "TransferStartMessage"))
    for action in left:
        if world.apply(action) or action[0] != "steer":
            continue
        # What the provider has suspended it alone resumes; and what was withdrawn meanwhile cannot go on.
        _, label, role, message = action
        if role == "provider" or not world.apply(("steer", label, "provider", message)):
            world.apply(("steer", label, role, "TransferTerminationMessage"))
    return bool(left)


def _count(world: World) -> None:
    for node in world.nodes:
        for kind in ("negotiations", "transfers"):
            processes = [one for one in node.uow.peek(kind).values() if one.role is Role.CONSUMER]
            world.counts[kind] += len(processes)
            world.counts[f"{kind} ended"] += sum(one.state in TERMINAL for one in processes)
            world.counts["completed"] += sum(one.state == "COMPLETED" for one in processes)
        final = [one for one in node.all_agreements() if one.finalized and one.role == "consumer"]
        world.counts["agreements"] += len(final)


@contextmanager
def _nothing_random() -> Iterator[None]:
    """What the code under test draws at random comes in order; what documents say is not asked for."""
    numbers = iter(range(1, 1 << 60))

    def next_uuid() -> uuid.UUID:
        return uuid.UUID(int=(7 << 76) | (2 << 62) | next(numbers))

    with (
        mock.patch("node.base.ids.new_uuid", next_uuid),
        mock.patch("node.transfer.grants.secrets", SimpleNamespace(token_urlsafe=lambda _: f"token{next(numbers)}")),
        mock.patch("node.worker.loop.random", SimpleNamespace(random=lambda: 0.5)),
        mock.patch("node.policy.document.rendering.text_sha256", lambda body, language: digest([language, body])),
    ):
        yield
