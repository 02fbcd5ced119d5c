"""Two nodes, a link that lies, crashes at any step: everything comes to rest, and both sides agree.

A failing seed is printed by the assertion and replays exactly: ``run(seed, …)``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.base.process import Role
from node.negotiation import conversation, machine
from tests.simulator.nodes import SimNode
from tests.simulator.world import Faults, World, run

SEEDS = range(1, 41)


@pytest.mark.parametrize("seed", SEEDS)
async def test_both_sides_agree_in_the_end(seed: int) -> None:
    world = await run(seed, steps=250, negotiations=5)
    assert world.counts["finalized"] == 5
    assert world.counts["completed"] == 5


async def test_a_link_that_loses_half_of_everything() -> None:
    world = await run(7, steps=600, negotiations=5, faults=Faults(0.5, 0.5, 0.3, 0.5, 0.05))
    assert world.counts["finalized"] == 5
    assert world.counts["answers lost"] > 5


async def test_without_faults_four_messages_make_an_agreement() -> None:
    world = await run(3, steps=0, negotiations=1, faults=Faults(0, 0, 0, 0, 0))
    (ours,) = world.consumer.all_negotiations()
    sent = [one.message for one in world.consumer.exchanges(ours.pid)]
    assert sent == [machine.REQUEST, machine.AGREEMENT, machine.VERIFICATION, machine.FINALIZED_EVENT]
    (agreement,) = world.consumer.all_agreements()
    assert set(agreement.signatures) == {world.consumer.did, world.provider.did}


async def _finds(monkeypatch: pytest.MonkeyPatch, seeds: range) -> bool:
    for seed in seeds:
        try:
            await run(seed, steps=250, negotiations=5, faults=Faults(0.2, 0.3, 0.3, 0.3, 0.03))
        except Exception:
            return True
    return False


async def test_a_planted_loss_of_the_repeat_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation.Conversation, "repeated", lambda self, tx, process, message: None)
    assert await _finds(monkeypatch, range(1, 30))


async def test_a_planted_wrong_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moves = dict(machine.TABLE.moves)
    moves[machine.AGREED, machine.VERIFICATION] = replace(
        moves[machine.AGREED, machine.VERIFICATION], to=machine.FINALIZED
    )
    broken = replace(machine.TABLE, moves=moves)
    original = SimNode._build

    def build(node: SimNode) -> None:
        original(node)
        if node.name == "bruges":
            node.negotiations._conversation.table = broken

    monkeypatch.setattr(SimNode, "_build", build)
    assert await _finds(monkeypatch, range(1, 10))


async def test_a_planted_effect_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # The provider forgets what it answered: the message left, the state did not follow.
    original = World.land

    async def land(world: World, flight: object) -> None:
        saved = world.provider.negotiations_store.save
        if world.chance.random() < 0.2:
            world.provider.negotiations_store.save = lambda tx, process: None  # type: ignore[method-assign]
        try:
            await original(world, flight)  # type: ignore[arg-type]
        finally:
            world.provider.negotiations_store.save = saved  # type: ignore[method-assign]

    monkeypatch.setattr(World, "land", land)
    assert await _finds(monkeypatch, range(1, 10))


def test_roles_are_each_others_other() -> None:
    assert Role.CONSUMER.other is Role.PROVIDER
    assert Role.PROVIDER.other is Role.CONSUMER
