"""Companies of nodes, a network that lies, crashes at any step: everything comes to rest, and all sides agree.

A failing life is told by its seed and replays exactly: ``python -m tests.simulate --life SEED``. What was found by
such lives stays here as a schedule of its own.
"""

from __future__ import annotations

import json

import pytest

from node.dialogue.process import IMPLIED, Role
from node.negotiation import machine
from node.transfer import machine as transferring
from tests.simulate import from_json, to_json
from tests.simulator.life import Life, live, replay
from tests.simulator.nodes import NodePlan
from tests.simulator.shrink import in_words, shrink
from tests.simulator.world import Action, World

PAIR = (NodePlan("ghent", 0, "waits"), NodePlan("bruges", 0, "waits"))
SEEDS = range(1, 25)


def step_by_step(*lines: str) -> list[Action]:
    """A schedule as ``in_words`` writes it."""
    return [tuple(int(word) if word.isdigit() else word for word in line.split()) for line in lines]


def message(label: str, role: str, name: str, sender: str) -> list[Action]:
    """A message gets through, and so does its answer."""
    key = f"{label} {role} {name}"
    return [("work", sender, 0), ("arrive", key, 0), ("answer", key, 0)]


def agreed(label: str = "n1") -> list[Action]:
    """Bruges has an agreement with Ghent."""
    return [
        ("ask", label, "bruges", "ghent", "open", "same"),
        *message(label, "consumer", "request", "bruges"),
        *message(label, "provider", "agreement", "ghent"),
        *message(label, "consumer", "verification", "bruges"),
        *message(label, "provider", "finalized", "ghent"),
    ]


def started() -> list[Action]:
    """Bruges reads under its agreement, and has not got the bytes yet."""
    return [
        *agreed(),
        ("use", "t1", "n1"),
        *message("t1", "consumer", "request", "bruges"),
        *message("t1", "provider", "start", "ghent"),
    ]


def sound(life: Life) -> Life:
    """``life``, in which nothing went wrong."""
    assert life.violation is None, in_words(life)
    return life


@pytest.mark.parametrize("seed", SEEDS)
def test_all_sides_agree_in_the_end(seed: int) -> None:
    life = live(str(seed), steps=300)
    assert life.violation is None, f"seed {seed}, step {life.step}: {life.violation}"


def test_lives_are_full_of_trouble_and_of_work() -> None:
    lives = [live(f"full/{number}", steps=250) for number in range(16)]
    counts = sum((life.counts for life in lives), start=lives[0].counts.__class__())
    for what in ("drops", "repeats", "crashes", "pause", "fate", "cut", "clock", "kill", "steer", "strange"):
        assert counts[what] > 0, what
    assert counts["agreements"] > 50
    assert counts["completed"] > 50
    assert counts["negotiations"] == counts["negotiations ended"]
    assert counts["transfers"] == counts["transfers ended"]


def test_the_same_seed_gives_the_same_life() -> None:
    first, second = live("again", steps=300), live("again", steps=300)
    assert first.actions == second.actions
    assert (first.step, first.counts, first.recovery) == (second.step, second.counts, second.recovery)
    again = replay("again", first.plans, first.actions)
    assert (again.step, again.counts) == (first.step, first.counts)


def test_a_life_is_kept_and_lived_again_from_a_file() -> None:
    life = live("file", steps=100)
    again = from_json(json.dumps(to_json(life)))
    assert (again.step, again.counts) == (life.step, life.counts)


def test_without_trouble_four_messages_make_an_agreement() -> None:
    life = sound(replay("calm", PAIR, agreed()))
    assert life.counts["agreements"] == 1
    world = World(PAIR)
    for action in agreed():
        assert world.apply(action), action
    found = world.find("n1", Role.CONSUMER)
    assert found is not None
    node, ours = found
    assert ours.state == machine.FINALIZED
    sent = [one.message for one in node.exchanges(ours.pid)]
    assert sent == [machine.REQUEST, machine.AGREEMENT, machine.VERIFICATION, machine.FINALIZED_EVENT]
    (agreement,) = node.all_agreements()
    assert set(agreement.signatures) == {one.did for one in world.nodes}


