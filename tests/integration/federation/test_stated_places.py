"""A node states its place in terminal, API and page; a node that follows it shows it after the next reading."""

from __future__ import annotations

import pytest

from tests.nodes import Pair, until
from tests.portal_browser import csrf_of, post, signed_in
from tests.terminal import typed
from tests.unit.portal.page import Page, troubles

PAGE = "/operate/place"


def test_a_stated_place_is_seen_by_those_who_follow(pair: Pair) -> None:
    with pair.provider.client() as client, pair.consumer.client() as follower:
        follower.follow(pair.provider.url)
        assert client.place() == {"place": None}
        stated = client.state_place("Havengebied", longitude=4.3, latitude=51.3)
        assert stated == client.place() == {"place": {"name": "Havengebied", "longitude": 4.3, "latitude": 51.3}}

        def place_there() -> object:
            return next(iter(follower.members()), {}).get("place")

        until("the follower has read it", lambda: place_there() == stated["place"])
        with pair.consumer.http() as visitor:
            page = visitor.get("/members", headers={"Accept": "text/html", "Accept-Language": "en"}).text
        assert "Stated by the members themselves:" in page
        assert "Havengebied" in page
        assert troubles(Page(page)) == []
        client.withdraw_place()
        until("the follower has read that too", lambda: place_there() is None)


def test_a_person_states_the_place_on_a_page(pair: Pair) -> None:
    with signed_in(pair.provider) as browser:
        page = browser.get(PAGE)
        assert troubles(Page(page.text)) == []
        assert "states no place yet" in page.text
        form = {"csrf": csrf_of(page.text)}
        for fields, words in (
            ({"name": " "}, "Name the town or the region"),
            ({"name": "Atlantis <b>"}, "does not know this place"),
            ({"name": "Gent", "longitude": "3,7"}, "Give both numbers"),
            ({"name": "Gent", "longitude": "far", "latitude": "1"}, "Give both numbers"),
            ({"name": "Gent", "longitude": "nan", "latitude": "1"}, "Give both numbers"),
        ):
            wrong = browser.post(PAGE, data={**form, **fields})
            assert wrong.status_code == 422
            assert words in wrong.text
            assert "<b>" not in wrong.text
            assert troubles(Page(wrong.text)) == []
        right = browser.post(PAGE, data={**form, "name": "Gent"})
        assert right.headers["location"] == f"{PAGE}?done=place-stated"
        page = browser.get(PAGE)
        assert "Gent" in page.text
        assert troubles(Page(page.text)) == []
        assert "The place of this node was stated" in browser.get("/operate/audit").text
        assert browser.post(PAGE, data={"name": "Brugge"}).status_code == 403, "without the token of the form"
        assert post(browser, PAGE, f"{PAGE}/withdraw").headers["location"] == f"{PAGE}?done=place-withdrawn"
        assert post(browser, PAGE, f"{PAGE}/withdraw").headers["location"] == PAGE


def test_the_terminal_states_it(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    node = pair.provider
    status, shown = typed(node, capsys, "place", "set", "Zeehaven", "--at", "3.2,51.33")
    assert (status, "longitude 3.2, latitude 51.33" in shown) == (0, True), shown
    assert "Zeehaven" in typed(node, capsys, "place", "show")[1]
    status, shown = typed(node, capsys, "place", "set", "Zeehaven", "--at", "3.2")
    assert status != 0
    assert "--at 3.72,51.05" in shown
    assert typed(node, capsys, "place", "remove")[0] == 0
    assert "states no place" in typed(node, capsys, "place", "show")[1]
