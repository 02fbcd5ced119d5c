"""A partner's stream as people look at it: one read for all, bounds, breaks, ends, and hostile events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.base.errors import NotAllowed, Overloaded, PeerUnreachable, TooMany
from node.dialogue.process import Role
from node.identity.model import Caller, UserRole
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.transfer.live import feeds, partner_streams
from node.transfer.live.access import OpenAddress
from node.transfer.live.events import events_of
from node.transfer.live.partner_streams import READERS, PartnerStreams
from node.transfer.model import Transfer
from node.vocab.dsp import LIVE
from tests.fakes.clock import FixedClock

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
OFFER = {"@type": "Agreement", "target": "urn:x", "permission": [{"action": "use"}]}
PID = "urn:uuid:transfer"


def person(number: int = 0, *roles: UserRole) -> Caller:
    return Caller(did="did:web:here", account=f"p{number}", roles=frozenset(roles or (UserRole.PUBLISHER,)))


def event(number: int, **members: Any) -> bytes:
    content = json.dumps({"station": f"s{number % 2}", "at": f"2026-01-01T00:{number:02}:00Z", **members})
    return f"id: {number}\nevent: observation\ndata: {content}\n\n".encode()


def end(reason: str) -> bytes:
    return f"event: end\ndata: {json.dumps({'code': 'not-allowed', 'reason': reason, 'remedy': ''})}\n\n".encode()


class Provider:
    """A provider whose connections are scripted: each is a list of chunks, and None waits for ever."""

    def __init__(self, *connections: Sequence[bytes | None], latest: Any = None, counts: bool = False) -> None:
        self.connections = list(connections)
        self.places: list[str] = []
        self.open = 0
        self.now = 0.0
        self.uses = 0
        self.latest = latest or {"observations": [], "next": None, "time": "at", "subject": "station"}
        limit = [{"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]
        body = {**OFFER, "permission": [{"action": "use", **({"constraint": limit} if counts else {})}]}
        self.agreement = Agreement(
            id="urn:uuid:agreement",
            negotiation="urn:uuid:negotiation",
            dataset="urn:x",
            provider="did:web:there",
            consumer="did:web:here",
            role="consumer",
            body=body,
            sha256="00",
            signatures={},
            at=NOW,
            finalized=NOW,
        )
        self.transfer = Transfer(
            pid=PID,
            role=Role.CONSUMER,
            peer="did:web:there",
            peer_pid="urn:uuid:there",
            peer_address="https://there.example",
            version="2025-1",
            state="STARTED",
            created=NOW,
            updated=NOW,
            agreement=self.agreement.id,
            dataset="urn:x",
            format=LIVE,
            data_address={"endpoint": "https://there.example/live/x"},
        )
        reader = SimpleNamespace(
            agreement=lambda _: self.agreement, transfers_under=lambda _: [(self.transfer, None)]
        )
        self.streams = PartnerStreams(
            cast("Any", self),
            overview=cast("Any", reader),
            streams=cast("Any", SimpleNamespace(require_role=self.require_role, open=self.open_data)),
            access=cast("Any", self),
            events=self._events,
            latest=self._latest,
            uses=cast("Any", self),
            clock=FixedClock(NOW),
            monotonic=lambda: self.now,
        )

    async def view(self, by: Caller | None = None) -> partner_streams.PartnerStreamView:
        return await self.streams.view(self.agreement.id, by or person())

    # what the use case needs

    def require_role(self, by: Caller) -> None:
        require(by, UseCase.READ_RECEIVED)

    async def open_data(self, agreement_id: str, by: Caller, file: str | None) -> Transfer:
        return self.transfer

    async def use(self, pid: str, by: Caller, read: Callable[[OpenAddress], Any]) -> Any:
        return await read(OpenAddress(endpoint="https://there.example/live/x", authorization="x", expires=None))

    def note(self, tx: Any, agreement_id: str, use: str) -> None:
        self.uses += 1

    def begin(self) -> Any:
        return nullcontext()

    async def _latest(self, endpoint: str, authorization: str) -> bytes:
        return json.dumps(self.latest).encode()

    async def _events(self, stack: AsyncExitStack, endpoint: str, authorization: str, place: str) -> Any:
        self.places.append(place)
        if not self.connections:
            raise PeerUnreachable("the provider does not answer")
        return await stack.enter_async_context(self._connection(self.connections.pop(0)))

    @asynccontextmanager
    async def _connection(self, chunks: Sequence[bytes | None]) -> AsyncIterator[AsyncIterator[bytes]]:
        async def stream() -> AsyncIterator[bytes]:
            for chunk in chunks:
                if chunk is None:
                    await asyncio.Event().wait()
                else:
                    yield chunk

        self.open += 1
        try:
            yield stream()
        finally:
            self.open -= 1


async def settle() -> None:
    """Let what is ready run."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_all_who_look_share_one_open_read() -> None:
    provider = Provider([event(1), event(2), event(3, station="s1"), None])
    first = await provider.view(person(1))
    await settle()
    again = await provider.view(person(2))
    assert first.feed is not None
    assert again.feed is not None
    assert (again.feed.count, provider.places, provider.open) == (3, [""], 1)
    assert again.feed.newest[0].members["at"] == "2026-01-01T00:03:00Z"
    assert {row.members["station"]: row.members["at"] for row in again.feed.latest} == {
        "s0": "2026-01-01T00:02:00Z",
        "s1": "2026-01-01T00:03:00Z",
    }
    provider.streams.close()
    await settle()
    assert provider.open == 0


