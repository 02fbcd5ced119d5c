"""Streams are read under contract: the latest, a period, what comes, a replay; and no longer than agreed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import OpenStream, Refusal
from node.transfer.live import glances
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.streams import SCHEMA, describe, listening, observation, send
from tests.nodes import Running, Start, until

ALL = "from=2026-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any
) -> Iterator[tuple[Running, Running]]:
    from tests.nodes import running

    home = tmp_path_factory.mktemp("streams")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        yield city, partner


def opened(nodes: tuple[Running, Running], name: str, **options: Any) -> Opened:
    city, partner = nodes
    describe(city, name)
    return open_live(partner, share(city, "streams", name, slug=name, format="JSON", **options))


@pytest.fixture
def no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a commit lets the node look at whether a read may go on."""
    monkeypatch.setattr(glances, "_GLANCE_SECONDS", 3600.0)


def bikes(answer: Any) -> list[int]:
    return [entry["observation"]["bikes"] for entry in answer.json()["observations"]]


def test_the_latest_of_each_subject(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "latest")
    assert stream.get("/latest").json() == {"observations": [], "next": None, "time": "at", "subject": "station"}
    send(nodes[0], "latest", *map(observation, range(12)))
    assert bikes(stream.get("/latest")) == [10, 11, 7, 8, 9]
    page = stream.get("/latest?limit=2")
    assert bikes(page) == [10, 11]
    assert bikes(stream.get(page.json()["next"].removeprefix(stream.endpoint))) == [7, 8]


def test_a_period_page_by_page(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "period")
    send(nodes[0], "period", *map(observation, range(60)))
    send(nodes[0], "period", *map(observation, range(60, 120)))
    # Late and in another order.
    send(nodes[0], "period", observation(500, minute=30), observation(501, minute=10))
    assert len(bikes(stream.get())) == 122
    hour = "?from=2026-01-01T00:30:00Z&to=2026-01-01T01:30:00Z"
    assert bikes(stream.get(hour)) == [*range(30, 90), 500]
    pages, address = [], f"{hour}&limit=25"
    while address:
        page = stream.get(address)
        pages.append(bikes(page))
        following = page.json()["next"]
        address = following.removeprefix(stream.endpoint) if following else ""
    assert [len(page) for page in pages] == [25, 25, 11]
    assert [number for page in pages for number in page] == [*range(30, 90), 500]
    # Whoever has read to the end goes on there.
    cursor = stream.get().json()["cursor"]
    assert bikes(stream.get(f"?after={cursor}")) == []
    send(nodes[0], "period", observation(700))
    assert bikes(stream.get(f"?after={cursor}")) == [700]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?from=noon", 400),
        ("?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
        ("?limit=0", 400),
        ("?limit=99999999", 400),
        ("?after=x", 400),
        ("?after=99999999999999999999999", 400),
        ("?where=1", 400),
        ("?limit=1&limit=2", 400),
        ("/events?speed=0", 400),
        ("/events?speed=nan", 400),
        ("/events?to=2999-01-01T00:00:00Z", 400),
        ("/elsewhere", 404),
    ],
)
def test_a_question_without_sense_is_refused(nodes: tuple[Running, Running], query: str, status: int) -> None:
    stream = opened(nodes, "questions")
    answer = stream.get(query)
    assert (answer.status_code, bool(answer.json().get("remedy") or status == 404)) == (status, True), answer.text


def test_what_comes_is_sent_as_it_comes_and_goes_on_where_it_was(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "coming")
    send(nodes[0], "coming", observation(0))
    with listening(stream) as listener:
        assert listener.status == 200
        send(nodes[0], "coming", observation(1), observation(2))
        seen = listener.wait("two have come", lambda events: len(events) == 2)
    assert [event["data"]["bikes"] for event in seen] == [1, 2]
    assert [event["id"] for event in seen] == ["2", "3"]
    send(nodes[0], "coming", *map(observation, range(3, 6)))
    with listening(stream, last=seen[0]["id"]) as listener:
        again = listener.wait("the others have come", lambda events: len(events) == 4)
        send(nodes[0], "coming", observation(6))
        again = listener.wait("and the next", lambda events: len(events) == 5)
    assert [event["data"]["bikes"] for event in again] == [2, 3, 4, 5, 6]
    with listening(stream, f"?{ALL}") as listener:
        everything = listener.wait("all have come", lambda events: len(events) == 7)
    assert [event["data"]["bikes"] for event in everything] == list(range(7))


def test_a_gap_that_retention_has_made_is_told(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "gap")
    describe(nodes[0], "gap", most=10)
    send(nodes[0], "gap", *map(observation, range(20)))
    send(nodes[0], "gap", *map(observation, range(20, 30)))
    with listening(stream, last="5") as listener:
        listener.wait("the rest has come", lambda events: len(events) == 11)
    assert listener.events[0]["event"] == "gap"
    assert (listener.events[0]["data"]["first"], listener.events[0]["data"]["last"]) == (6, 20)
    assert [event["id"] for event in listener.observations] == [str(number) for number in range(21, 31)]


