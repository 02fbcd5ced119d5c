"""The crash points, and for each the scene that passes it: what is done, by whom, and where both sides then stand.

The names are those of ``node/base/crashpoints.py``. A message that both sides may send, or that may open a
conversation or go on with it, is swept in each of these ways: its points are then passed at different nodes, or in
different states.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from node.dialogue.process import Role
from node.negotiation import machine as negotiating
from node.transfer import machine as transferring

C, P = Role.CONSUMER, Role.PROVIDER
NEGOTIATION, TRANSFER = negotiating.TABLE.name, transferring.TABLE.name
SENDING: Final = ("S1", "S2", "S3", "S4", "S5")
RECEIVING: Final = ("R1", "R2", "R3", "R4")


@dataclass(frozen=True, slots=True)
class Step:
    """``who`` is told to do ``what``; both sides then come to rest in ``state``."""

    who: Role
    what: str
    state: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One conversation from its beginning to its end."""

    table: str
    name: str
    steps: tuple[Step, ...]


ASKED: Final = Scene(NEGOTIATION, "asked for", (Step(C, "negotiate", "FINALIZED"),))
HAGGLED: Final = Scene(
    NEGOTIATION, "offered, countered, offered again, accepted", (Step(P, "offer haggled", "FINALIZED"),)
)


def _offered_in_vain(by: Role, name: str) -> Scene:
    """An offer that ``by`` ends."""
    return Scene(NEGOTIATION, name, (Step(P, "offer asked", "OFFERED"), Step(by, "end", "TERMINATED")))


def _steered(by: Role, name: str) -> Scene:
    """A transfer that ``by`` pauses, resumes and ends."""
    steps = (("suspend", "SUSPENDED"), ("resume", "STARTED"), ("end", "TERMINATED"))
    return Scene(TRANSFER, name, (Step(C, "hold", "STARTED"), *(Step(by, what, state) for what, state in steps)))


DECLINED: Final = _offered_in_vain(C, "offered, declined")
TAKEN_BACK: Final = _offered_in_vain(P, "offered, taken back")
FETCHED: Final = Scene(TRANSFER, "fetched", (Step(C, "fetch", "COMPLETED"),))
PUSHED: Final = Scene(TRANSFER, "pushed", (Step(C, "have pushed", "COMPLETED"),))
PAUSED: Final = _steered(C, "paused, resumed and ended by the consumer")
HELD_BACK: Final = _steered(P, "paused, resumed and ended by the provider")
SEALED: Final = Scene(TRANSFER, "fetched, sealed", (Step(C, "fetch sealed", "COMPLETED"),))
PUBLISHED: Final = Scene("views", "published", (Step(P, "publish", ""),))


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a kind of message is sent: by whom, in which scene, as the how-many-th of its kind."""

    table: str
    message: str
    sender: Role
    scene: Scene
    nth: int = 1


WAYS: Final = (
    Way(NEGOTIATION, negotiating.REQUEST, C, ASKED),
    Way(NEGOTIATION, negotiating.REQUEST, C, HAGGLED),
    Way(NEGOTIATION, negotiating.OFFER, P, HAGGLED),
    Way(NEGOTIATION, negotiating.OFFER, P, HAGGLED, 2),
    Way(NEGOTIATION, negotiating.ACCEPTED_EVENT, C, HAGGLED),
    Way(NEGOTIATION, negotiating.AGREEMENT, P, HAGGLED),
    Way(NEGOTIATION, negotiating.VERIFICATION, C, HAGGLED),
    Way(NEGOTIATION, negotiating.FINALIZED_EVENT, P, HAGGLED),
    Way(NEGOTIATION, negotiating.TERMINATION, C, DECLINED),
    Way(NEGOTIATION, negotiating.TERMINATION, P, TAKEN_BACK),
    Way(TRANSFER, transferring.REQUEST, C, FETCHED),
    Way(TRANSFER, transferring.START, P, FETCHED),
    Way(TRANSFER, transferring.START, P, HELD_BACK, 2),
    Way(TRANSFER, transferring.START, C, PAUSED),
    Way(TRANSFER, transferring.COMPLETION, C, FETCHED),
    Way(TRANSFER, transferring.COMPLETION, P, PUSHED),
    Way(TRANSFER, transferring.SUSPENSION, C, PAUSED),
    Way(TRANSFER, transferring.SUSPENSION, P, HELD_BACK),
    Way(TRANSFER, transferring.TERMINATION, C, PAUSED),
    Way(TRANSFER, transferring.TERMINATION, P, HELD_BACK),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One crash: ``name`` is the point's own, ``victim`` the node that dies there, at its ``nth`` passing."""

    name: str
    victim: Role
    scene: Scene
    nth: int = 1
    kind: str = ""
    """The message's own name, where one door takes several (events): R1 is passed before they are told apart."""

    @property
    def armed(self) -> str:
        """What the environment of the victim says."""
        return f"{self.name}:{self.nth}"

    @property
    def named(self) -> str:
        """The point as the design counts it: by kind of message and place."""
        return f"{self.kind or self.name.rpartition('.')[0]}.{self.name.rpartition('.')[2]}"

    @property
    def group(self) -> str:
        """What its recovery passes through: points of another group are not reached meanwhile."""
        return self.scene.table

    def __str__(self) -> str:
        again = ", the second time" if self.nth == 2 else ""
        return f"{self.named} at the {self.victim}{again} ({self.scene.name})"


def points() -> list[Point]:
    """All of them."""
    crash_points: list[Point] = []
    for way in WAYS:
        kind = f"{way.table}.{way.message}"
        door = f"{way.table}.{way.message.partition(':')[0]}"
        crash_points += [Point(f"{kind}.{place}", way.sender, way.scene, way.nth, kind) for place in SENDING]
        crash_points += [
            Point(f"{door if place == 'R1' else kind}.{place}", way.sender.other, way.scene, way.nth, kind)
            for place in RECEIVING
        ]
    crash_points += [Point(f"delivery.D{number}", C, SEALED) for number in range(1, 8)]
    crash_points += [
        Point(f"projection.{view}.P{number}", P, PUBLISHED) for view in ("graph", "search") for number in (1, 2)
    ]
    return crash_points


def in_order(chosen: Iterable[Point]) -> list[Point]:
    """One victim after the other, and neighbours of different groups wherever that can be had: a node that comes back
    may then be armed for its next death already, and does not die of it before its time."""
    ordered: list[Point] = []
    waiting = list(chosen)
    for victim in (P, C):
        groups: dict[str, list[Point]] = {}
        for point in waiting:
            if point.victim is victim:
                groups.setdefault(point.group, []).append(point)
        last = ""
        while any(groups.values()):
            name = max(groups, key=lambda one: (one != last and bool(groups[one]), len(groups[one])))
            ordered.append(groups[name].pop(0))
            last = name
    return ordered


def made_up_of(chosen: Sequence[Point]) -> str:
    """How the number of points comes about."""
    of_messages = [point for point in chosen if point.kind]
    named = len({point.named for point in of_messages})
    others = [point.name for point in chosen if not point.kind]
    deliveries = sum(name.startswith("delivery.") for name in others)
    places = len({name.rpartition(".")[2] for name in others if name.startswith("projection.")})
    return (
        f"{named + deliveries + places} named points: {named} of messages, in {len(of_messages)} crashes (by each "
        f"side that may send them, opening and going on); {deliveries} of a reception; {places} of a view, in "
        f"{len(others) - deliveries} crashes (graph and search)"
    )
