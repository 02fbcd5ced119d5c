"""Going through the points: arm a node, drive a scene, see it die, bring it back, let both come to rest, compare."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import HansaError, PeerUnreachable
from node.dialogue.process import Process, Role
from node.vocab.namespaces import DCT
from tests import comparison
from tests.comparison import Findings
from tests.sweep.pair import EDITIONS, PATIENCE, Pair
from tests.sweep.points import PUBLISHED, TRANSFER, Point, Step
from tests.waits import NotThere, until

LINGER: Final = 60.0
"""Seconds in which a node may still die once both sides stand where the scene ends: S5 comes after all else."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one point."""

    point: Point
    reached: bool
    seconds: float
    recovery: float
    """From the death until both were at rest."""
    wrong: tuple[str, ...]


@dataclass
class _Talk:
    """The conversation of a scene: who began it, and its pid on each side as far as known."""

    kind: str
    before: dict[Role, str]
    pids: dict[Role, str] = field(default_factory=dict)


class Sweep:
    """Sweeps over points with one pair of nodes."""

    def __init__(self, pair: Pair, findings: Findings) -> None:
        self._pair = pair
        self._findings = findings
        self._victim = Role.PROVIDER
        self._died: float | None = None
        self._next = ""
        self._refused = ""

    def over(self, ordered: Sequence[Point]) -> Iterator[Outcome]:
        """Each point's outcome, as it comes."""
        for number, point in enumerate(ordered):
            following = ordered[number + 1] if number + 1 < len(ordered) else None
            yield self._outcome(point, following)

    def _outcome(self, point: Point, following: Point | None) -> Outcome:
        began = time.monotonic()
        known = {name: len(getattr(self._findings, name)) for name in ("lost", "doubled", "diverged")}
        self._died, self._victim = None, point.victim
        soon = following is not None and following.victim is point.victim and following.group != point.group
        self._next = following.armed if following is not None and soon else ""
        try:
            self._arm(point)
            if point.scene is PUBLISHED:
                self._publish()
            else:
                self._talk(point)
        except NotThere as missing:
            self._findings.diverged.append(f"{point}: waited in vain: {missing}")
            self._start_again()
        ended = time.monotonic()
        wrong = [f"{name}: {what}" for name, count in known.items() for what in getattr(self._findings, name)[count:]]
        recovery = ended - self._died if self._died else 0.0
        return Outcome(point, self._died is not None, ended - began, recovery, tuple(wrong))

    # ---- lives and deaths --------------------------------------------------------------------------------------

    def _arm(self, point: Point) -> None:
        """The victim runs and will die at ``point``; the other one runs and will not die."""
        for role, member in self._pair.members.items():
            crash_point = point.armed if role is point.victim else ""
            if member.armed != crash_point or member.ended is not None:
                member.kill()
                member.arm(crash_point)
        for member in self._pair.members.values():
            member.wait_ready(may_end=bool(member.armed))

    def _start_again(self) -> None:
        """After something went wrong: both anew, and nobody armed."""
        for member in self._pair.members.values():
            member.kill()
            member.arm()
        for member in self._pair.members.values():
            member.wait_ready()

    def _watch(self) -> None:
        """Bring back who has died. Raises ``NotThere`` where a node has ended otherwise."""
        for role, member in self._pair.members.items():
            if member.ended is None:
                continue
            if member.ended != -signal.SIGKILL or not member.armed:
                raise NotThere(f"the {role} to live: it ended with {member.ended}\n{member.log_tail()}")
            if member.last_words != f"crash point {member.armed.rpartition(':')[0]}":
                raise NotThere(f"the {role} to die at {member.armed}: somebody else has killed it")
            if self._died is None:
                self._died = time.monotonic()
                member.arm(self._next)
            else:
                member.arm()  # It has died of the next point already, which it will be armed for again.
            member.wait_ready(may_end=bool(member.armed))

    def _until(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        def look() -> bool:
            self._watch()
            return condition()

        until(what, look, seconds, pause=0.01)

    # ---- conversations -----------------------------------------------------------------------------------------

    def _talk(self, point: Point) -> None:
        kind = "transfers" if point.group == TRANSFER else "negotiations"
        newest = {role: self._pair.newest(role, kind) for role in Role}
        talk = _Talk(kind, {role: one.pid if one else "" for role, one in newest.items()})
        for step in point.scene.steps:
            self._step(talk, step)
        if self._died is None:
            # Not reached at all is told by the outcome; what comes to rest without it is no fault of the nodes.
            deadline = time.monotonic() + LINGER
            while self._died is None and time.monotonic() < deadline:
                self._watch()
                time.sleep(0.01)
        last = point.scene.steps[-1]
        self._until(f"rest in {last.state} after the death: {self._say(talk)}", lambda: self._rests(talk, last.state))
        self._compare(talk, last.state)

    def _step(self, talk: _Talk, step: Step) -> None:
        """Tell the node, again if it died before it had written that down, and wait until both stand there."""
        before = self._process(talk, step.who)
        revision = before.revision if before else -1
        acknowledged = False
        self._refused = ""

        def there() -> bool:
            nonlocal acknowledged
            now = self._process(talk, step.who)
            if now is not None and now.revision > revision:
                return self._rests(talk, step.state)
            if acknowledged:
                self._findings.lost.append(f"{step.what} of {talk.pids.get(step.who)}: acknowledged, and not there")
                acknowledged = False
            try:
                self._pair.tell(step, talk.kind, talk.pids.get(step.who))
                acknowledged = True
            except PeerUnreachable:
                pass
            except HansaError as error:
                self._refused = str(error.detail)
                time.sleep(0.1)
            return False

        try:
            self._until(f"{step.what} leads to {step.state}", there)
        except NotThere as missing:
            more = f"; refused: {self._refused}" if self._refused else ""
            raise NotThere(f"{missing}: {self._say(talk)}{more}") from None

    def _process(self, talk: _Talk, role: Role) -> Process | None:
        """The conversation as one side has it now."""
        if role not in talk.pids:
            newest = self._pair.newest(role, talk.kind)
            if newest is None or newest.pid == talk.before[role]:
                return None
            talk.pids[role] = newest.pid
        return self._pair.process(role, talk.kind, talk.pids[role])

    def _rests(self, talk: _Talk, state: str) -> bool:
        sides = [self._process(talk, role) for role in Role]
        stand = all(one is not None and one.state == state and one.pending is None for one in sides)
        return stand and not any(self._pair.waiting(role) for role in Role)

    def _say(self, talk: _Talk) -> str:
        sides = ((role, self._process(talk, role)) for role in Role)
        return ", ".join(
            f"{role} {side.state}, pending {side.pending.message if side.pending else None}, code {side.code}, "
            f"outbox {self._pair.waiting(role)}"
            if side
            else f"{role} none"
            for role, side in sides
        )

    def _compare(self, talk: _Talk, state: str) -> None:
        findings, pair = self._findings, self._pair
        provider, consumer = pair.provider.stores, pair.consumer.stores
        ours, theirs = self._process(talk, Role.CONSUMER), self._process(talk, Role.PROVIDER)
        assert ours is not None, "both are at rest"
        assert theirs is not None, "both are at rest"
        if (ours.pid, ours.peer_pid) != (theirs.peer_pid, theirs.pid):
            findings.diverged.append(f"{talk.kind} {ours.pid} and {theirs.pid} are not each other's")
        comparison.same_messages(findings, talk.kind, (consumer, ours.pid), (provider, theirs.pid))
        if state == "FINALIZED":
            comparison.agreements(findings, provider, consumer)
        with pair.members[self._victim].client() as client:
            if not client.verify()["sound"]:
                findings.diverged.append(f"the {self._victim}'s ledger does not verify")

    # ---- views -------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        """Publish until the node dies; then its views must be what a replay gives, and it goes on publishing."""
        step, pair = PUBLISHED.steps[0], self._pair

        def dead() -> bool:
            if self._died is None:
                try:
                    pair.tell(step, "", None)
                except HansaError:
                    time.sleep(0.05)
            return self._died is not None

        # What is not reached is told by the outcome.
        deadline = time.monotonic() + LINGER
        while time.monotonic() < deadline and not dead():
            self._watch()
        with pair.provider.client() as client:
            # Before anything further is published, which would mend it: of each edition the newest, and it alone.
            answer = client.sparql(
                f'SELECT ?iri {{ ?iri <{DCT}title> ?title FILTER(CONTAINS(STR(?title), "edition-")) }}'
            )
            told = Counter(one["iri"]["value"] for one in json.loads(answer)["results"]["bindings"])
        if len(told) != EDITIONS or set(told.values()) != {1}:
            self._findings.diverged.append(f"titles in the graph after the death: {dict(told)}")
        iri, title = pair.edition("edition-0")
        self._until(f"{title} in the views", lambda: self._shown(iri, title))
        pair.provider.stop()
        comparison.views(self._findings, pair.provider)
        comparison.records(self._findings, pair.provider.stores, pair.records)
        pair.provider.arm(self._next)
        pair.provider.wait_ready(may_end=bool(self._next))

    def _shown(self, iri: str, title: str) -> bool:
        """Whether search and graph have the newest edition."""
        with self._pair.provider.client() as client:
            hits = client.search(title)["hits"]
            told = client.sparql(f'ASK {{ <{iri}> <{DCT}title> ?title FILTER(STR(?title) = "{title}") }}')
        return any(hit["iri"] == iri and hit["title"] == title for hit in hits) and bool(json.loads(told)["boolean"])
