"""The page of a partner's stream: what has come, its end with the reason, and opening it again."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from node.identity.model import Caller, UserRole
from node.transfer.live.feeds import SeenObservation
from tests.fakes.portal.content import GENT, HOMES, PLZEN
from tests.fakes.portal.node import BASE, FakeNode
from tests.fakes.portal.partner_streams import STREAM
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles

ENGLISH = {"Accept-Language": "en", "Origin": BASE}
AGREEMENT = f"/agreements/{quote(STREAM, safe='')}"
PLACE = f"{AGREEMENT}/stream"
MARKUP = "<script>alert('1')</script>"


def look(client: TestClient, query: str = "") -> Page:
    answer = client.get(f"{PLACE}{query}", headers=ENGLISH)
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert troubles(page) == []
    return page


def test_the_page_shows_what_has_come(els: TestClient) -> None:
    assert f'href="{PLACE}"' in els.get(AGREEMENT, headers=ENGLISH).text
    page = look(els)
    assert "Latest of each line" in page.text
    heads = [cell.text for cell in page.all("th", scope="col")]
    assert heads == ["line", "at", "delay", "full", "Received"] * 2
    assert page.element("dd", id="count").text == "1"
    assert page.element("div", id="live").get("data-events") == f"/api{PLACE}/events"
    assert [script["src"].rpartition("/")[2] for script in page.all("script")] == ["copy.js", "watch.js"]
    assert page.element("meta", http_equiv="refresh")["content"] == "10"
    assert page.all("form", action=PLACE) == []


def test_programs_find_the_event_stream_where_it_can_be_read(node: FakeNode, els: TestClient) -> None:
    programs = look(els).element("details", id="programs").text
    assert f"{HOMES[PLZEN]}/live/x/ldes" in programs
    assert f"hansa stream ldes {STREAM}" in programs
    assert "ttttt" not in els.get(PLACE).text, "the token is shown by the command"
    node.partner_streams.end("the counters are repaired")
    assert look(els).all("details", id="programs") == []


def test_a_reader_can_stop_the_page_from_loading_itself(els: TestClient) -> None:
    page = look(els, "?hold=1")
    assert page.all("meta", http_equiv="refresh") == []
    assert "Resume updates" in page.text


def test_an_end_has_its_reason_and_nothing_loads_itself_any_more(node: FakeNode, els: TestClient) -> None:
    node.partner_streams.end("the counters are repaired", remedy="wait until Monday")
    page = look(els)
    assert "No more observations come." in page.text
    assert "the counters are repaired" in page.text
    assert "wait until Monday" in page.text
    assert "paused" in page.text
    assert page.all("div", id="live") == page.all("meta", http_equiv="refresh") == []
    # What has come stays to be seen.
    assert "line 3" in page.text
    answer = els.post(PLACE, data={"csrf": token(els, PLACE)}, headers=ENGLISH)
    assert answer.headers["location"] == PLACE
    assert node.partner_streams.opened == [(STREAM, None)]


def test_a_stream_that_nobody_reads_can_be_opened(node: FakeNode, els: TestClient) -> None:
    node.partner_streams.feed = node.partner_streams.transfer = None
    page = look(els)
    assert "This node does not read the stream at the moment." in page.text
    assert page.element("form", action=PLACE)


def test_an_ended_agreement_opens_nothing(node: FakeNode, els: TestClient) -> None:
    node.partner_streams.feed = None
    (place,) = (place for place, view in enumerate(node.contracts) if view.agreement.id == STREAM)
    agreement = node.contracts[place].agreement
    node.contracts[place] = replace(node.contracts[place], agreement=replace(agreement, ended=agreement.at))
    page = look(els)
    assert "The agreement has ended" in page.text
    assert page.all("form", action=PLACE) == []


def test_what_a_partner_sends_is_shown_as_text(node: FakeNode, els: TestClient) -> None:
    assert node.partner_streams.feed is not None
    rows = (SeenObservation(received=node.partner_streams.feed.since, members={MARKUP: MARKUP, "nothing": None}),)
    node.partner_streams.feed = replace(node.partner_streams.feed, newest=rows, latest=rows, subject=MARKUP)
    node.partner_streams.end(MARKUP, remedy=MARKUP)
    answer = els.get(PLACE, headers=ENGLISH)
    assert MARKUP not in answer.text
    assert MARKUP in Page(answer.text).text


@pytest.mark.parametrize("role", [UserRole.AUDITOR, UserRole.OPERATOR, UserRole.SIGNATORY])
def test_others_see_nothing_of_it(node: FakeNode, role: UserRole) -> None:
    node.sessions["otto-session"] = Caller(did=GENT, account="otto", roles=frozenset({role}))
    with browser(node) as otto:
        otto.cookies.set("hansa_session", "otto-session")
        assert f'href="{PLACE}"' not in otto.get(AGREEMENT, headers=ENGLISH).text
        answer = otto.get(PLACE, headers=ENGLISH)
        assert answer.status_code == 403
        assert "line 3" not in answer.text


def test_a_steward_sends_the_stream_on_to_a_broker_and_ends_that(node: FakeNode, els: TestClient) -> None:
    page = look(els)
    assert "broker:bus/plzen/trams" in page.text
    assert "1,284 observations sent" in page.text
    fields = {"csrf": token(els, PLACE), "source": "bus", "topic": " ghent/trams ", "key": "line"}
    answer = els.post(f"{AGREEMENT}/bridges", data=fields, headers=ENGLISH, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, PLACE)
    assert node.partner_streams.bridges.requests == [(STREAM, "broker:bus/ghent/trams", {"file": "", "key": "line"})]
    (view,) = node.partner_streams.bridges.views
    page_of_end = f"{AGREEMENT}/bridges/{view.bridge.id}/end"
    assert els.post(page_of_end, data={"csrf": token(els, PLACE)}, headers=ENGLISH).status_code == 303
    assert node.partner_streams.bridges.views == []


def test_an_ended_bridge_says_why(node: FakeNode, els: TestClient) -> None:
    (view,) = node.partner_streams.bridges.views
    progress = replace(
        view.progress,
        since=None,
        ended=view.bridge.at,
        error=f"the transfer is not active {MARKUP}",
        gaps=1,
        refusals=2,
    )
    node.partner_streams.bridges.views = [replace(view, progress=progress)]
    page = look(els)
    assert f"the transfer is not active {MARKUP}" in page.text
    assert "2 refused by the broker" in page.text
    assert "Some observations in between are missing" in page.text
