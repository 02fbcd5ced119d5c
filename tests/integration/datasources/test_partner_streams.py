"""A person sees a partner's stream move on a page of the own node, and why it ends."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.client import OpenStream, Refusal
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.streams import describe, observation, send
from tests.integration.datasources.test_table_queries import counted_offer
from tests.nodes import Running, Start, agree, running, until
from tests.portal_browser import csrf_of, signed_in
from tests.unit.portal.page import Page, troubles

MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("moving")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def opened(nodes: tuple[Running, Running], name: str, **options: Any) -> Opened:
    city, partner = nodes
    describe(city, name)
    return open_live(partner, share(city, "streams", name, slug=name, format="JSON", **options))


def place_of(agreement: str) -> str:
    return f"/agreements/{quote(agreement, safe='')}/stream"


def look(partner: Running, agreement: str, query: str = "") -> Page:
    """The page of the stream, as a browser without scripts gets it."""
    with signed_in(partner) as browser:
        answer = browser.get(f"{place_of(agreement)}{query}")
    assert answer.status_code == 200, answer.text
    assert "no-store" in answer.headers["cache-control"]
    page = Page(answer.text)
    assert troubles(page) == []
    return page


def bikes(page: Page, table: str) -> list[int]:
    (box,) = page.all("div", aria_labelledby=table)
    names, cells = ([cell.text for cell in box.inside if cell.tag == tag] for tag in ("th", "td"))
    return [int(cell) for cell in cells[names.index("bikes") :: len(names)]]


def reads(city: Running, agreement: str) -> list[str]:
    """What the partner has asked for, in words of the ledger."""
    return [str(event["asked"]) for event in accesses(city, agreement) if event["outcome"] == "started"]


class Follower:
    """A script of the page: it reads the events of the own node."""

    def __init__(self, partner: Running, agreement: str) -> None:
        self.events: list[tuple[str, Any]] = []
        self.status: int | None = None
        self._socket: socket.socket | None = None
        self._client = partner.http(timeout=60, headers={"Authorization": f"Bearer {partner.token}"})
        self._path = f"/api{place_of(agreement)}/events"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        # A socket that is closed while a thread reads from it stays open until something comes.
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def _listen(self) -> None:
        name = ""
        with suppress(httpx2.HTTPError, RuntimeError), self._client.stream("GET", self._path) as answer:
            self._socket = answer.extensions["network_stream"].get_extra_info("socket")
            self.status = answer.status_code
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.events.append((name, json.loads(line.removeprefix("data: "))))


@contextmanager
def following(partner: Running, agreement: str) -> Iterator[Follower]:
    follower = Follower(partner, agreement)
    try:
        until("the own node answers", lambda: follower.status is not None)
        yield follower
    finally:
        follower.leave()


def test_a_person_sees_a_stream_of_a_partner_move(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    stream = opened(nodes, "moving")
    send(city, "moving", *map(observation, range(7)))
    with signed_in(partner) as browser:
        assert (
            f'href="{place_of(stream.agreement)}"' in browser.get(place_of(stream.agreement)[: -len("/stream")]).text
        )
    page = look(partner, stream.agreement)
    assert bikes(page, "latest") == [5, 6, 2, 3, 4]
    assert page.element("dd", id="count").text == "0"
    assert "None have arrived since then." in page.text
    assert page.all("meta", http_equiv="refresh"), "without scripts it loads itself again"
    programs = page.element("details", id="programs").text
    assert f"{stream.endpoint}/ldes" in programs
    assert f"hansa stream ldes {stream.agreement}" in programs
    assert stream.authorization.removeprefix("Bearer ") not in page.text
    send(city, "moving", observation(10), observation(11))
    until("they are here", lambda: look(partner, stream.agreement).element("dd", id="count").text == "2")
    page = look(partner, stream.agreement, "?hold=1")
    assert bikes(page, "newest") == [11, 10]
    assert bikes(page, "latest") == [10, 11, 2, 3, 4]
    assert page.all("meta", http_equiv="refresh") == []
    # Whoever comes shares the one open read.
    assert sorted(reads(city, stream.agreement)) == ["events", "latest?limit=100"]


def test_a_script_follows_and_leaves(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    stream = opened(nodes, "followed")
    with following(partner, stream.agreement) as first, following(partner, stream.agreement) as second:
        send(city, "followed", observation(1))
        for follower in (first, second):
            until("it came", lambda follower=follower: [c for n, c in follower.events if n == "news" and c["count"]])
            assert follower.events[-1][1]["newest"][0]["observation"] == observation(1)
    assert sorted(reads(city, stream.agreement)) == ["events", "latest?limit=100"]
    feeds = partner.node.datasources.windows.moving._feeds
    until("nobody reads it any more", lambda: (stream.agreement, None) not in feeds)


def test_a_pause_by_the_provider_is_told_with_its_reason(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    stream = opened(nodes, "paused")
    pid = transfer_here(city, stream)
    with following(partner, stream.agreement) as follower:
        with city.client() as client:
            client.steer(pid, "suspend", reason=f"the counters are {MARKUP} repaired")
        until("it has ended", lambda: follower.events and follower.events[-1][0] == "end")
    page = look(partner, stream.agreement)
    assert "No more observations come." in page.text
    assert f"the counters are {MARKUP} repaired" in page.text
    assert all(script.get("src") for script in page.all("script"))
    with partner.client() as client:
        until("the pause is known here", lambda: client.transfer_state(stream.transfer)["state"] == "SUSPENDED")
    assert "paused" in look(partner, stream.agreement).text
    with city.client() as client:
        client.steer(pid, "resume")
    with partner.client() as client:
        until("it goes on here", lambda: client.transfer_state(stream.transfer)["state"] == "STARTED")
    with signed_in(partner) as browser:
        form = csrf_of(browser.get(place_of(stream.agreement)).text)
        assert browser.post(place_of(stream.agreement), data={"csrf": form}).status_code == 303
    send(city, "paused", observation(3))
    until("it moves again", lambda: look(partner, stream.agreement).element("dd", id="count").text == "1")


def test_where_reads_are_counted_nothing_is_opened_unasked(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    describe(city, "counted")
    iri = share(city, "streams", "counted", slug="counted", format="JSON", conditions={"offer": counted_offer(2)})
    agreement = str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        assert client.partner_stream(agreement)["feed"] is None
        page = look(partner, agreement)
        assert "at most 2 of 2" in page.text
        assert reads(city, agreement) == []
        assert client.partner_stream(agreement)["eventStream"] is None
        opening = client.open_partner_stream(agreement)
        assert opening["feed"]["connected"]
        access = client.live_access(opening["transfer"]["pid"])
        assert opening["eventStream"] == OpenStream(access).event_stream
        send(city, "counted", observation(4))
        until("it came", lambda: client.partner_stream(agreement)["feed"]["count"] == 1)
        assert client.partner_stream(agreement)["feed"]["newest"][0]["observation"] == observation(4)
        assert reads(city, agreement) == ["events"]
        assert client.agreement(agreement)["uses"] == {"used": 1, "most": 2, "left": 1}


def test_data_that_are_no_stream_and_agreements_of_others(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    stream = opened(nodes, "sides")
    with city.client() as client, pytest.raises(Refusal) as refusal:
        client.partner_stream(stream.agreement)
    assert refusal.value.http_status == 404
    with partner.client() as client, pytest.raises(Refusal):
        client.partner_stream("urn:uuid:nothing")
