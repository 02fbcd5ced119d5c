"""Searches for a place by its name: on the page, in the API, in the terminal, and as a subscription."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes import Running, publish, running
from tests.terminal import asked
from tests.unit.portal.page import Page, troubles


@pytest.fixture
def node(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "gent", template=sqlite_template) as started:
        publish(started, "noise-in-ghent", spatial="Gent")
        publish(started, "noise-in-brno", spatial="Brno")
        publish(started, "noise-anywhere")
        yield started


def test_a_place_narrows_a_search_by_its_name(node: Running, capsys: pytest.CaptureFixture[str]) -> None:
    with node.http() as visitor:
        for name in ("Ghent", "Gent", "gand"):
            answer = visitor.get("/api/catalogue/search", params={"q": "noise", "place": name}).json()
            assert [hit["title"] for hit in answer["hits"]] == ["Noise in ghent"], name
        refused = visitor.get("/api/catalogue/search", params={"place": "Brrno"})
        assert refused.status_code == 400
        assert "Brno" in refused.json()["remedy"]
        both = visitor.get("/api/catalogue/search", params={"place": "Brno", "bbox": "3,50,4,52"})
        assert (both.status_code, both.json()["remedy"]) == (400, "leave out one")
        both = visitor.get("/search?place=Brno&bbox=3,50,4,52", headers={"Accept": "text/html"})
        assert both.status_code == 400
        assert "leave one of them empty" in both.text
        page = Page(visitor.get("/search?q=noise&place=Brno", headers={"Accept": "text/html"}).text)
        assert troubles(page) == []
        assert "Noise in brno" in page.text
        assert "Noise in ghent" not in page.text
        assert visitor.get("/search?place=Nowhere", headers={"Accept": "text/html"}).status_code == 400
    hits = asked(node, capsys, "find", "noise", "--near", "Ghent")["hits"]
    assert [hit["title"] for hit in hits] == ["Noise in ghent"]


def test_a_subscription_may_be_to_a_place(node: Running) -> None:
    with node.http(headers=node.person()) as client:
        assert client.post("/api/subscriptions", json={"search": {"place": ["Ghent"]}}).status_code == 201
        assert client.post("/api/subscriptions", json={"search": {"place": ["Nowhere"]}}).status_code == 400
        publish(node, "trees-in-brno", spatial="Brno")
        publish(node, "trees-in-ghent", spatial="Gent")
        (subscription,) = client.get("/api/subscriptions").json()["subscriptions"]
        assert [item["title"] for item in subscription["news"]] == ["Trees in ghent"]
