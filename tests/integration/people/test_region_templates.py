"""Templates of conditions that a region offers: made by page, API and terminal, fetched, used and withdrawn."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.bootstrap.region import fetch_templates
from node.cli.app import app_for
from node.client.api import Refusal
from node.identity.jose import b64url
from tests.nodes import Company, Running, admit, admitted_company, offer_of, publish, running
from tests.portal_browser import post, signed_in
from tests.unit.portal.page import Page, troubles
from tests.waits import until

TWO_YEARS: dict[str, Any] = {
    "label": {"en": "Mobility for two years", "nl": "Mobiliteit voor twee jaar"},
    "explanation": {"en": "Partners of the region may plan mobility with it."},
    "conditions": {"template": "mobility-partners", "until": "2028-12-31"},
}


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Company]:
    with admitted_company(tmp_path_factory.mktemp("flanders"), sqlite_template) as company:
        yield company


def offer(region: Running, name: str, template: dict[str, Any]) -> int:
    with region.client() as client:
        return int(client.publish_region_template(name, template)["version"])


def fetch(city: Running) -> list[str]:
    """Have ``city`` ask its region now, not within a minute; the ids of the templates that it has then."""
    use_case = fetch_templates(city.node.foundation)
    asyncio.run_coroutine_threadsafe(use_case.fetch_due(), city.server.servers[0].get_loop()).result(30)
    with city.client() as client:
        return [template["id"] for template in client.region_templates()["templates"]]


def test_who_joins_has_them_without_asking(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "flanders", template=sqlite_template, issuer=True) as region:
        offer(region, "first", TWO_YEARS)
        with running(tmp_path / "ghent", template=sqlite_template) as city, city.client() as client:
            assert client.region_templates()["region"] is None
            admit(region, city)
            until("they arrive", lambda: client.region_templates()["templates"])
            assert client.region_templates()["region"] == region.did
            assert client.region_templates()["name"] == region.node.parts.settings.name


def test_a_template_is_offered_fetched_used_and_withdrawn(members: Company) -> None:
    region, city = members.region, members.cities[0]
    version = offer(region, "two-years", TWO_YEARS)
    assert "region-two-years" in fetch(city)
    publication = publish(city, "rides", conditions={"template": "region-two-years"})
    terms = json.dumps(offer_of(city, publication["iri"]))
    assert "2028-12-31T23:59:59Z" in terms
    with pytest.raises(Refusal, match="fixed until"):
        publish(city, "rides-longer", conditions={"template": "region-two-years", "until": "2030-01-01"})
    with region.client() as client:
        assert client.withdraw_region_template("two-years")["version"] > version
    assert "region-two-years" not in fetch(city)
    with pytest.raises(Refusal, match="offers no conditions called"):
        publish(city, "rides-again", conditions="region-two-years")
    assert json.dumps(offer_of(city, publication["iri"])) == terms, "existing offers stay"


def test_the_gallery_of_a_member_names_them_as_the_regions(members: Company) -> None:
    region, city = members.region, members.cities[0]
    offer(region, "plans", TWO_YEARS)
    fetch(city)
    with signed_in(city) as browser:
        page = browser.get("/publish").text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        files = {"file": ("rides.csv", b"hour,count\n2026-01-01T00,12\n")}
        draft = browser.post("/publish/file", data={"csrf": token}, files=files).headers["location"]
        form = browser.get(draft).text
        assert 'value="region-plans"' in form
        assert "Mobility for two years" in form
        assert "template of the region" in form
        assert 'name="region-plans.until"' not in form, "what the region has fixed is no question"
        assert 'name="region-plans.purposes"' in form
        assert "2028" in browser.get(f"{draft}/conditions?from=region-plans").text
    with region.client() as client:
        client.withdraw_region_template("plans")
    fetch(city)
    with signed_in(city) as browser:
        assert 'value="region-plans"' not in browser.get(draft).text
        page = post(browser, draft, draft, do="check", conditions="region-plans", title="Rides").text
        assert "the region no longer offers these conditions" in page


def test_the_governor_works_in_the_browser(members: Company) -> None:
    region = members.region
    with signed_in(region) as browser:
        page = browser.get("/rulebook/templates").text
        assert troubles(Page(page)) == []
        done = post(
            browser,
            "/rulebook/templates",
            "/rulebook/templates",
            **{
                "label.en": "Open to members, one year",
                "label.de": "Für Mitglieder, ein Jahr",
                "conditions": "members",
                "members.until": "2027-12-31",
            },
        )
        assert done.headers["location"].endswith("done=template-published")
        page = browser.get("/rulebook/templates").text
        assert "Open to members, one year" in page
        assert "region-open-to-members-one-year" in page
        assert "2027" in page
        again = post(
            browser,
            "/rulebook/templates",
            "/rulebook/templates",
            **{"label.en": "Open to members, one year", "conditions": "members"},
        )
        assert again.status_code == 400
        assert "there is a template with this name already" in again.text
        edit = browser.get("/rulebook/templates?name=open-to-members-one-year").text
        assert 'name="members.until" type="date" maxlength="500" value="2027-12-31"' in edit
        same = {
            "name": "open-to-members-one-year",
            "label.en": "Open to members, one year",
            "label.de": "Für Mitglieder, ein Jahr",
            "conditions": "members",
            "members.until": "2027-12-31",
        }
        address = "/rulebook/templates"
        browser.headers["Accept-Language"] = "de"
        unchanged = post(browser, address, address, **same)
        assert (unchanged.status_code, "die Vorlage wird schon so angeboten" in unchanged.text) == (409, True)
        stale = post(browser, address, address, **{**same, "version": "0", "label.de": "Für Mitglieder"})
        assert (stale.status_code, "jemand hat die Liste geändert" in stale.text) == (409, True)
        browser.headers["Accept-Language"] = "en"
        missing = post(browser, "/rulebook/templates", "/rulebook/templates", conditions="members")
        assert missing.status_code == 400
        assert "the name of the template is missing" in missing.text
        gone = post(browser, "/rulebook/templates", "/rulebook/templates/withdraw", name="open-to-members-one-year")
        assert gone.headers["location"].endswith("done=template-withdrawn")
        assert "Open to members, one year" not in browser.get("/rulebook/templates").text
        until(
            "the audit trail has it",
            lambda: re.search(r"The template .* was withdrawn\.", browser.get("/operate/audit?kind=membership").text),
        )


def test_the_terminal_offers_and_withdraws(members: Company, tmp_path: Path) -> None:
    region = members.region
    file = tmp_path / "template.yaml"
    file.write_text("name: typed\nlabel: Typed\nconditions:\n  template: members\n  until: 2027-06-30\n", "utf-8")

    def hansa(*words: str) -> Any:
        return CliRunner().invoke(app_for(list(words)), [*words, "--node", str(region.folder)])

    assert hansa("template", "publish", str(file)).exit_code == 0
    listing = hansa("template", "list")
    assert "region-typed" in listing.stdout
    assert hansa("template", "withdraw", "typed").exit_code == 0
    assert "region-typed" not in hansa("template", "list").stdout
    file.write_text("name: Not A Name\nlabel: x\nconditions: members\n", "utf-8")
    refused = hansa("template", "publish", str(file))
    assert refused.exit_code != 0
    assert "small letters" in str(refused.exception)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"label": {}, "conditions": "members"}, "label"),
        ({"label": {"en": "x"}, "conditions": "internal"}, "do not offer"),
        ({"label": {"en": "x"}, "conditions": "nothing-like-it"}, "no conditions called"),
        ({"label": {"en": "x"}, "conditions": {"template": "members", "until": "never"}}, "until"),
        ({"label": {"en": "x"}, "conditions": {"template": "members", "region": "did:web:x.example"}}, "region"),
        ({"label": {"en": "x"}, "conditions": {"template": "region-other"}}, "template of Hansa"),
        ({"label": {"xx": "x"}, "conditions": "members"}, "label"),
        ({"label": {"en": "x" * 121}, "conditions": "members"}, "label"),
        ({"label": {"en": "x"}, "conditions": {"permission": "everything"}}, "permission"),
    ],
)
def test_what_cannot_be_offered_is_refused(members: Company, template: dict[str, Any], words: str) -> None:
    with members.region.client() as client:
        before = client.region_templates()["version"]
        with pytest.raises(Refusal, match=words):
            client.publish_region_template("bad", template)
        assert client.region_templates()["version"] == before


def test_only_a_region_and_only_those_with_the_role_offer(members: Company) -> None:
    with members.cities[0].client() as client, pytest.raises(Refusal, match="no region"):
        client.publish_region_template("mine", TWO_YEARS)
    with members.region.http() as stranger:
        refused = stranger.put("/api/region/templates/mine", json=TWO_YEARS)
        assert refused.status_code in (401, 403)
        assert stranger.get("/issuer/templates").text.count(".") == 2
    with members.cities[0].http() as stranger:
        assert stranger.get("/issuer/templates").status_code == 404


def test_two_who_change_the_list_at_once_both_succeed(members: Company) -> None:
    region = members.region
    names = [f"crowd-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda name: offer(region, name, TWO_YEARS), names))
    with region.client() as client:
        listed = {template["name"] for template in client.region_templates()["templates"]}
        assert set(names) <= listed
        version = client.region_templates()["version"]
        client.withdraw_region_template(names[0], follows=version)
        with pytest.raises(Refusal, match="has version"):
            client.withdraw_region_template(names[1], follows=version)
        for name in names[1:]:
            client.withdraw_region_template(name)


def test_lists_that_the_region_has_not_signed_count_for_nothing(members: Company) -> None:
    region, city = members.region, members.cities[0]
    offer(region, "kept", TWO_YEARS)
    assert "region-kept" in fetch(city)
    templates = city.node.foundation.templates
    good = region.node.foundation.templates.sign()
    head, body, signature = good.split(".")
    keyring = city.node.parts.keyring
    claims = {"iss": region.did, "iat": 1, "name": "x", "version": 10**6, "templates": []}
    forged = keyring.sign_jws({"typ": "templates+jwt"}, json.dumps(claims).encode())
    other_body = b64url(json.dumps(claims).encode())
    replaced = f"{head}.{other_body}.{signature}"
    for answer in (
        b"",
        b"a.b.c",
        replaced.encode(),
        f"{head}.{body}x.{signature}".encode(),
        forged.encode(),
        b"\xff",
    ):
        use_case = fetch_templates(city.node.foundation)

        async def get_content(address: str, media_type: str, answer: bytes = answer) -> bytes:
            return answer

        use_case._get_content = get_content
        asyncio.run_coroutine_threadsafe(use_case.fetch_due(), city.server.servers[0].get_loop()).result(30)
        assert "kept" in [each.name for each in templates.offer().templates]
    older = {"version": 0, "name": "x", "templates": []}
    assert templates.take(older, region.did) is False


def test_whoever_leaves_the_region_has_its_templates_no_more(members: Company) -> None:
    region, city = members.region, members.cities[1]
    offer(region, "for-members", TWO_YEARS)
    assert "region-for-members" in fetch(city)
    with city.client() as client:
        client.leave("a try")
        until("its templates are gone", lambda: client.region_templates()["templates"] == [])
        assert client.region_templates()["region"] is None
