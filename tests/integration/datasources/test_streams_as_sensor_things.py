"""A period of a stream in the form of the OGC SensorThings API, under contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.integration.datasources.streams import describe, observation, send
from tests.nodes import Running, running


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("things")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


def opened(nodes: tuple[Running, Running], name: str, conditions: Any = "open") -> Opened:
    describe(nodes[0], name)
    return open_live(nodes[1], share(nodes[0], "streams", name, slug=name, conditions=conditions, format="JSON"))


def ask(stream: Opened, **options: str) -> Any:
    query = "&".join(f"${name}={quote(value)}" for name, value in options.items())
    return stream.get(f"/Observations?{query}")


def test_a_period_comes_page_by_page(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    stream = opened(nodes, "period")
    send(city, "period", *map(observation, range(120)))
    hour = "phenomenonTime ge 2026-01-01T00:30:00Z and phenomenonTime lt 2026-01-01T01:30:00Z"
    first = ask(stream, filter=hour, top="40").json()
    assert first["value"][0].pop("resultTime") > "2026-"
    assert first["value"][0] == {
        "@iot.id": 31,
        "phenomenonTime": "2026-01-01T00:30:00Z",
        "parameters": {"station": "s0"},
        "result": 30,
    }
    link = first["@iot.nextLink"]
    assert link.startswith(f"{stream.endpoint}/Observations?")
    rest = stream.get(link.removeprefix(stream.endpoint)).json()
    assert [entry["result"] for entry in first["value"] + rest["value"]] == list(range(30, 90))
    assert "@iot.nextLink" not in rest
    only = ask(stream, filter="phenomenonTime gt '2026-01-01T00:30:00Z' and phenomenonTime le 2026-01-01T00:32:00Z")
    assert [entry["result"] for entry in only.json()["value"]] == [31, 32]
    assert len(ask(stream, orderby="resultTime asc", count="false").json()["value"]) == 120
    read = accesses(city, stream.agreement)[0]["asked"]
    assert "Observations" in read
    assert "phenomenonTime" in read


@pytest.mark.parametrize(
    "options",
    [
        {"filter": "result gt 5"},
        {"filter": "phenomenonTime ge 2026-01-01T00:30:00Z or result gt 5"},
        {"filter": "phenomenonTime ge yesterday-or-so"},
        {"filter": "phenomenonTime ge 2026-01-02T00:00:00Z and phenomenonTime lt 2026-01-01T00:00:00Z"},
        {"expand": "Datastream"},
        {"select": "result"},
        {"orderby": "result desc"},
        {"count": "true"},
        {"top": "0"},
        {"top": "1000000"},
        {"skiptoken": "x"},
    ],
)
def test_more_than_a_period_is_refused_in_words(nodes: tuple[Running, Running], options: dict[str, str]) -> None:
    stream = opened(nodes, f"refused-{next(NUMBERS)}")
    answer = ask(stream, **options)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert answer.json()["remedy"]


NUMBERS = iter(range(100))


def test_a_part_has_its_members_and_tells_nothing_of_the_rest(nodes: tuple[Running, Running]) -> None:
    part = {"columns": ["station", "at", "bikes"], "rows": [{"column": "bikes", "operator": "lt", "value": 3}]}
    stream = opened(nodes, "part", {"template": "open", "part": part})
    send(nodes[0], "part", *({**observation(number), "wet": True} for number in range(10)))
    page = ask(stream, top="2").json()
    assert [entry["result"] for entry in page["value"]] == [0, 1]
    assert not any("@iot.id" in entry for entry in page["value"])
    rest = stream.get(page["@iot.nextLink"].removeprefix(stream.endpoint)).json()
    assert [entry["result"] for entry in rest["value"]] == [2]
    assert ask(stream, skiptoken="2").status_code == 400
    timeless = opened(nodes, "timeless", {"template": "open", "part": {"columns": ["bikes", "wet"]}})
    send(nodes[0], "timeless", {**observation(1), "wet": False})
    (entry,) = ask(timeless).json()["value"]
    assert entry.pop("resultTime")
    assert entry == {"@iot.id": 1, "result": {"bikes": 1, "wet": False}}
    assert ask(timeless, filter="phenomenonTime ge 2026-01-01T00:00:00Z").status_code == 400


def test_a_suspended_transfer_gives_nothing_more(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    stream = opened(nodes, "suspended")
    send(city, "suspended", observation(1))
    assert ask(stream).status_code == 200
    with city.client() as client:
        client.steer(transfer_here(city, stream), "suspend", reason="enough")
    refusal = ask(stream)
    assert refusal.status_code == 403
    assert "value" not in refusal.json()