async def test_the_latest_are_there_at_once_and_a_late_one_does_not_replace_them() -> None:
    heads = [
        {"received": "2026-01-01T00:09:00Z", "observation": {"station": "s1", "at": "2026-01-01T00:09:00Z"}},
        {"received": "nonsense", "observation": {"station": "s2", "at": "2026-01-01T00:01:00Z"}},
        {"observation": ["nonsense"]},
    ]
    latest = {"observations": heads, "next": "https://there.example/more", "time": "at", "subject": "station"}
    provider = Provider([event(1), None], latest=latest)
    await provider.view()
    await settle()
    feed = (await provider.view()).feed
    assert feed is not None
    assert [row.members["at"] for row in feed.latest] == ["2026-01-01T00:09:00Z", "2026-01-01T00:01:00Z"]
    assert feed.has_more_subjects
    provider.streams.close()


async def test_a_connection_that_breaks_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_PAUSE", 0)
    provider = Provider([event(1)], [event(2), b"event: gap\ndata: {}\n\n"], [event(7), end("blocked")])
    await provider.view()
    await settle()
    feed = (await provider.view()).feed
    assert feed is not None
    assert feed.ending is not None
    assert (feed.ending.reason, feed.count, feed.has_gap) == ("blocked", 3, True)
    assert provider.places == ["", "1", "2"]
    provider.streams.close()


async def test_a_provider_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_PAUSE", 0)
    provider = Provider()
    feed = (await provider.view()).feed
    assert feed is not None
    assert feed.ending is None or feed.ending.code == "peer-unreachable"
    await settle()
    feed = (await provider.view()).feed
    assert feed is not None
    assert feed.ending is not None
    assert (feed.ending.code, len(provider.places)) == ("peer-unreachable", 5)
    provider.streams.close()


async def test_nobody_looks_any_more_and_the_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner_streams, "_LOOK_SECONDS", 0)
    provider = Provider([event(1), None])
    await provider.view()
    await settle()
    assert provider.open == 1
    provider.now = 31.0
    await settle()
    assert provider.open == 0


async def test_followers_keep_it_open_and_leave_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner_streams, "_LOOK_SECONDS", 0)
    provider = Provider([event(1), None])
    states = provider.streams.follow(provider.agreement.id, person())
    assert await anext(states) is not None
    provider.now = 60.0
    await settle()
    assert provider.open == 1
    await states.aclose()
    provider.now = 64.0
    await settle()
    assert provider.open == 0


