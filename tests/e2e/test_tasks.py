"""The tasks of four roles in a real browser: by keyboard alone, and by mouse without scripts; each is counted.

The tables of what they took are ``build/tasks-keyboard.md`` and ``build/tasks-mouse.md``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.e2e.chromium import Chromium, binary
from tests.e2e.walker import Tally, Walker
from tests.nodes import Company, Running, admit, company, publish, until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

BUILD: Final = Path(__file__).resolve().parents[2] / "build"
COUNTS: Final = "time,counter,bicycles\n" + "".join(
    f"2026-11-0{day}T{hour:02}:00:00,C1,{hour * 3}\n" for day in range(1, 8) for hour in range(24)
)

MOST: Final[dict[str, tuple[int, int]]] = {
    "join a region": (3, 3),
    "admit a member": (2, 0),
    "offer conditions to members": (3, 3),
    "publish a table": (3, 6),
    "publish a second table": (3, 4),
    "change a description": (4, 1),
    "find and ask": (2, 1),
    "get the data": (2, 0),
    "approve a request": (1, 0),
    "withdraw an asset": (3, 1),
    "block a participant": (3, 1),
    "invite a person with a role": (1, 2),
    "harvest a catalogue": (1, 3),
    "see who got in": (1, 0),
}
"""Each task with the most screens and answers that it may take, from the first page of the node."""


@pytest.fixture
def cities(tmp_path: Path, sqlite_template: Path) -> Iterator[Company]:
    """A region and two cities, of which the first is a member."""
    with company(tmp_path, sqlite_template) as nodes:
        admit(nodes.region, nodes.cities[0])
        yield nodes


@pytest_asyncio.fixture(loop_scope="module")
async def tabs(cities: Company) -> AsyncIterator[dict[str, tuple[Chromium, Running]]]:
    """A browser for the person of each node."""
    async with AsyncExitStack() as stack:
        nodes = {"governor": cities.region, "publisher": cities.cities[0], "partner": cities.cities[1]}
        yield {role: (await stack.enter_async_context(Chromium(binary())), node) for role, node in nodes.items()}


@pytest.mark.parametrize("keyboard", [True, False], ids=["keyboard alone", "mouse without scripts"])
async def test_tasks_take_few_steps(
    cities: Company, tabs: dict[str, tuple[Chromium, Running]], tmp_path: Path, keyboard: bool
) -> None:
    walkers = {role: Walker(tab, node.url, keyboard=keyboard) for role, (tab, node) in tabs.items()}
    for role, (_, node) in tabs.items():
        await walkers[role].sign_in("admin", node.password)
    story = Story(cities, tmp_path, "keyboard" if keyboard else "mouse")
    tallies = {
        "join a region": await story.join(walkers["partner"]),
        "admit a member": await story.admit(walkers["governor"]),
        "offer conditions to members": await story.offer(walkers["governor"]),
        "publish a table": await story.publish(walkers["publisher"], "Bicycles at counters"),
        "publish a second table": await story.publish(walkers["publisher"], "Bicycles at bridges", again=True),
        "change a description": await story.change(walkers["publisher"]),
        "find and ask": await story.ask(walkers["partner"]),
        "get the data": await story.get(walkers["partner"]),
        "approve a request": await story.approve(walkers["publisher"], walkers["partner"]),
        "withdraw an asset": await story.withdraw(walkers["publisher"]),
        "block a participant": await story.block(walkers["governor"]),
        "invite a person with a role": await story.invite(walkers["publisher"]),
        "harvest a catalogue": await story.harvest(walkers["publisher"]),
        "see who got in": await story.trail(walkers["publisher"]),
    }
    write(tallies, keyboard=keyboard)
    over = {
        task: (tally.screens, tally.answers)
        for task, tally in tallies.items()
        if tally.screens > MOST[task][0] or tally.answers > MOST[task][1]
    }
    assert over == {}
    assert tallies.keys() == MOST.keys()


class Story:
    """What the people do, in this order. ``way`` makes names of what they make their own."""

    def __init__(self, cities: Company, folder: Path, way: str) -> None:
        self.region, (self.provider, self.consumer) = cities.region, cities.cities
        self.folder = folder
        self.way = way

    async def join(self, partner: Walker) -> Tally:
        await partner.begin()
        await partner.menu("Operate", "Region")
        await partner.type("#region", self.region.url)
        await partner.go("main button", "Show the rulebook")
        await partner.tick("#credential-1")
        await partner.tick("#accept")
        await partner.go("#apply button", "Apply")
        return partner.end()

    async def admit(self, governor: Walker) -> Tally:
        await governor.begin()
        await governor.menu("Requests", "Applications")
        await governor.go("main button", "Approve and issue credential")
        tally = governor.end()
        with self.consumer.client() as client:
            until("the credential arrives", lambda: client.memberships()["credentials"])
        return tally

    async def offer(self, governor: Walker) -> Tally:
        await governor.begin()
        await governor.menu("Operate", "Rulebook")
        await governor.go("main a", "Manage the templates")
        await governor.type("[name='label.en']", f"Open to members {self.way}")
        await governor.tick("input[name=conditions][value=members]")
        await governor.go("main button", "Offer to members")
        assert "The template is offered." in await governor.words()
        return governor.end()

    async def publish(self, publisher: Walker, title: str, *, again: bool = False) -> Tally:
        name = f"{title.rsplit(maxsplit=1)[-1]}-{self.way}"
        file = self.folder / f"{name}.csv"
        file.write_text(COUNTS, "utf-8")
        await publisher.begin()
        await publisher.menu("Offer")
        await publisher.attach("#file", file)
        await publisher.go("#send")
        await publisher.type("#title", f"{title} {self.way}")
        await publisher.type("#description", "Bicycles that pass, every hour.")
        if not again:
            await publisher.choose("license", "Creative Commons Attribution 4.0")
        await publisher.tick("input[name=conditions][value=members]")
        await publisher.go("main button", "Preview")
        await publisher.go("main button", "Publish now")
        assert "The dataset was published." in await publisher.words()
        return publisher.end()

    async def change(self, publisher: Walker) -> Tally:
        await publisher.begin()
        await publisher.menu("Find")
        await publisher.go("main a", f"Bicycles at counters {self.way}")
        await publisher.go("main button", "Edit")
        await publisher.type("#title", f"Bicycles at all counters {self.way}")
        await publisher.go("main button", "Check the changes")
        await publisher.go("main button", "Publish version 2")
        return publisher.end()

    async def ask(self, partner: Walker) -> Tally:
        title = f"Bicycles at all counters {self.way}"
        with self.consumer.client() as client:
            until("the region has it", lambda: title in str(client.search(title, region=True)))
        await partner.begin()
        await partner.type("#q", title)
        await partner.go("main button", "Search")
        await partner.go("main a", "Search the catalogue of your region")
        assert title in await partner.words()
        await partner.go("main button", "Request access")
        await partner.until("final FINALIZED")
        return partner.end()

    async def get(self, partner: Walker) -> Tally:
        await partner.begin()
        await partner.menu("Agreements")
        await partner.go("main a", f"Bicycles at all counters {self.way}")
        await partner.go("main button", "Get the data")
        await partner.until("Received and verified")
        return partner.end()

    async def approve(self, publisher: Walker, partner: Walker) -> Tally:
        iri = str(publish(self.provider, f"asked-{self.way}", title="Asked for", conditions="members-ask")["iri"])
        with self.consumer.client() as client, self.provider.client() as office:
            pid = client.negotiate(iri)["pid"]
            until("a person is asked", office.decisions)
            await publisher.begin()
            await publisher.menu("Requests")
            assert "Asked for" in await publisher.words()
            await publisher.go("main button", "Approve")
            tally = publisher.end()
            until("it is final", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED")
        return tally

    async def withdraw(self, publisher: Walker) -> Tally:
        await publisher.begin()
        await publisher.menu("Find")
        await publisher.go("main a", f"Bicycles at bridges {self.way}")
        await publisher.go("main a", "Withdraw")
        await publisher.type("#reason", "The counters are being replaced.")
        await publisher.go("main button", "Withdraw now")
        return publisher.end()

    async def block(self, governor: Walker) -> Tally:
        await governor.begin()
        await governor.menu("Find", "Members")
        await governor.go("main a", "Block")
        await governor.type("#reason", "It passes data on.")
        await governor.go("main button", "Block this participant")
        assert "Blocked" in await governor.words()
        return governor.end()

    async def invite(self, publisher: Walker) -> Tally:
        await publisher.begin()
        await publisher.go("main a", "Invite a person")
        await publisher.type("#login", f"els-{self.way}")
        await publisher.tick("#new-steward")
        await publisher.go("main button", "Create account and link")
        assert "/invitation" in await publisher.words()
        return publisher.end()

    async def harvest(self, publisher: Walker) -> Tally:
        await publisher.begin()
        await publisher.go("main a", "Harvest a catalogue")
        await publisher.type("#source-url", f"{self.consumer.url}/catalog.ttl")
        await publisher.type("#source-name", f"neighbour-{self.way}")
        await publisher.tick("#source-agreed")
        await publisher.go("#add button", "Add")
        assert f"neighbour-{self.way}" in await publisher.words()
        return publisher.end()

    async def trail(self, publisher: Walker) -> Tally:
        await publisher.begin()
        await publisher.menu("Operate", "Audit trail")
        assert "was approved" in await publisher.words()
        return publisher.end()


def write(tallies: dict[str, Tally], *, keyboard: bool) -> None:
    """Write the table of a walk into a file of its own."""
    way = "By keyboard alone" if keyboard else "By mouse, without scripts"
    head = f"## {way}\n\n| task | screens | clicks | answers | Tab | seconds |\n|---|---|---|---|---|---|\n"
    rows = "".join(
        f"| {task} | {tally.screens} | {tally.clicks} | {tally.answers} | {tally.tabs} | {tally.seconds:.1f} |\n"
        for task, tally in tallies.items()
    )
    BUILD.mkdir(exist_ok=True)
    path = BUILD / f"tasks-{'keyboard' if keyboard else 'mouse'}.md"
    path.write_text(f"{head}{rows}", "utf-8")
