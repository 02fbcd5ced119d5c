"""Making a failing schedule small: actions are left out as long as the same thing still goes wrong (ddmin), then each
number that is not needed is made smaller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulator.life import Life, replay
from tests.simulator.nodes import NodePlan
from tests.simulator.world import Action

SECONDS = 60.0


def shrink(life: Life, *, seconds: float = SECONDS) -> Life:
    """The smallest life found within so many seconds in which the same invariant is broken."""
    assert life.violation is not None, "only what fails is made smaller"
    name = life.violation.name
    deadline = time.monotonic() + seconds

    def fails(plans: Sequence[NodePlan], actions: Sequence[Action]) -> Life | None:
        found = replay(life.seed, plans, actions)
        return found if found.violation is not None and found.violation.name == name else None

    best = fails(life.plans, life.actions)
    if best is None:
        return life
    best = _fewer_actions(best, fails, deadline)
    best = _fewer_nodes(best, fails)
    return _calmer(_fewer_actions(best, fails, deadline), fails, deadline)


Fails = Callable[[Sequence[NodePlan], Sequence[Action]], Life | None]


def _fewer_actions(best: Life, fails: Fails, deadline: float) -> Life:
    size = max(1, len(best.actions) // 2)
    while time.monotonic() < deadline:
        smaller = False
        at = len(best.actions)
        # From the end on: what came last is the most likely to matter least.
        while at > 0 and time.monotonic() < deadline:
            begin = max(0, at - size)
            found = fails(best.plans, [*best.actions[:begin], *best.actions[at:]])
            if found is not None:
                best, smaller = found, True
            at = begin
        if size == 1 and not smaller:
            break
        size = max(1, size // 2) if not smaller or size > 1 else 1
    return best


def _fewer_nodes(best: Life, fails: Fails) -> Life:
    for plan in best.plans:
        named = any(plan.name in action for action in best.actions)
        if not named and len(best.plans) > 2:
            smaller = fails([one for one in best.plans if one is not plan], best.actions)
            best = smaller or best
    for number, plan in enumerate(best.plans):
        plain = replace(plan, workers=0)
        if plain != plan:
            smaller = fails([*best.plans[:number], plain, *best.plans[number + 1 :]], best.actions)
            best = smaller or best
    return best


def _calmer(best: Life, fails: Fails, deadline: float) -> Life:
    """Shorter waits, requests in the order in which they were sent."""
    for number, action in enumerate(best.actions):
        if time.monotonic() > deadline:
            break
        calmer: Action | None = None
        if action[0] in ("arrive", "answer") and action[2]:
            calmer = (*action[:2], 0)
        elif action[0] == "pass" and action[1] > 1:
            calmer = ("pass", 1.0)
        if calmer is not None:
            best = fails(best.plans, [*best.actions[:number], calmer, *best.actions[number + 1 :]]) or best
    return best


def in_words(life: Life) -> str:
    """A life in words, for a person who looks for the cause."""
    lines = ["company: " + "; ".join(_company(plan) for plan in life.plans)]
    lines += [f"{number:4}  {' '.join(map(str, action))}" for number, action in enumerate(life.actions, 1)]
    lines.append(f"then, with no more trouble: {life.violation}")
    return "\n".join(lines)


def _company(plan: NodePlan) -> str:
    workers = "an embedded worker" if plan.workers == 0 else f"{plan.workers} workers on one queue"
    return f"{plan.name} ({workers}, as a consumer {plan.manner})"
