"""Asking for an asset a second time, from the portal and from the terminal, while the first question is open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from node.adapters.sql.negotiation import SqlAgreementStore, SqlNegotiationStore
from node.cli.exits import WAITING
from node.cli.main import run
from tests.integration.faults.test_dead_letters import signed_in
from tests.nodes import Pair, publish, until
from tests.unit.portal.page import Page

ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}


@pytest.fixture(scope="module")
def following(pair: Pair) -> Pair:
    """Two nodes of which the consumer follows the provider."""
    with pair.consumer.client() as client:
        client.follow(pair.provider.url)
    return pair


def offered(pair: Pair, slug: str) -> str:
    """An asset about which a person decides, known to the consumer."""
    iri = str(publish(pair.provider, slug, conditions=ASKS)["iri"])
    with pair.consumer.client() as client:
        until("the record is known", lambda: iri in [one["iri"] for one in client.search()["hits"]])
    return iri


def about(pair: Pair, iri: str) -> list[dict[str, Any]]:
    with pair.consumer.client() as client:
        return [one for one in client.negotiations() if one["dataset"] == iri]


def test_two_clicks_at_once_are_one_question(following: Pair) -> None:
    pair = following
    iri = offered(pair, "asked-at-once")
    with signed_in(pair.consumer) as person, ThreadPoolExecutor(4) as hands:
        form = Page(person.get("/record", params={"iri": iri}).text).element("form", action="/record/ask")
        fields = {one["name"]: one["value"] for one in form.inside if one.tag == "input"}

        def click(_: int) -> str:
            asked = person.post("/record/ask", data=fields, headers={"Origin": pair.consumer.url})
            assert asked.status_code == 200
            return str(asked.url.path)

        assert len(set(hands.map(click, range(4)))) == 1
    assert len(about(pair, iri)) == 1


def test_a_request_reads_nothing_of_what_was_agreed_before(following: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many agreements there are about an asset, the next request for it costs the same."""
    lists: list[str] = []
    for store, name in ((SqlAgreementStore, "agreements"), (SqlNegotiationStore, "negotiations")):

        def counted(self: Any, tx: Any, *, _select: Any = store.select, _name: str = name, **options: Any) -> Any:
            lists.append(_name)
            return _select(self, tx, **options)

        monkeypatch.setattr(store, "select", counted)
    iri = offered(following, "asked-again")
    with following.consumer.client() as client:
        client.conditions(iri)
        assert "agreements" in lists, "who asks how it stands is told of what was agreed"
        lists.clear()
        client.negotiate(iri)
    assert lists == []


def test_a_second_question_is_the_first_one(following: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair = following
    iri = offered(pair, "asked-for")
    with signed_in(pair.consumer) as person:
        pages = []
        for _ in range(2):
            form = Page(person.get("/record", params={"iri": iri}).text).element("form", action="/record/ask")
            fields = {one["name"]: one["value"] for one in form.inside if one.tag == "input"}
            asked = person.post("/record/ask", data=fields, headers={"Origin": pair.consumer.url})
            assert asked.status_code == 200
            pages.append(str(asked.url.path))
    [only] = about(pair, iri)
    assert len(set(pages)) == 1
    assert run(["get", iri, "--yes", "--node", str(pair.consumer.folder)]) == WAITING
    assert only["pid"] in capsys.readouterr().out
    assert len(about(pair, iri)) == 1
    with pair.consumer.client() as client:
        assert client.conditions(iri)["running"] == {"pid": only["pid"], "state": "REQUESTED", "asksForThis": True}
        assert client.conditions(iri, ask="open")["running"]["asksForThis"] is False
