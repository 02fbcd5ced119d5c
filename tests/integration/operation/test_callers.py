"""The cost of callers: counted by group, on the page of operators, in the API and in the terminal; by role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.identity.model import ANONYMOUS, Caller, UserRole
from node.operation.consumption import CallerGroup, Consumption, Load
from tests.nodes import Pair, Running, publish
from tests.portal_browser import signed_in
from tests.terminal import asked
from tests.unit.portal.page import Page, troubles

ELS = Caller(did="did:web:city.example", account="els", roles=frozenset({UserRole.OPERATOR}))


def groups(node: Running) -> Any:
    with node.http(headers=node.person()) as client:
        answer = client.get("/api/consumption")
    assert answer.status_code == 200, answer.text
    return answer.json()["groups"]


def test_what_strangers_and_people_cost_is_counted_apart(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    node = pair.provider
    publish(node, "costs")
    before = groups(node)
    with node.http() as stranger:
        assert stranger.get("/search", headers={"Accept": "text/html"}).status_code == 200
        assert stranger.post("/sparql", data={"query": "ASK { ?s ?p ?o }"}).status_code == 200
        assert stranger.get("/health").status_code == 200, "costs nothing, and nobody is asked for"
        forged = {"Authorization": "Bearer of-nobody"}
        assert stranger.get("/api/settings", headers=forged).status_code == 401
        unproven = node.http(headers=pair.consumer.as_participant(node))
        with unproven:
            assert unproven.get("/api/catalogue/search").status_code == 200
    after = groups(node)
    strangers = {name: after["strangers"][name] - before["strangers"][name] for name in after["strangers"]}
    assert (strangers["requests"], strangers["queries"], strangers["refusals"]) == (4, 1, 0)
    assert strangers["sentBytes"] > 1000
    assert strangers["seconds"] > 0
    assert after["people"]["requests"] == before["people"]["requests"] + 1, "the answer before"
    assert asked(node, capsys, "callers")["groups"]["strangers"]["queries"] == after["strangers"]["queries"]
    with signed_in(node) as browser:
        page = Page(browser.get("/operate").text)
    assert troubles(page) == []
    assert "What callers cost" in page.text
    assert "Strangers" in page.text


def test_who_may_not_read_it(pair: Pair) -> None:
    accounts = pair.provider.node.people.users.accounts
    accounts.add_locally("mia", "Mia", [UserRole.PUBLISHER], "correct horse battery")
    token = accounts.issue_token("mia", "costs", timedelta(hours=1))
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 403)):
        with pair.provider.http(headers=headers) as client:
            assert client.get("/api/consumption").status_code == status


def test_a_day_later_it_is_forgotten() -> None:
    class Clock:
        moment = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)

        def now(self) -> datetime:
            return self.moment

    clock = Clock()
    consumption = Consumption(clock)
    consumption.note(ANONYMOUS, Load(requests=1, refusals=1, sent_bytes=10, seconds=0.5))
    consumption.note(ELS, Load(requests=1))
    assert consumption.last_day().since == clock.moment, "the start"
    clock.moment += timedelta(hours=23)
    consumption.note(ANONYMOUS, Load(requests=1))
    daily = consumption.last_day()
    assert daily.groups[CallerGroup.STRANGERS].to_json() == {
        "requests": 2,
        "queries": 0,
        "refusals": 1,
        "sentBytes": 10,
        "seconds": 0.5,
    }
    clock.moment += timedelta(hours=1)
    daily = consumption.last_day()
    assert daily.groups[CallerGroup.STRANGERS].requests == 1
    assert daily.groups[CallerGroup.PEOPLE].requests == 0
