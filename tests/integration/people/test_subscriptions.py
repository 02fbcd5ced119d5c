"""Subscriptions: on the pages, in the API, in the terminal, and as a private feed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest

from node.identity.model import ALL_ROLES, Caller, UserRole
from tests.nodes import Running, publish, running
from tests.portal_browser import post, signed_in
from tests.terminal import typed
from tests.unit.portal.page import Page, troubles

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "gent", template=sqlite_template) as started:
        yield started


def api(node: Running, headers: dict[str, str] | None = None) -> httpx2.Client:
    return node.http(headers=headers or node.person())


def listed(client: httpx2.Client) -> dict[str, Any]:
    answer = client.get("/api/subscriptions")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def news(client: httpx2.Client) -> list[tuple[str, str]]:
    return [(item["news"], item["title"]) for one in listed(client)["subscriptions"] for item in one["news"]]


def test_a_change_and_a_withdrawal_are_news_until_they_are_seen(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    iri = publish(node)["iri"]
    with api(node) as client:
        first = client.post("/api/subscriptions", json={"iri": iri})
        assert first.status_code == 201
        assert client.post("/api/subscriptions", json={"iri": iri}).json()["id"] == first.json()["id"]
        assert news(client) == []
        publish(node, title="Traffic counts, mended")
        assert news(client) == [("changed", "Traffic counts, mended")]
        agenda = client.get("/api/agenda").json()["news"]
        assert [(item["code"], item["version"]) for item in agenda["items"]] == [("news-changed", 2)]
        status, text = typed(node, capsys, "subscription")
        assert status == 0
        assert "version 2" in text
        assert typed(node, capsys, "subscription", "seen")[0] == 0
        assert news(client) == []
        with node.client() as own:
            own.withdraw(iri, reason="The counters were sold.")
        assert news(client) == [("withdrawn", "Traffic counts, mended")]
        assert listed(client)["subscriptions"][0]["news"][0]["reason"] == "The counters were sold."
        assert client.delete(f"/api/subscriptions/{first.json()['id']}").status_code == 204
        assert listed(client)["subscriptions"] == []
        assert client.delete(f"/api/subscriptions/{first.json()['id']}").status_code == 404


def test_new_assets_of_a_search_are_news_and_others_are_not(node: Running) -> None:
    publish(node, "bicycle-counts")
    with api(node) as client:
        search = {"q": ["bicycle"], "kind": ["dataset"]}
        first = client.post("/api/subscriptions", json={"search": search, "name": "Bikes"}).json()
        assert news(client) == []
        publish(node, "air-quality")
        publish(node, "bicycle-lanes")
        publish(node, "bicycle-counts", title="Bicycle counts, newer")
        assert news(client) == [("appeared", "Bicycle lanes")]
        before = listed(client)["mark"]
        publish(node, "bicycle-parking")
        seen = client.post("/api/subscriptions/seen", json={"mark": before, "id": first["id"]})
        assert seen.status_code == 204
        # What appeared after the list was read was not in it.
        assert news(client) == [("appeared", "Bicycle parking")]
        with node.client() as own:
            own.withdraw(f"{node.url}/datasets/bicycle-parking")
        assert news(client) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"iri": "urn:x", "search": {"q": ["x"]}}, 400),
        ({"search": {"q": [" "]}}, 400),
        ({"search": {"colour": ["red"]}}, 400),
        ({"search": {"bbox": ["1,2"]}}, 400),
        ({"search": {"from": ["2025"], "to": ["2024"]}}, 400),
        ({"iri": "urn:nothing"}, 404),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused_with_a_remedy(
    node: Running, body: dict[str, Any], status: int
) -> None:
    with api(node) as client:
        answer = client.post("/api/subscriptions", json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["remedy"]
        assert listed(client)["subscriptions"] == []
        assert client.post("/api/subscriptions/seen", json={"mark": "made-up"}).status_code == 400


def test_nobody_sees_the_subscriptions_of_others(node: Running) -> None:
    iri = publish(node)["iri"]
    other = person(node, "eve", UserRole.AUDITOR)
    with api(node) as client, api(node, other) as eve:
        first = client.post("/api/subscriptions", json={"iri": iri}).json()
        assert listed(eve)["subscriptions"] == []
        assert eve.delete(f"/api/subscriptions/{first['id']}").status_code == 404
        mark = {"mark": listed(eve)["mark"], "id": first["id"]}
        assert eve.post("/api/subscriptions/seen", json=mark).status_code == 404
        assert len(listed(client)["subscriptions"]) == 1
    with node.http() as stranger:
        assert stranger.get("/api/subscriptions").status_code == 401


def person(node: Running, login: str, *roles: UserRole) -> dict[str, str]:
    """The header of a new person of the node."""
    users = node.node.people.users
    users.accounts.add_locally(login, login.title(), roles, "a long password for a test")
    token = users.accounts.make_token(login, "test", 1)
    return {"Authorization": f"Bearer {token}"}


def entries(node: Running, address: str) -> list[str]:
    with node.http() as reader:
        answer = reader.get(address.removeprefix(node.url))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert "private" in answer.headers["cache-control"] or "no-store" in answer.headers["cache-control"]
    return [str(entry.findtext(f"{ATOM}title")) for entry in ElementTree.fromstring(answer.text).iter(f"{ATOM}entry")]


def test_a_private_feed_has_the_news_until_its_address_ends(node: Running) -> None:
    iri = publish(node, "bicycle-counts")["iri"]
    eve = person(node, "eve", UserRole.STEWARD)
    with api(node, eve) as client:
        client.post("/api/subscriptions", json={"iri": iri})
        client.post("/api/subscriptions", json={"search": {"q": ["bicycle"]}})
        address = client.post("/api/subscriptions/feed").json()["url"]
        assert entries(node, address) == []
        publish(node, "bicycle-counts", title="Bicycle counts, newer")
        publish(node, "bicycle-lanes", audience="internal", conditions=None)
        assert entries(node, address) == ["Bicycle lanes", "Bicycle counts, newer"]
        client.post("/api/subscriptions/seen", json={"mark": listed(client)["mark"]})
        assert len(entries(node, address)) == 2, "a feed reader has a memory of its own"
        newer = client.post("/api/subscriptions/feed").json()["url"]
        with node.http() as reader:
            assert reader.get(address.removeprefix(node.url)).status_code == 404
            assert len(entries(node, newer)) == 2
            assert client.delete("/api/subscriptions/feed").status_code == 204
            assert reader.get(newer.removeprefix(node.url)).status_code == 404


def test_a_blocked_person_has_no_feed_and_a_deleted_one_no_subscriptions(node: Running) -> None:
    iri = publish(node)["iri"]
    admin = Caller(did=node.did, account="admin", roles=ALL_ROLES)
    oversight, stores = node.node.people.users.oversight, node.node.parts.stores
    with api(node, person(node, "eve", UserRole.STEWARD)) as client, node.http() as reader:
        client.post("/api/subscriptions", json={"iri": iri})
        path = client.post("/api/subscriptions/feed").json()["url"].removeprefix(node.url)
        assert reader.get(path).status_code == 200
        oversight.set_disabled("eve", True, by=admin)
        assert reader.get(path).status_code == 404
        oversight.set_disabled("eve", False, by=admin)
        assert reader.get(path).status_code == 200
        oversight.remove("eve", by=admin)
        assert reader.get(path).status_code == 404
    with stores.uow.read() as tx:
        assert list(stores.catalogue.subscriptions.of_person(tx, "eve")) == []
        assert stores.catalogue.subscriptions.subscriber(tx, "eve") is None


def test_the_pages_subscribe_show_what_is_new_and_end(node: Running) -> None:
    iri = publish(node, "bicycle-counts")["iri"]
    path = iri.removeprefix(node.url)
    with signed_in(node) as browser:
        assert "Subscribe to changes" in browser.get(path).text
        assert post(browser, path, "/subscriptions", iri=iri).status_code == 303
        assert "Subscribed – end" in browser.get(path).text
        found = browser.get("/search?q=bicycle&kind=dataset").text
        assert "Subscribe to this search" in found
        sent = post(browser, path, "/subscriptions", search="?q=bicycle&kind=dataset&page=3&sort=newest")
        assert sent.headers["location"] == "/subscriptions?done=search"
        publish(node, "bicycle-counts", title="Bicycle counts, newer")
        publish(node, "bicycle-lanes")
        page = Page(browser.get("/subscriptions").text)
        assert troubles(page) == []
        for text in ("Version 2 was published", "Bicycle lanes", "bicycle · Dataset", "Mark all as seen"):
            assert text in page.text
        home = Page(browser.get("/").text)
        assert "New for you" in home.text
        assert "1 new asset." in home.text
        mark = page.all("input", name="mark")[0]["value"]
        assert post(browser, "/subscriptions", "/subscriptions/seen", mark=mark).status_code == 303
        assert "Mark all as seen" not in browser.get("/subscriptions").text
        page = post(browser, "/subscriptions", "/subscriptions/feed")
        assert f"{node.url}/subscriptions/feed/" in page.text
        with api(node) as client:
            ids = [one["id"] for one in listed(client)["subscriptions"]]
        for one in ids:
            assert post(browser, "/subscriptions", f"/subscriptions/{one}/end").status_code == 303
        assert "You have no subscriptions yet" in browser.get("/subscriptions").text
    with node.http(headers={"Accept": "text/html"}, follow_redirects=False) as stranger:
        assert stranger.get("/subscriptions").headers["location"].startswith("/sign-in")
        assert "Subscribe" not in stranger.get(path).text


def test_a_person_has_a_hundred_subscriptions_at_most(node: Running) -> None:
    with api(node) as client:
        for number in range(100):
            assert client.post("/api/subscriptions", json={"search": {"q": [f"word{number}"]}}).status_code == 201
        refused = client.post("/api/subscriptions", json={"search": {"q": ["one more"]}})
        assert refused.status_code == 409
        assert refused.json()["remedy"]
        assert client.get("/api/agenda").status_code == 200