def test_a_period_is_replayed_at_the_speed_asked_for(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "replay")
    send(nodes[0], "replay", *map(observation, range(40)))
    # Ten minutes in half a second: the last one cannot come sooner, however late the first one is seen.
    asked = time.monotonic()
    with listening(stream, "?from=2026-01-01T00:10:00Z&to=2026-01-01T00:21:00Z&speed=1200") as listener:
        seen = listener.wait("it has ended", lambda events: events and events[-1]["event"] == "end")
    assert [event["data"]["bikes"] for event in seen] == list(range(10, 21))
    assert seen[-1]["at"] - asked >= 0.5
    assert listener.events[-1]["data"]["code"] == "period-over"
    with listening(stream, f"?{ALL}&speed=100000") as listener:
        seen = listener.wait("it has ended", lambda events: events and events[-1]["event"] == "end")
    assert len(seen) == 40


@pytest.mark.parametrize("query", ["", f"?{ALL}&speed=0.01"], ids=["live", "replay"])
@pytest.mark.parametrize("ending", ["suspended", "removed"])
def test_an_open_stream_ends_without_a_further_observation_and_says_why(
    nodes: tuple[Running, Running], ending: str, query: str, no_timer: None
) -> None:
    city, _ = nodes
    name = f"ending-{ending}-{len(query)}"
    stream = opened(nodes, name)
    if query:
        send(city, name, observation(0), observation(1))
    with listening(stream, query) as listener:
        if not query:
            send(city, name, observation(1))
        listener.wait("it runs", lambda events: len(events) == 1)
        with city.client() as client:
            if ending == "suspended":
                client.steer(transfer_here(city, stream), "suspend", reason="maintenance")
            else:
                client.streams.remove(name)
        assert listener.ended.wait(10)
    assert listener.events[-1]["event"] == "end"
    assert listener.events[-1]["data"]["reason"]
    assert ending == "removed" or listener.events[-1]["data"]["reason"].endswith(": maintenance")
    assert listener.events[-1]["data"]["code"] == ("not-allowed" if ending == "suspended" else "gone")
    assert stream.get("/latest").status_code in (403, 410)


def test_text_with_other_separators_stays_whole(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "separators")
    station = "one\u2028two\u0085three\x0b"
    send(nodes[0], "separators", observation(1, station=station))
    events = OpenStream({"endpoint": stream.endpoint, "authorization": stream.authorization}).events(after="0")
    assert next(events)["data"]["station"] == station


