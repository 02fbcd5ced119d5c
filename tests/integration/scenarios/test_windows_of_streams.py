"""A window of a stream is the input of a run: pinned when it is asked for, and proved again when it is repeated."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run as typed
from node.client import Refusal
from tests.integration.agreements.test_counted_uses import TWICE
from tests.integration.agreements.test_deletion import DELETED, confirm, deletion
from tests.integration.datasources.live_data import accesses, open_live, share
from tests.integration.scenarios.sums import publish_counting
from tests.nodes import Running, Start, agree, publish, running
from tests.runs import ended
from tests.waits import until

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"station": {"type": "string"}, "at": {"type": "string"}, "minutes": {"type": "number"}},
    "required": ["station", "at", "minutes"],
    "additionalProperties": False,
}
MORNING = {"from": "2026-01-01T08:00:00Z", "to": "2026-01-01T09:00:00Z"}


@pytest.fixture(scope="module")
def nodes(
    start: Start, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any
) -> Iterator[tuple[Running, Running]]:
    """A city with streams, and a partner with a scenario over delays; the city has the scenario too."""
    home = tmp_path_factory.mktemp("windows")
    with start(home / "city") as city, running(home / "partner", template=sqlite_template) as partner:
        for node in (city, partner):
            publish_counting(node, "waiting", "delays", "minutes", "min", gives="seconds", in_unit="s")
        yield city, partner


def delay(minute: int, station: str = "a", minutes: float = 2.5, hour: int = 8) -> dict[str, Any]:
    return {"station": station, "at": f"2026-01-01T{hour:02}:{minute:02}:00Z", "minutes": minutes}


def stream(city: Running, name: str, *observations: dict[str, Any], conditions: Any = "open", **options: Any) -> str:
    """Make a stream with observations and publish it; return the address of its dataset."""
    with city.client() as client:
        client.streams.add(name, SCHEMA, subject="station", **options)
        if observations:
            client.streams.send(name, list(observations))
    return share(city, "streams", name, slug=name, format="JSON", conditions=conditions)


def binding(iri: str, window: Any = MORNING) -> dict[str, Any]:
    return {"scenario": "scenario/waiting", "inputs": {"delays": {"dataset": iri, "window": window}}}


def started(node: Running, request: dict[str, Any]) -> dict[str, Any]:
    with node.client() as client:
        pid = client.scenarios.start(request)["pid"]
    return ended(node, pid)


def again(node: Running, pid: str) -> dict[str, Any]:
    with node.client() as client:
        return ended(node, client.scenarios.again(pid)["pid"])


def pinned(run: dict[str, Any]) -> dict[str, Any]:
    return dict(run["binding"]["inputs"]["delays"])


def seconds(run: dict[str, Any]) -> float:
    return float(run["indicators"][0]["after"])


def proof(run: dict[str, Any]) -> str:
    """The line of the log about the window."""
    (line,) = [line for line in run["log"] if " input delays, " in line]
    return str(line)


def findings(node: Running, request: dict[str, Any]) -> list[tuple[str, str]]:
    with node.client() as client:
        return [(one["code"], one["sentence"]) for one in client.scenarios.check(request)["findings"]]


def test_a_window_of_a_partner_gives_the_same_hash_for_ever(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = stream(city, "delays", delay(10), delay(20, "b", 4.0), delay(30, hour=9))
    agreement = agree(partner, iri)["agreementId"]
    first = started(partner, binding(iri))
    assert (first["state"], seconds(first)) == ("successful", 390), first
    bound = pinned(first)
    expected = (
        b'[{"at":"2026-01-01T08:10:00Z","minutes":2.5,"station":"a"},'
        b'{"at":"2026-01-01T08:20:00Z","minutes":4,"station":"b"}]'
    )
    assert bound["sha256"] == hashlib.sha256(expected).hexdigest()
    assert (bound["agreement"], bound["window"]["count"]) == (agreement, 2)
    with city.client() as client:
        client.streams.send("delays", [delay(40, hour=9)])
    second = started(partner, binding(iri))
    assert (pinned(second)["sha256"], second["key"], second["result"]) == (
        bound["sha256"],
        first["key"],
        first["result"],
    )
    # Each is a read under the agreement, in the ledger of the provider.
    until("both reads", lambda: len(accesses(city, agreement)) == 2)
    assert accesses(city, agreement)[0]["asked"].startswith("window?from=2026-01-01T08")
    repeated = again(partner, first["pid"])
    assert (repeated["result"], pinned(repeated)) == (first["result"], bound)
    assert f"its stream gives the same 2 observations, SHA-256 {bound['sha256']}" in proof(repeated)
    # What comes late is told, and a new run uses it.
    with city.client() as client:
        client.streams.send("delays", [delay(11, "late", 1.0)])
    repeated = again(partner, first["pid"])
    assert repeated["result"] == first["result"]
    assert "1 late observation has arrived since" in proof(repeated)
    new = started(partner, binding(iri))
    assert (seconds(new), pinned(new)["sha256"] == bound["sha256"]) == (450, False)


def test_a_window_of_an_own_stream_and_the_last_minutes(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    iri = stream(city, "own", delay(10))
    outcome = started(city, binding(iri))
    assert (outcome["state"], seconds(outcome)) == ("successful", 150)
    assert "agreement" not in pinned(outcome)
    assert findings(city, binding(iri, "10m"))[0][0] == "invalid-input"
    from node.base.clock import SystemClock, stamp

    now = stamp(SystemClock().now())
    with city.client() as client:
        client.streams.send("own", [{"station": "a", "at": now, "minutes": 1}])
    outcome = started(city, binding(iri, "10m"))
    window = pinned(outcome)["window"]
    assert (window["count"], window["from"] < now < window["to"]) == (1, True)
    assert "the same 1 observations" in proof(again(city, outcome["pid"]))


def test_a_conversion_of_units_is_a_step_on_a_window(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    conversion = "unit conversion"
    publish_counting(city, "converted", "delays", "minutes", "min", gives="minutes", in_unit="s", language=conversion)
    iri = stream(city, "converted-delays", delay(10), delay(20, "b", 1.5))
    outcome = started(city, {**binding(iri), "scenario": "scenario/converted"})
    assert (outcome["state"], seconds(outcome)) == ("successful", 240), outcome
    assert "the same 2 observations" in proof(again(city, outcome["pid"]))


def test_what_retention_has_taken_is_said_and_the_run_has_its_bytes(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = stream(city, "short", delay(10), most=2)
    agree(partner, iri)
    first = started(partner, binding(iri))
    with city.client() as client:
        client.streams.send("short", [delay(20, hour=9), delay(30, hour=9)])
    repeated = again(partner, first["pid"])
    assert (repeated["state"], repeated["result"]) == ("successful", first["result"])
    assert "retention may have taken a part of it" in proof(repeated)
    assert "up to 2026-01-01T08:10:00Z" in proof(repeated)
    city.node.datasources.streams.forget_old()
    assert "retention may have taken a part of it" in proof(again(partner, first["pid"]))
    ((code, sentence),) = findings(partner, binding(iri))
    assert (code, "may no longer keep" in sentence) == ("gone", True)
    late = {"from": "2026-01-01T09:00:00Z", "to": "2026-01-01T10:00:00Z"}
    assert findings(partner, binding(iri, late)) == []


@pytest.mark.parametrize(
    ("window", "code", "words"),
    [
        ({"from": "2026-01-01T08:00:00Z", "to": "2999-01-01T00:00:00Z"}, "invalid-input", "future"),
        ({"from": "2025-01-01T08:00:00Z", "to": "2025-01-01T09:00:00Z"}, "invalid-input", "no observations"),
        ({"from": "2025-01-01T08:00:00Z", "to": "2025-03-01T09:00:00Z"}, "too-large", "31 days"),
        ({**MORNING, "position": "77"}, "conflict", "never been at this position"),
        (None, "invalid-input", "a run needs a window of it"),
    ],
)
def test_what_is_no_window_is_refused_before_the_run(
    nodes: tuple[Running, Running], window: Any, code: str, words: str
) -> None:
    city, partner = nodes
    iri = stream(city, f"refusals-{words.split(maxsplit=1)[0]}", delay(10))
    agree(partner, iri)
    for node in (partner, city):
        ((found, sentence),) = findings(node, binding(iri, window))
        assert (found, words in sentence) == (code, True), sentence
    with partner.client() as client, pytest.raises(Refusal):
        client.scenarios.start(binding(iri, window))


def test_columns_that_do_not_suit_and_files_that_are_no_streams(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    with city.client() as client:
        schema = {"properties": {"at": {"type": "string"}, "other": {"type": "number"}}}
        client.streams.add("unsuited", schema)
        client.streams.send("unsuited", [{"at": "2026-01-01T08:10:00Z", "other": 1}])
    iri = share(city, "streams", "unsuited", slug="unsuited", format="JSON")
    assert "minutes" in findings(city, binding(iri))[0][1]
    publish(city, "no-stream")
    ((code, sentence),) = findings(city, binding(f"{city.url}/datasets/no-stream"))
    assert (code, "is a file, not a stream" in sentence) == ("invalid-input", True)


def test_many_callers_get_the_same_hash_while_observations_arrive(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = stream(city, "crowd", *[delay(minute, station) for minute in range(60) for station in "abcde"])
    agree(partner, iri)
    assert findings(partner, binding(iri)) == []
    done = threading.Event()

    def keep_sending() -> int:
        sent = 0
        with city.client() as client:
            while not done.is_set():
                client.streams.send("crowd", [delay(sent % 60, f"s{sent}", hour=9)])
                sent += 1
        return sent

    def check(_: int) -> str:
        with partner.client() as client:
            return str(client.scenarios.check(binding(iri))["binding"]["inputs"]["delays"]["sha256"])

    with ThreadPoolExecutor(65) as threads:
        sending = threads.submit(keep_sending)
        try:
            hashes = set(threads.map(check, range(64)))
        finally:
            done.set()
        assert sending.result() > 0
    assert len(hashes) == 1


def test_a_partner_that_is_blocked_gets_no_window_and_keeps_its_run(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = stream(city, "blocked", delay(10))
    agreement = agree(partner, iri)["agreementId"]
    first = started(partner, binding(iri))
    with city.client() as client:
        client.block(partner.did, "a quarrel")
    try:
        until("the partner is refused", lambda: findings(partner, binding(iri)))
        assert findings(partner, binding(iri))[0][0] in ("not-allowed", "conflict", "peer-unreachable")
        repeated = again(partner, first["pid"])
        assert (repeated["state"], repeated["result"]) == ("successful", first["result"])
        assert "its stream cannot prove it now" in proof(repeated)
    finally:
        with city.client() as client:
            client.unblock(partner.did)
    # Who was blocked is let in again by people: the transfer stays paused until they resume it.
    until("the transfer is paused", lambda: [one for one in findings(partner, binding(iri)) if one[0] == "conflict"])
    with city.client() as client:
        theirs = next(one["pid"] for one in client.transfers() if one["agreementId"] == agreement)
        client.steer(theirs, "resume")
    until("it reads again", lambda: not findings(partner, binding(iri)))


def test_limited_uses_are_counted_and_a_checked_window_is_not_read_twice(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = stream(city, "counted", delay(10), conditions=TWICE)
    agreement = agree(partner, iri)["agreementId"]
    with partner.client() as client:
        checked = client.scenarios.check(binding(iri))
        window = checked["binding"]["inputs"]["delays"]["window"]
        fixed = {name: window[name] for name in ("from", "to", "position")}
        outcome = ended(partner, client.scenarios.start(binding(iri, fixed))["pid"])
    assert (outcome["state"], outcome["key"]) == ("successful", checked["binding"]["key"]), outcome
    until("one read", lambda: len(accesses(city, agreement)) == 1)
    assert started(partner, binding(iri))["state"] == "successful"
    ((code, _),) = findings(partner, binding(iri))
    assert code == "not-allowed"


def test_under_a_duty_to_delete_nothing_is_kept_that_a_confirmation_would_deny(
    nodes: tuple[Running, Running],
) -> None:
    city, partner = nodes
    iri = stream(city, "to-delete", delay(10), conditions=DELETED)
    agreement = agree(partner, iri)["agreementId"]
    ((code, sentence),) = findings(partner, binding(iri))
    assert (code, "asks to delete what was received" in sentence) == ("not-allowed", True)
    with partner.client() as client, pytest.raises(Refusal):
        client.scenarios.start(binding(iri))
    with partner.client() as client:
        confirm(client, agreement)
    confirmed = until("it is told", lambda: deletion(partner, agreement)["told"] and deletion(city, agreement))
    assert confirmed["confirmed"]
    assert accesses(city, agreement) == []


def test_the_headers_of_a_window_alone_are_no_read(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    opened = open_live(partner, stream(city, "headers", delay(10)))
    period = "?from=2026-01-01T08:00:00Z&to=2026-01-01T09:00:00Z"
    refusal = opened.get(f"/window{period}", method="HEAD")
    assert (refusal.status_code, refusal.headers["allow"]) == (405, "GET")
    for place in (period, "/latest"):
        answer = opened.get(place, method="HEAD")
        assert (answer.status_code, "content-length" in answer.headers) == (200, False)
    assert accesses(city, opened.agreement) == []
    assert opened.get(f"/window{period}").json()["count"] == 1


def test_in_the_terminal(nodes: tuple[Running, Running], capsys: pytest.CaptureFixture[str]) -> None:
    city, partner = nodes
    iri = stream(city, "terminal", delay(10), delay(20))
    agree(partner, iri)
    options = ["--input", f"delays={iri}", "--node", str(partner.folder)]
    assert typed(["run", "check", "scenario/waiting", *options]) == REFUSED
    assert "--window" in capsys.readouterr().out
    period = "delays=2026-01-01T08:00:00Z/2026-01-01T09:00:00Z"
    assert typed(["run", "check", "scenario/waiting", *options, "--window", period]) == DONE
    assert "2 observations from 2026-01-01T08:00:00" in capsys.readouterr().out
    assert typed(["run", "start", "scenario/waiting", *options, "--window", period]) == DONE
    capsys.readouterr()
    with partner.client() as client:
        pid = client.scenarios.runs("scenario/waiting", 1)[0]["pid"]
    assert typed(["run", "again", pid, "--node", str(partner.folder)]) == DONE
    output = capsys.readouterr()
    assert "the same 2 observations" in output.out + output.err
    with partner.client() as client:
        crate = client.scenarios.crate(pid)
        published = client.scenarios.publish(pid, {"id": "waited"})
        record = client.record(published["iri"])
    assert b"ro-crate-metadata.json" in crate
    assert "2 observations from" in json.dumps(record) or record["version"] == 1
