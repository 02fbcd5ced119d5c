"""Asking for an asset a second time, from the portal and from the terminal, while the first question is open."""

from __future__ import annotations

from typing import Any

import pytest

from node.cli import WAITING, run
from tests.integration.test_dead_letters import signed_in
from tests.nodes import Pair, publish, until
from tests.unit.portal.reading import Page

ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}


def followed(pair: Pair, iri: str) -> None:
    def look() -> bool:
        return iri in [one["iri"] for one in client.search()["hits"]]

    with pair.consumer.client() as client:
        client.follow(pair.provider.url)
        until("the record is known", look)


def about(pair: Pair, iri: str) -> list[dict[str, Any]]:
    with pair.consumer.client() as client:
        return [one for one in client.negotiations() if one["dataset"] == iri]


def test_a_second_question_is_the_first_one(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    iri = str(publish(pair.provider, "asked-for", conditions=ASKS)["iri"])
    followed(pair, iri)
    with signed_in(pair.consumer) as person:
        pages = []
        for _ in range(2):
            form = Page(person.get("/record", params={"iri": iri}).text).one("form", action="/record/ask")
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
