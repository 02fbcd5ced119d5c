"""Catalogues that are harvested on a schedule, on their pages: listed, added, run, paused, removed, read."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.fakes.portal.harvests import SOURCE, schedules
from tests.fakes.portal.node import BASE, ELS, NOW, FakeNode
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

ORIGIN = {"Origin": BASE}


def csrf(client: TestClient) -> str:
    """The token of the forms of the page."""
    return str(client.get("/imports").text.partition('name="csrf" value="')[2].partition('"')[0])


def test_the_list_says_what_ran_when_and_what_comes_next(els: TestClient) -> None:
    page = els.get("/imports", headers={"Accept-Language": "en"}).text
    for words in (
        "Every 30m",
        "in the name of els",
        "Failed",
        "it does not answer",
        "Paused",
        "12,034",
        "Next harvest: now",
    ):
        assert words in page, words
    assert '/imports/vienna/run"' not in page, "a run is not begun while one is not over"
    assert '/imports/brno/resume"' in page


def test_a_source_is_added_and_what_is_wrong_is_said_beside_the_form(els: TestClient, node: FakeNode) -> None:
    fields = {"csrf": csrf(els), "name": "Linz!", "url": "https://linz.example/", "every": "6h", "repair": "on"}
    answer = els.post("/imports/sources", data=fields, headers=ORIGIN)
    assert answer.status_code == 400
    page = Page(answer.text)
    assert troubles(page) == []
    assert "cannot name a source" in answer.text
    assert 'value="Linz!"' in answer.text
    answer = els.post("/imports/sources", data={**fields, "name": "linz"}, headers=ORIGIN, follow_redirects=False)
    assert answer.status_code == 303
    source, runs = node.schedules.source("linz")
    assert (source.every, source.by, source.options["rules"], len(runs)) == ("6h", "els", ["safe"], 1)
    answer = els.post("/imports/sources", data={**fields, "name": "linz-2"}, headers=ORIGIN)
    assert answer.status_code == 409
    assert "harvested as linz already" in answer.text


def test_buttons_do_what_they_say(els: TestClient, node: FakeNode) -> None:
    token = {"csrf": csrf(els)}

    def press(name: str, action: str) -> int:
        url = f"/imports/{name}/{action}"
        return els.post(url, data=token, headers=ORIGIN, follow_redirects=False).status_code

    assert press("plzen", "run") == 303
    assert node.schedules.source("plzen")[0].run is not None
    assert press("plzen", "run") == 409
    assert press("plzen", "pause") == 303
    assert node.schedules.source("plzen")[0].is_paused
    assert press("plzen", "resume") == 303
    assert not node.schedules.source("plzen")[0].is_paused
    assert press("plzen", "remove") == 303
    assert press("plzen", "remove") == 404
    assert press("ghent", "explode") == 404
    assert els.post("/imports/ghent/run", data={"csrf": "x"}, headers=ORIGIN).status_code == 403


def test_a_report_is_filtered_and_paged(els: TestClient) -> None:
    first = els.get("/imports/ghent", headers={"Accept-Language": "en"}).text
    assert first.count("<tr>") == 101
    assert "offset=100" in first
    second = els.get("/imports/ghent?offset=100").text
    assert second.count("<tr>") == 33
    refused = els.get("/imports/ghent?outcome=refused").text
    assert refused.count("<tr>") == 3
    assert els.get("/imports/ghent?q=set%2012").text.count("<tr>") == 12
    for strange in ("offset=-1", "offset=99999999999999999999", "offset=%D9%A3", "outcome=x", "run=latest"):
        assert els.get(f"/imports/ghent?{strange}").status_code == 200, strange
    assert els.get("/imports/ghent?run=urn:run:3").status_code == 404, "a run of another source"
    assert els.get("/imports/nowhere").status_code == 404


def test_the_report_as_a_table_has_every_line(node: FakeNode) -> None:
    node.schedules = schedules(NOW, BASE, "=1+1")
    with browser(node) as client:
        client.cookies.set("hansa_session", "els-session")
        answer = client.get("/imports/ghent/report.csv")
    assert answer.status_code == 200, answer.text
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 133
    assert {row[1] for row in rows[1:]} == {"'=1+1"}


@pytest.mark.parametrize("path", ["/imports", "/imports/ghent", "/imports/ghent/report.csv"])
def test_strangers_sign_in_first(path: str, visitor: TestClient) -> None:
    answer = visitor.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


def test_reasons_are_in_the_language_of_the_reader(els: TestClient) -> None:
    german = {"Accept-Language": "de"}
    page = els.get("/imports/ghent?outcome=refused", headers=german).text
    assert "<li><bdi>er ist Eintrag 7 dieser Datei unter einer anderen IRI</bdi></li>" in page
    assert '<li lang="en"><bdi>no title</bdi></li>' in page, "a line without a case is as it was stored"
    assert els.get("/imports/ghent?q=Eintrag%207", headers=german).text.count("<tr>") == 2
    rows = list(csv.reader(io.StringIO(els.get("/imports/ghent/report.csv", headers=german).text)))
    assert [row[9] for row in rows[-2:]] == ["no title", "er ist Eintrag 7 dieser Datei unter einer anderen IRI"]


def test_values_of_a_catalogue_are_listed_and_completed(els: TestClient, node: FakeNode) -> None:
    address = f"/imports/values/table?source={quote(SOURCE, safe='')}"
    english = {"Accept-Language": "en"}
    assert address in els.get("/imports", headers=english).text
    first = els.get(address, headers=english).text
    assert troubles(Page(first)) == []
    assert "61 values wait for a choice" in first
    assert first.count("<tr>") == 51
    assert "page=1" in first
    assert els.get(f"{address}&page=1", headers=english).text.count("<tr>") == 13
    assert els.get(f"{address}&field=license", headers=english).text.count("<tr>") == 2
    row = {"field-0": "theme", "text-0": "bomen en planten", "before-0": "", "value-0": "ENVI"}
    form = {"csrf": csrf(els), "source": SOURCE, "field": "theme", "page": "0", **row}
    answer = els.post("/imports/values/table", data=form, headers={**ORIGIN, **english}, follow_redirects=False)
    assert answer.status_code == 303
    assert "done=values-saved" in answer.headers["location"]
    table = node.value_tables.table(SOURCE, ELS)
    assert table.choices["theme"] == {
        "bomen en planten": "http://publications.europa.eu/resource/authority/data-theme/ENVI"
    }
    assert (table.by, table.open_values) == ("els", 60)


def test_a_code_that_does_not_exist_is_said_and_stays_in_the_form(els: TestClient, node: FakeNode) -> None:
    row = {"field-0": "format", "text-0": "format 0", "before-0": "", "value-0": "xyz"}
    form = {"csrf": csrf(els), "source": SOURCE, "field": "format", **row}
    answer = els.post("/imports/values/table", data=form, headers={**ORIGIN, "Accept-Language": "en"})
    assert answer.status_code == 400
    assert "&#39;xyz&#39; is no value of the field format" in answer.text
    assert 'value="xyz"' in answer.text
    assert "format" not in node.value_tables.choices(SOURCE)
    assert els.get("/imports/values/table?source=x").status_code == 404


def test_quality_is_drawn_and_listed_over_time(els: TestClient) -> None:
    english = {"Accept-Language": "en"}
    page = els.get("/quality", headers=english).text
    assert troubles(Page(page)) == []
    for words in (
        "310.5",
        "of 405 points",
        "2026-08-11",
        "Parks &amp; gardens",
        'class="chart"',
        "What would gain most",
        "GeoDCAT-AP 3.0.0",
        "advised",
    ):
        assert words in page, words
    parks = els.get("/quality?publisher=parks", headers=english).text
    assert "<h1><bdi>Parks &amp; gardens</bdi></h1>" in parks
    assert 'class="chart"' not in parks, "one day is no line"
    assert els.get("/quality?publisher=nobody", headers=english).status_code == 404
    record = els.get(f"/quality?record={BASE}/datasets/x", headers=english).text
    assert troubles(Page(record)) == []
    assert "202" in record
    assert els.get("/quality.csv").text.startswith("publisher,name,date")
    assert "QualityMeasurement" in els.get("/quality.nt").text
