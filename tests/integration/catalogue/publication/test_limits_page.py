"""Limits of bargaining on the pages: set, shown, refused in words, removed, and lapsing with other conditions."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.identity.model import UserRole
from tests.integration.people.test_accounts import let_in
from tests.nodes import Running, publish, running
from tests.portal_browser import post, signed_in
from tests.terminal import typed

OFFER = {"template": "mobility-partners", "until": "2027-12-31"}
WIDER = {
    "conditions": "mobility-partners",
    "mobility-partners.until": "2029-06-30",
    "mobility-partners.sealed": "yes",
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("limits") / "city", template=sqlite_template) as node:
        yield node


def limits_of(city: Running, iri: str) -> object:
    with city.client() as client:
        return client.call("GET", "/api/limits", params={"dataset": iri})


def test_limits_are_set_shown_and_removed(city: Running, capsys: pytest.CaptureFixture[str]) -> None:
    iri = str(publish(city, "lanes", conditions=OFFER)["iri"])
    with signed_in(city) as browser:
        assert f"/record/limits?iri={iri.replace(':', '%3A').replace('/', '%2F')}" in browser.get(iri).text
        page = f"/record/limits?iri={iri}"
        assert "agrees only to the offer itself" in browser.get(page).text
        answer = post(browser, page, "/record/limits", iri=iri, **WIDER)
        assert answer.status_code == 303, answer.text
        shown = html.unescape(browser.get(str(answer.headers["location"])).text)
        assert "The limits were set." in shown
        assert "Only until 30 June 2029, included." in shown
        assert "until 30 June 2029" in typed(city, capsys, "limits", iri)[1]

        for conditions, words in (
            ({**WIDER, "mobility-partners.until": "2026-12-31"}, "more open than these limits"),
            ({**WIDER, "mobility-partners.sealed": ""}, "delivered sealed"),
            ({**WIDER, "mobility-partners.until": "2027-12-31"}, "these are the conditions of the offer"),
            ({**WIDER, "mobility-partners.until": "soon"}, "soon"),
            ({"conditions": "none"}, "none"),
        ):
            refused = post(browser, page, "/record/limits", iri=iri, **conditions)
            assert refused.status_code == 400, conditions
            assert words in html.unescape(refused.text), conditions
        assert "until 30 June 2029" in typed(city, capsys, "limits", iri)[1], "a refusal changes nothing"

        dutch = html.unescape(browser.get(f"{page}&lang=nl").text)
        assert "Onderhandelingsgrenzen" in dutch
        forged = browser.post("/record/limits", data={"csrf": "none", "iri": iri, "do": "clear"})
        assert forged.status_code == 403
        assert post(browser, page, "/record/limits", iri=iri, do="clear").status_code == 303
        assert post(browser, page, "/record/limits", iri=iri, do="clear").status_code == 404
        assert browser.get(f"/record/limits?iri={city.url}/datasets/nothing").status_code == 404
    assert limits_of(city, iri) == {"dataset": iri, "terms": None}


def test_other_conditions_say_that_the_limits_lapse(city: Running, capsys: pytest.CaptureFixture[str]) -> None:
    iri = str(publish(city, "ramps", conditions=OFFER)["iri"])
    with signed_in(city) as browser:
        post(browser, f"/record/limits?iri={iri}", "/record/limits", iri=iri, **WIDER)
        fields = {"asset.1": f"1 {iri}", "conditions": "open"}
        assert "will not apply to these" in post(browser, "/changes", "/changes", do="look", **fields).text
        keeping = {"asset.1": f"1 {iri}", "conditions": "keep", "add_keywords": "ramp"}
        assert "will not apply to these" not in post(browser, "/changes", "/changes", do="look", **keeping).text
        order = {"assets": [{"iri": iri}], "conditions": "open", "dryRun": True}
        with city.client() as client:
            (result,) = client.call("POST", "/api/records/changes", json=order)["results"]
        assert result["limitsLapse"] is True
        assert "set for other conditions" in typed(city, capsys, "change", iri, "--conditions", "open", "--check")[1]

        post(browser, "/changes", "/changes", do="publish", **fields)
        assert "do not apply" in browser.get(f"/record/limits?iri={iri}").text


def test_an_auditor_sees_them_and_sets_none(city: Running) -> None:
    iri = str(publish(city, "kerbs", conditions=OFFER)["iri"])
    auditor = {**let_in(city, "aud", UserRole.AUDITOR), "Accept": "text/html"}
    with city.http() as http:
        page = http.get("/record/limits", params={"iri": iri}, headers=auditor)
        assert page.status_code == 200
        assert "Set these limits" not in page.text
        stranger = http.get("/record/limits", params={"iri": iri}, headers={"Accept": "text/html"})
    assert "Only until" not in stranger.text
