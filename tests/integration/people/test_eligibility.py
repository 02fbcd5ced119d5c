"""Who could get an asset now: members by name, by API, in the browser and in the terminal, at real nodes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from node.base.errors import HansaError
from tests.nodes import Company, agree, publish, revoke
from tests.portal_browser import signed_in
from tests.terminal import typed
from tests.unit.portal.page import Page, troubles

PARTNERS = {"template": "mobility-partners", "until": "2031-12-31"}


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {one["did"]: one["outcome"] for one in report["participants"]}


def test_members_by_name_with_what_they_lack(cities: Company, capsys: pytest.CaptureFixture[str]) -> None:
    region, (first, second) = cities.region, cities.cities
    iri = publish(region, "for-members", conditions="members")["iri"]
    with region.client() as client:
        report = client.eligibility(iri)
        assert outcomes(report) == {first.did: "yes", second.did: "yes"}
        assert report["gets"]["files"][0]["name"] == "for-members.csv"
        assert report["gets"]["sentences"]["nl"]
        tried = client.eligibility(iri, PARTNERS)
        assert outcomes(tried) == {first.did: "no", second.did: "no"}
        assert "MobilityPartner" in str(tried["participants"][0]["missing"])
        assert outcomes(client.eligibility(iri, "members-ask")) == {first.did: "approval", second.did: "approval"}
        status, shown = typed(region, capsys, "eligibility", iri, "--conditions", "members-ask")
        assert status == 0
        assert shown.count("after approval") == 2
        assert "for-members.csv" in shown
        with pytest.raises(HansaError, match="no conditions called"):
            client.eligibility(iri, "nothing-of-the-kind")
        client.block(second.did, "sends nonsense")
        revoke(cities, first)
        report = client.eligibility(iri)
        assert outcomes(report) == {first.did: "no", second.did: "blocked"}
    with signed_in(region) as browser:
        asset = browser.get("/datasets/for-members").text
        link = re.search(r'href="(/record/eligibility[^"]*)"', asset)
        assert link is not None
        page = browser.get(link[1].replace("&amp;", "&")).text
        assert troubles(Page(page)) == []
        assert "blocked: 1" in page
        assert "for-members.csv" in page


def test_a_city_judges_those_that_it_agreed_with(cities: Company) -> None:
    provider, consumer = cities.cities
    iri = publish(provider, "counts", conditions="members")["iri"]
    with provider.client() as client, consumer.client() as other:
        assert client.eligibility(iri)["participants"] == []
        agree(consumer, iri)
        (participant,) = client.eligibility(iri)["participants"]
        assert (participant["did"], participant["outcome"]) == (consumer.did, "yes")
        assert participant["credentialsKnown"]
        with pytest.raises(HansaError):
            other.eligibility(iri)
    with consumer.http() as stranger:
        assert stranger.get("/api/eligibility", params={"dataset": iri}).status_code == 401
