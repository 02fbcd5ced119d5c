"""The page of partners who are notified: what it shows in each state, and what its forms do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from node.identity.model import UserRole
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.portal.subscribers import REFUSED
from tests.unit.portal.page import Page


def send(client: TestClient, path: str) -> Any:
    token = Page(client.get("/subscribers").text).all("input", name="csrf")[0]["value"]
    return client.post(path, data={"csrf": token}, follow_redirects=False)


def test_the_page_says_who_is_notified_of_what_and_what_is_wrong(els: TestClient) -> None:
    text = els.get("/subscribers").text
    for words in (
        "TrafficCounter",
        "https://broker.plzen.example",
        "4,711 notifications delivered",
        "Delivery fails",
        "the counters are sold",
        "2 notifications were refused",
        "Failed attempts: 8",
        "Some observations are missing",
    ):
        assert words in text, words
    assert "secret-path" not in text, "the path may be a secret of the partner"
    assert text.index("2 notifications were refused") < text.index("4,711"), "what is wrong comes first"
    assert text.count("/resend") == 1, "only where something was refused"


def test_what_an_asset_has_is_shown_alone(els: TestClient, node: FakeNode) -> None:
    dataset = next(view.agreement.dataset for view in node.contracts)
    assert "4,711" in els.get(f"/subscribers?asset={quote(dataset, safe='')}").text
    assert "No partner has subscribed." in els.get("/subscribers?asset=urn:other").text


def test_forms_do_what_they_say_and_the_answer_is_in_words(els: TestClient, node: FakeNode) -> None:
    answer = send(els, f"/subscribers/{REFUSED}/resend")
    assert answer.status_code == 200
    assert "1 notification was delivered now. 1 is left." in answer.text
    assert "it refuses the notification (422)" in answer.text
    assert "4,711" not in answer.text, "the result stands at its subscription"
    assert send(els, "/subscribers/unknown/resend").status_code == 404
    ended = send(els, "/subscribers/counters/end")
    assert (ended.status_code, "/subscribers" in ended.headers["location"]) == (303, True)
    assert "The subscription has ended." in els.get(ended.headers["location"]).text
    assert node.subscribers.acts == [("resend", REFUSED), ("end", "counters")]
    assert els.get(f"/subscribers/{REFUSED}/resend?lang=nl").status_code == 200, "the links of that page"
    assert els.post("/subscribers/counters/end", data={"csrf": "x"}, follow_redirects=False).status_code == 403


@pytest.mark.parametrize(("role", "is_shown"), [(UserRole.STEWARD, True), (UserRole.OPERATOR, False)])
def test_only_stewards_see_them(els: TestClient, node: FakeNode, role: UserRole, is_shown: bool) -> None:
    node.sessions["els-session"] = replace(ELS, roles=frozenset({role}))
    assert (els.get("/subscribers").status_code == 200) is is_shown
    assert ('href="/subscribers"' in els.get("/about").text) is is_shown