def test_a_peer_that_is_down_for_a_day_loses_nothing() -> None:
    asked: list[Action] = [("ask", "n1", "bruges", "ghent", "open", "same"), ("work", "bruges", 0)]
    hours: list[Action] = [("pass", 3600.0), ("work", "bruges", 0), ("arrive", "n1 consumer request", 0)] * 24
    life = sound(replay("down", PAIR, [*asked, ("down", "ghent"), *hours]))
    assert life.counts["agreements"] == 1
    assert life.recovery.total_seconds() < 60


def test_a_worker_that_was_stopped_for_a_minute_finds_its_task_done_by_another() -> None:
    plans = (PAIR[0], NodePlan("bruges", 2, "waits"))
    asked: list[Action] = [("ask", "n1", "bruges", "ghent", "open", "same"), ("work", "bruges", 0)]
    stopped: list[Action] = [("pause", "bruges", 0), ("arrive", "n1 consumer request", 0), ("pass", 35.0)]
    other: list[Action] = [("work", "bruges", 1), ("arrive", "n1 consumer request", 0)]
    life = sound(replay("stopped", plans, [*asked, *stopped, *other, ("resume", "bruges", 0)]))
    assert life.counts["agreements"] == 1


class TestFaultsOfTheSimulator:
    """Faults that simulated lives have shown."""

    def test_an_offer_that_overtakes_the_answer_to_the_request(self) -> None:
        """The answer came after the offer and took the consumer back to REQUESTED, where it waited for ever."""
        steps = step_by_step(
            "ask n1 bruges ghent open other",
            "work bruges 0",
        )
        steps += [
            ("arrive", "n1 consumer request", 0),
            ("work", "ghent", 0),
            ("arrive", "n1 provider offer", 0),
            ("answer", "n1 consumer request", 0),
        ]
        world = World(PAIR)
        for action in steps:
            assert world.apply(action), action
        found = world.find("n1", Role.CONSUMER)
        assert found is not None
        assert found[1].state == machine.OFFERED
        sound(replay("overtaken", PAIR, steps))

    def test_a_message_whose_answer_was_overtaken_is_kept_all_the_same(self) -> None:
        """The final word came before the answer to the verification, and the use of the agreement before the answer
        to the final word: these messages were missing from the time line."""
        world = World(PAIR)
        steps: list[Action] = [
            ("ask", "n1", "bruges", "ghent", "open", "same"),
            ("work", "bruges", 0),
            ("arrive", "n1 consumer request", 0),
            ("work", "ghent", 0),
            ("arrive", "n1 provider agreement", 0),
            ("answer", "n1 consumer request", 0),
            ("answer", "n1 provider agreement", 0),
            ("work", "bruges", 0),
            ("arrive", "n1 consumer verification", 0),
            ("work", "ghent", 0),
            ("arrive", "n1 provider finalized", 0),
            ("answer", "n1 consumer verification", 0),
            ("use", "t1", "n1"),
            ("work", "bruges", 0),
            ("arrive", "t1 consumer request", 0),
            ("answer", "n1 provider finalized", 0),
        ]
        for action in steps:
            assert world.apply(action), action
        for role in Role:
            found = world.find("n1", role)
            assert found is not None
            node, one = found
            exchanges = node.exchanges(one.pid)
            assert [(each.message, each.is_accepted) for each in exchanges] == [
                (machine.REQUEST, True),
                (machine.AGREEMENT, True),
                (machine.VERIFICATION, True),
                (machine.FINALIZED_EVENT, True),
            ], role
            implied = [each.message for each in exchanges if each.answer_status == IMPLIED]
            overtaken = {
                Role.CONSUMER: [machine.REQUEST, machine.VERIFICATION],
                Role.PROVIDER: [machine.FINALIZED_EVENT],
            }
            assert implied == overtaken[role]
        sound(replay("overtaken answers", PAIR, steps))

    @pytest.mark.parametrize("message", [transferring.SUSPENSION, transferring.TERMINATION])
    @pytest.mark.parametrize("late", ["consumer completion", "provider suspension", "provider termination"])
    def test_a_completion_that_crosses_another_message(self, message: str, late: str) -> None:
        """One side was COMPLETED and the other SUSPENDED or TERMINATED, for good."""
        crossing: list[Action] = [
            ("work", "bruges", 0),
            ("arrive", "t1 consumer receive", 0),
            ("answer", "t1 consumer receive", 0),
            ("steer", "t1", "provider", message),
            ("work", "bruges", 0),
            ("work", "ghent", 0),
            ("arrive", f"t1 {late}", 0),
        ]
        life = sound(replay("crossing", PAIR, [*started(), *crossing]))
        assert life.counts["transfers ended"] == 1

    def test_a_late_suspension_does_not_show_that_a_later_start_arrived(self) -> None:
        """The provider took a suspension, which the consumer had taken back, for a word about its second start: that
        counted as taken before it had left, and the consumer never had it."""
        crossing: list[Action] = [
            *started(),
            ("steer", "t1", "consumer", transferring.SUSPENSION),
            *message("t1", "consumer", "suspension", "bruges"),
            ("steer", "t1", "consumer", transferring.START),
            ("steer", "t1", "provider", transferring.START),
            ("work", "bruges", 0),
            ("work", "ghent", 0),
            ("arrive", "t1 consumer start", 0),
            ("arrive", "t1 provider start 2", 0),
            ("steer", "t1", "consumer", transferring.SUSPENSION),
            ("work", "bruges", 0),
            ("steer", "t1", "provider", transferring.SUSPENSION),
            ("work", "ghent", 0),
            ("arrive", "t1 provider suspension", 0),
            ("answer", "t1 provider suspension", 0),
            ("steer", "t1", "provider", transferring.START),
        ]
        world = World(PAIR)
        for action in crossing:
            assert world.apply(action), action
        sound(replay("late", PAIR, crossing))

    def test_a_resumption_after_suspensions_that_crossed(self) -> None:
        """Both suspend, and each thinks that it did: the consumer's start is refused, and both stay suspended."""
        world = World(PAIR)
        crossing: list[Action] = [
            *started(),
            ("steer", "t1", "consumer", transferring.SUSPENSION),
            ("steer", "t1", "provider", transferring.SUSPENSION),
            ("work", "ghent", 0),
            *message("t1", "consumer", "suspension", "bruges"),
            ("steer", "t1", "consumer", transferring.START),
            *message("t1", "consumer", "start", "bruges"),
        ]
        for action in crossing:
            assert world.apply(action), action
        sides = [world.find("t1", role) for role in Role]
        assert [found[1].state for found in sides if found] == [transferring.SUSPENDED] * 2
        life = sound(replay("resumed", PAIR, [*crossing, ("steer", "t1", "provider", transferring.START)]))
        assert life.counts["completed"] == 1

    def test_a_suspension_that_arrives_after_it_was_taken_back(self) -> None:
        """Both suspend; one resumes while the other's suspension is still under way: it passed for a new one."""
        crossing: list[Action] = [
            ("steer", "t1", "consumer", transferring.SUSPENSION),
            ("work", "bruges", 0),
            ("steer", "t1", "provider", transferring.SUSPENSION),
            *message("t1", "provider", "suspension", "ghent"),
            ("steer", "t1", "provider", transferring.START),
            ("work", "ghent", 0),
            ("arrive", "t1 consumer suspension", 0),
        ]
        sound(replay("ghost", PAIR, [*started(), *crossing]))


def test_a_failing_schedule_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.base.delivery.OutboxWriter.cancel", lambda self, tx, task_id: None)
    life = next(life for number in range(20) if (life := live(f"small/{number}", steps=300)).violation)
    smaller = shrink(life)
    assert smaller.violation is not None
    assert life.violation is not None
    assert smaller.violation.name == life.violation.name
    assert len(smaller.actions) < 30
    assert len(in_words(smaller).splitlines()) == len(smaller.actions) + 2