def test_the_terminal_says_in_words_why_a_stream_ends(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = opened(nodes, "words")
    with listening(stream) as listener, nodes[0].client() as client:
        theirs = next(one["pid"] for one in client.transfers() if one["agreementId"] == stream.agreement)
        client.steer(theirs, "suspend", reason="maintenance")
        assert listener.ended.wait(10)
    monkeypatch.setattr(OpenStream, "events", lambda *_, **__: iter(listener.events))
    assert run(["stream", "follow", stream.iri, "--lang", "nl", "--node", str(nodes[1].folder)]) == REFUSED
    printed = capsys.readouterr()
    assert "the transfer is not active: maintenance" in printed.err
    assert "De overdracht is opgeschort." in printed.err
    assert "{" not in printed.err
    assert printed.out == "", "what is piped to another program are observations only"


def test_each_read_is_recorded_and_strangers_get_nothing(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    stream = opened(nodes, "record")
    before = len(accesses(city, stream.agreement))
    stream.get("/latest")
    with listening(stream):
        pass
    until("both are recorded", lambda: len(accesses(city, stream.agreement)) == before + 2)
    assert sorted(event["asked"] for event in accesses(city, stream.agreement)[before:]) == ["events", "latest"]
    stranger = Opened(stream.iri, stream.agreement, stream.transfer, stream.endpoint, "Bearer " + "x" * 43)
    assert stranger.get("/latest").status_code == 404


PART = {
    "template": "open",
    "part": {"columns": ["station", "bikes"], "rows": [{"column": "bikes", "operator": "lt", "value": 3}]},
}


def test_a_part_holds_for_observations_and_nothing_tells_of_the_rest(nodes: tuple[Running, Running]) -> None:
    stream = opened(nodes, "part", conditions=PART)
    send(nodes[0], "part", *map(observation, range(10)))
    page = stream.get().json()
    assert [entry["observation"] for entry in page["observations"]] == [
        {"station": f"s{number}", "bikes": number} for number in range(3)
    ]
    assert not any("number" in entry for entry in page["observations"])
    assert not page["cursor"].isdigit()
    assert stream.get(f"?{ALL}").status_code == 400
    with listening(stream, last=stream.get("?limit=1").json()["cursor"]) as listener:
        seen = listener.wait("the others", lambda events: len(events) == 2)
    assert [event["data"] for event in seen] == [{"station": "s1", "bikes": 1}, {"station": "s2", "bikes": 2}]
    assert not any(event.get("id", "").isdigit() for event in seen)
    assert stream.get("?after=3").status_code == 400


def test_members_of_observations_come_in_another_form(nodes: tuple[Running, Running]) -> None:
    forms = {"station": "pseudonym", "bikes": "bins 5", "wet": "suppress"}
    stream = opened(nodes, "forms", conditions={"template": "open", "part": {"conceal": forms}})
    with listening(stream) as listener:
        send(nodes[0], "forms", *({**observation(number), "wet": True} for number in range(10)))
        events = listener.wait("ten have come", lambda events: len(events) >= 10)
    page, latest = stream.get("").json(), stream.get("/latest").json()
    contents = [entry["observation"] for entry in page["observations"]]
    assert [content["bikes"] for content in contents] == [0] * 5 + [5] * 5
    assert {content["wet"] for content in contents} == {None}
    names = {content["station"] for content in contents}
    assert len(names) == 5
    assert all(len(name) == 32 for name in names)
    assert {entry["observation"]["station"] for entry in latest["observations"]} == names
    assert {event["data"]["station"] for event in events} == names
    # Nobody tries stations out, and what a form conceals has no description as linked data.
    assert stream.get("/latest?subject=s1").status_code == 400
    assert stream.get("/ldes").status_code == 409
    with pytest.raises(Refusal, match="cannot give a part"):
        opened(nodes, "hours", conditions={"template": "open", "part": {"conceal": {"at": "time hour"}}})


@pytest.mark.parametrize(
    ("name", "part", "expected"),
    [
        ("part-of-latest", PART["part"], [0, 1, 2]),
        ("hidden-subjects", {"columns": ["bikes"]}, [0, 1, 2, 3, 4]),
    ],
)
def test_the_latest_of_a_part_come_page_by_page_without_the_subjects(
    nodes: tuple[Running, Running], name: str, part: Any, expected: list[int]
) -> None:
    stream = opened(nodes, name, conditions={"template": "open", "part": part})
    send(nodes[0], name, *map(observation, range(5)))
    assert bikes(stream.get("/latest")) == expected
    seen, address = [], "/latest?limit=1"
    while address:
        page = stream.get(address)
        seen += bikes(page)
        following = page.json()["next"] or ""
        address = following.removeprefix(stream.endpoint)
        assert "subject=s" not in address
    assert seen == expected
    assert stream.get("/latest?subject=s1").status_code == 400, "which subjects there are cannot be found out"


def test_sixty_four_readers_share_one_reading(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    stream = opened(nodes, "many")
    listeners = [listening(stream) for _ in range(64)]
    open_ones = [listener.__enter__() for listener in listeners]
    try:
        send(city, "many", *map(observation, range(50)))
        for reader in open_ones:
            seen = reader.wait("all have come", lambda events: len(events) == 50)
            assert [event["data"]["bikes"] for event in seen] == list(range(50))
        tails = city.node.datasources.sources.connect("streams")[1]._tails._tails  # type: ignore[attr-defined]
        assert tails["many"].readers == 64
    finally:
        for listener in listeners:
            listener.__exit__(None, None, None)
    until("the tail is gone", lambda: "many" not in tails)


def test_every_node_has_streams_and_publishers_share_them(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    with city.client() as client:
        with pytest.raises(Refusal) as refusal:
            client.data_sources.add("streams", "http", "https://x.example/")
        assert refusal.value.http_status == 409
        client.streams.add("listed", SCHEMA, subject="station")
        client.streams.send("listed", observation(1))
        report = client.data_sources.test("streams", item="listed")
    assert report["passed"], report
    assert "listed" in [entry["item"] for entry in report["items"]]


def test_the_terminal_and_the_client_read_it(
    nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str]
) -> None:
    stream = opened(nodes, "typed")
    send(nodes[0], "typed", *map(observation, range(7)))
    there = ["--node", str(nodes[1].folder)]
    assert run(["stream", "replay", stream.iri, "--from", "2026-01-01T00:02:00Z", *there]) == DONE
    assert [json.loads(line)["bikes"] for line in capsys.readouterr().out.splitlines()] == [2, 3, 4, 5, 6]
    access = {"endpoint": stream.endpoint, "authorization": stream.authorization}
    own = OpenStream(access)
    assert [entry["observation"]["bikes"] for entry in own.latest()] == [5, 6, 2, 3, 4]
    assert [entry["number"] for entry in own.period("2026-01-01T00:05:00Z")] == [6, 7]
    events = own.events(after="5")
    assert [next(events)["id"], next(events)["id"]] == ["6", "7"]
    with nodes[1].client() as client:
        client.steer(stream.transfer, "complete")
    assert next(events)["event"] == "end"
    with pytest.raises(Refusal):
        next(own.latest())