async def test_the_end_is_the_last_state() -> None:
    provider = Provider([event(1), end("the counters are repaired")])
    states = [state async for state in provider.streams.follow(provider.agreement.id, person()) if state is not None]
    assert states[-1].ending is not None
    assert states[-1].ending.reason == "the counters are repaired"
    provider.streams.close()


async def test_places_are_bounded() -> None:
    provider = Provider([None])
    for number in range(READERS):
        await provider.view(person(number))
    with pytest.raises(Overloaded):
        await provider.view(person(READERS))
    # Who has a place may come again.
    await provider.view(person(3))
    provider.now = 31.0
    await provider.view(person(READERS))
    followers = [provider.streams.follow(provider.agreement.id, person(READERS)) for _ in range(9)]
    for follower in followers[:8]:
        await anext(follower)
    with pytest.raises(TooMany):
        await anext(followers[8])
    for follower in followers:
        await follower.aclose()
    provider.streams.close()


async def test_where_reads_are_counted_it_is_opened_by_hand_and_once() -> None:
    provider = Provider([event(1)], [event(2)], counts=True)
    assert (await provider.view()).feed is None
    opened = await provider.streams.open(provider.agreement.id, person())
    await settle()
    feed = (await provider.view()).feed
    assert opened.is_counted
    assert feed is not None
    assert feed.ending is not None
    assert (feed.count, provider.uses, provider.places) == (1, 1, [""]), "a break is not mended by another use"
    provider.streams.close()


async def test_a_paused_transfer_is_read_by_nobody() -> None:
    provider = Provider([event(1)])
    provider.transfer = replace(provider.transfer, state="SUSPENDED", reason=["repairs"])
    view = await provider.view()
    assert (view.feed, view.is_ready, provider.places) == (None, False, [])


@pytest.mark.parametrize("role", [UserRole.AUDITOR, UserRole.OPERATOR, UserRole.SIGNATORY])
async def test_others_read_nothing(role: UserRole) -> None:
    provider = Provider([event(1)])
    with pytest.raises(NotAllowed):
        await provider.view(person(1, role))
    with pytest.raises(NotAllowed):
        await anext(provider.streams.follow(provider.agreement.id, person(1, role)))
    assert provider.places == []


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * (300 << 10)],
        [b"data: x\n" * 60_000],
        [b"event: observation\ndata: [1]\n\n"],
        [b"event: observation\ndata: " + b"[" * 5000 + b"\n\n"],
        [b"id: \xc3\xa9\nevent: observation\ndata: {}\n\n"],
        [b"id: " + b"1" * 5000 + b"\nevent: observation\ndata: {}\n\n"],
    ],
)
async def test_events_that_are_none_are_refused(chunks: list[bytes]) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    with pytest.raises(PeerUnreachable):
        _ = [event async for event in events_of(stream())]


async def test_events_may_be_cut_anywhere() -> None:
    async def stream() -> AsyncIterator[bytes]:
        text = b"retry: 2000\r\n\r\n: waiting\n\n" + event(1) + event(2, name="Plze\u0148")
        for place in range(len(text)):
            yield text[place : place + 1]

    events = [(event.name, event.id, event.data["at"]) async for event in events_of(stream())]
    assert [event[:2] for event in events] == [("observation", "1"), ("observation", "2")]


def test_observations_are_cut_to_what_is_shown() -> None:
    content = {f"m{number}": number for number in range(50)}
    assert len(feeds.cut_members(content)) == 12
    cut = feeds.cut_members(
        {"long": "x" * 5000, "deep": {"a": ["b" * 5000]}, "huge": 10**100, "\u202ename": "\x1b[31m"}
    )
    assert all(len(str(value)) <= 200 for value in cut.values())
    assert all(character.isprintable() for name, value in cut.items() for character in f"{name}{value}")
