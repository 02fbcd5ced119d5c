"""A published dataset changed, copied and withdrawn by the forms of a real node."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.catalogue.drafts.answer_forms import CODE_LISTS
from node.catalogue.drafts.keyword_lists import read_keywords
from node.catalogue.model import Record
from node.catalogue.versions.changes import same_conditions
from node.catalogue.versions.statements import differences
from node.client.api import Refusal
from node.semantics.codelists.licences import LICENCES
from tests.nodes import Running
from tests.portal_browser import csrf_of, post, signed_in

TURTLE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix ex: <https://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix prov: <http://www.w3.org/ns/prov#> .
<{iri}> a dcat:Dataset ;
  dct:title "Counters"@en, "Tellers"@nl ; dct:description "Bicycles, every hour."@en, "Fietsen, elk uur."@nl ;
  dcat:keyword "bicycle"@en, "hour"@en, "fiets"@nl ;
  dct:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcat:theme <http://publications.europa.eu/resource/authority/data-theme/TRAN>,
    <http://publications.europa.eu/resource/authority/data-theme/ENVI> ;
  dcat:contactPoint [ a vcard:Organization ; vcard:fn "Mobility"@en ; vcard:hasEmail <mailto:m@example.org> ;
    vcard:hasTelephone <tel:+3291234567> ] ;
  dct:spatial <https://sws.geonames.org/2797656/>, <https://example.org/elsewhere> ;
  dct:temporal [ a dct:PeriodOfTime ; dcat:startDate "2026-01-01"^^<http://www.w3.org/2001/XMLSchema#date> ] ;
  ex:unknown [ ex:inner "kept" ; ex:more [ ex:deep 1 ] ] ; ex:note "one", "two"@cs .
"""


@pytest.fixture
def browser(city: Running) -> Iterator[httpx2.Client]:
    """The browser of the administrator, signed in."""
    with signed_in(city) as client:
        yield client


def answers_of(page: str) -> dict[str, str]:
    """The answers that a browser would send back for a form that nobody touches, with codes in place of IRIs."""
    controls = re.findall(r'<(?:input|textarea|select)[^>]* name="([^"]+)"[^>]*>', page)
    answers = dict.fromkeys(controls, "")
    answers |= dict(
        re.findall(
            r'<input id="[^"]+" name="([^"]+)"(?! type="(?:radio|checkbox|hidden)")[^>]*? value="([^"]*)"', page
        )
    )
    answers |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]* selected', options)
        code = CODE_LISTS[name].find(chosen[1]) if chosen and name in CODE_LISTS else None
        answers[name] = code.code if code else chosen[1] if chosen else ""
    for name, value in re.findall(r'type="radio"[^>]* name="([^"]+)" value="([^"]*)"(?: required)? checked', page):
        answers[name] = value
    return {name: text for name, text in answers.items() if name != "csrf"}


def publish(city: Running, name: str, conditions: Any = "open") -> str:
    iri = f"{city.url}/datasets/{name}"
    with city.client() as client:
        file = client.upload(_csv(city.folder, name), media_type="text/csv")
        submission = {"document": TURTLE.replace("{iri}", iri), "mediaType": "text/turtle", "iri": iri}
        client.publish({**submission, "kind": "dataset", "files": [{**file, "open": True}], "conditions": conditions})
    return iri


def _csv(folder: Path, name: str) -> Path:
    path = folder.parent / f"{name}.csv"
    path.write_text("hour,count\n2026-01-01T00,12\n")
    return path


def record_of(city: Running, iri: str, version: int | None = None) -> Record:
    stores = city.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, iri, version=version)
    assert record is not None
    return record


def edit(browser: httpx2.Client, iri: str) -> str:
    answer = post(browser, "/publish", "/record/edit", iri=iri)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_what_the_form_does_not_show_stays(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "counters")
    before = record_of(city, iri)
    draft = edit(browser, iri)
    page = browser.get(draft).text
    answers = answers_of(page)
    shown = [answers[name] for name in ("title", "license", "from", "contact.email", "conditions")]
    assert shown == ["Counters", "CC-BY-4.0", "2026-01-01", "m@example.org", "keep"]
    assert {"spatial", "theme"}.isdisjoint(answers), "a dataset with two places has no control for one"

    untouched = post(browser, draft, draft, **answers, do="preview")
    assert untouched.status_code == 422
    assert "nothing was changed" in untouched.text

    changed = {**answers, "title": "Bicycle counters", "keywords": "bicycle, count", "contact.name": "Traffic"}
    answer = post(browser, draft, draft, **changed, do="preview")
    assert answer.headers["location"] == f"{draft}/preview", answer.text
    preview = browser.get(f"{draft}/preview").text
    for word in ("Counters", "Bicycle counters", "Mobility", "Traffic"):
        assert re.search(f"<(?:del|ins)[^>]*>(?:<bdi>)?{word}<", preview), word
    assert record_of(city, iri) == before, "looking publishes nothing"
    answer = post(browser, f"{draft}/preview", f"{draft}/publish")
    assert answer.headers["location"] == "/datasets/counters?done=version-published", answer.text
    after = record_of(city, iri)
    changes = differences(before.nquads, after.nquads)
    assert {(one.name, one.removals, one.additions) for one in changes} == {
        ("dct:title", ('"Counters"@en',), ('"Bicycle counters"@en',)),
        ("dcat:keyword", ('"hour"@en',), ('"count"@en',)),
        ("dcat:contactPoint › vcard:fn", ('"Mobility"@en',), ('"Traffic"@en',)),
    }
    assert (after.offer, after.files, after.audience) == (before.offer, before.files, before.audience)
    with city.http() as stranger:
        record = stranger.get(iri, headers={"Accept": "application/json"}).json()
        assert record["version"] == 2
        assert stranger.get(f"{iri}/files/counters.csv").status_code == 200, "the file is as open as before"
    assert browser.get(draft).status_code == 404


def test_every_answer_can_be_changed_and_removed(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "many")
    draft = edit(browser, iri)
    new = {
        "description": 'First line.\nSecond <b>line</b> "quoted" \\ é',
        "license": "CC0-1.0",
        "contact.email": "",
        "from": "2026-02",
        "until": "2026-03-01",
        "frequency": "DAILY",
        "landing_page": "https://example.org/counters",
        "provenance": "Counted by loops.",
        "personal_data": "yes",
        "personal_basis": "consent",
        "personal_purpose": "To plan lanes.",
        "impact_assessment": "https://example.org/dpia.pdf",
        "keywords": "",
    }
    answer = post(browser, draft, draft, **{**answers_of(browser.get(draft).text), **new}, do="preview")
    assert answer.status_code == 303, answer.text
    assert post(browser, draft, f"{draft}/publish").status_code == 303
    again = answers_of(browser.get(edit(browser, iri)).text)
    for name, text in new.items():
        # Without English ones, the form shows those of the other language.
        assert html.unescape(again[name]) == (text if name != "keywords" else "fiets"), name
    record = record_of(city, iri)
    assert record.descriptions["nl"] == "Fietsen, elk uur."
    assert record.keywords == ("fiets",)
    licence = LICENCES.find("CC0-1.0")
    assert licence is not None
    assert record.nquads.count(f"<{licence.iri}> .".encode()) == 2, "the dataset and its file have the new licence"
    assert b"tel:+3291234567" in record.nquads


def test_a_keyword_with_a_comma_stays_one(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "words")
    for line in ('"lights, old", street', '"lights, old", street, "parks, open"'):
        draft = edit(browser, iri)
        changed = {**answers_of(browser.get(draft).text), "keywords": line}
        assert post(browser, draft, draft, **changed, do="preview").status_code == 303
        assert post(browser, draft, f"{draft}/publish").status_code == 303
        shown = html.unescape(answers_of(browser.get(edit(browser, iri)).text)["keywords"])
        assert sorted(read_keywords(shown)) == sorted(read_keywords(line))
        # The form shows the English ones; the Dutch one stays.
        assert sorted(record_of(city, iri).keywords) == sorted([*read_keywords(line), "fiets"])


def test_answers_that_cannot_be_used_stand_at_their_fields(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "wrong")
    draft = edit(browser, iri)
    answers = answers_of(browser.get(draft).text)
    for name, text in {"title": "", "contact.email": "nobody", "license": "none", "from": "soon"}.items():
        answer = post(browser, draft, draft, **{**answers, name: text}, do="preview")
        assert answer.status_code == 422, name
        assert f'id="{name}-error"' in answer.text, (name, answer.text)
    assert record_of(city, iri).version == 1


def test_conditions_change_with_their_files(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "terms")
    draft = edit(browser, iri)
    answers = answers_of(browser.get(draft).text)
    assert post(browser, draft, draft, **{**answers, "conditions": "internal"}, do="preview").status_code == 303
    preview = browser.get(f"{draft}/preview").text
    assert "Not offered." in preview
    assert re.search(r"<del[^>]*><bdi>everyone</bdi></del>", preview), preview
    assert post(browser, draft, f"{draft}/publish").status_code == 303
    record = record_of(city, iri)
    assert (record.files[0].open, record.audience, record.offer) == (False, "internal", None)
    assert b"access-right/NON_PUBLIC" in record.nquads
    with city.http() as stranger:
        assert stranger.get(f"{iri}/files/terms.csv").status_code != 200


def test_another_version_in_the_meantime_is_not_overwritten(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "twice")
    mine = edit(browser, iri)
    answers = answers_of(browser.get(mine).text)
    with city.client() as client:
        document = TURTLE.replace("{iri}", iri).replace("Bicycles, every hour.", "Counted anew.")
        files = [file.to_json() for file in record_of(city, iri).files]
        other = {"document": document, "mediaType": "text/turtle", "iri": iri, "files": files, "conditions": "open"}
        client.publish({**other, "follows": 1})
        with pytest.raises(Refusal) as refusal:
            client.publish({**other, "follows": 1, "dryRun": True})
        assert refusal.value.http_status == 409
    changed = {**answers, "title": "Mine"}
    answer = post(browser, mine, mine, **changed, do="preview")
    assert answer.status_code == 422
    assert "Version 2 was published in the meantime." in answer.text
    assert post(browser, mine, f"{mine}/publish").status_code == 422
    assert record_of(city, iri).titles["en"] == "Counters"
    assert post(browser, mine, f"{mine}/renew").status_code == 303
    page = browser.get(mine).text
    assert (answers_of(page)["title"], answers_of(page)["description"]) == ("Mine", "Counted anew.")
    assert post(browser, mine, f"{mine}/publish").status_code == 303
    record = record_of(city, iri)
    assert (record.version, record.titles["en"], record.descriptions["en"]) == (3, "Mine", "Counted anew.")


def test_many_who_change_it_at_once_overwrite_nobody(city: Running) -> None:
    """64 people read version 1, and each publishes their own version of it: one is stored."""
    iri = publish(city, "crowd")
    record = record_of(city, iri)
    files = [file.to_json() for file in record.files]

    def change(number: int) -> int:
        document = TURTLE.replace("{iri}", iri).replace("Counters", f"Counters {number}")
        body = {"document": document, "mediaType": "text/turtle", "iri": iri, "files": files, "conditions": "open"}
        with city.http(headers=city.person()) as client:
            for _ in range(100):
                answer = client.post("/api/records", json={**body, "follows": 1, "wait": False}, timeout=120)
                if answer.status_code not in (429, 503):
                    return int(answer.status_code)
        return 0

    with ThreadPoolExecutor(64) as crowd:
        statuses = Counter(crowd.map(change, range(64)))
    assert statuses == {201: 1, 409: 63}
    assert record_of(city, iri).version == 2


def test_many_clicks_publish_one_version(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "clicks")
    draft = edit(browser, iri)
    page = browser.get(draft).text
    answers = {**answers_of(page), "title": "Clicked", "do": "save"}
    csrf = csrf_of(page)
    assert browser.post(draft, data={"csrf": csrf, **answers}).status_code == 303
    cookies, headers = dict(browser.cookies), dict(browser.headers)

    def click(_: int) -> int:
        with city.http(cookies=cookies, headers=headers, timeout=120) as client:
            return int(client.post(f"{draft}/publish", data={"csrf": csrf}).status_code)

    with ThreadPoolExecutor(64) as crowd:
        statuses = Counter(crowd.map(click, range(64)))
    assert statuses[303] == 1
    assert set(statuses) <= {303, 404, 422, 503}, statuses
    assert (record_of(city, iri).version, record_of(city, iri).titles["en"]) == (2, "Clicked")


def test_a_copy_has_the_description_but_not_the_identity(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "model-of-it", {"template": "members", "region": "did:web:region.example"})
    original = record_of(city, iri)
    page = browser.get("/publish", params={"like": iri}).text
    csrf = csrf_of(page)
    version = re.search(r'name="like_version" value="([^"]+)"', page)
    assert version is not None
    fields = {"csrf": (None, csrf), "like": (None, iri), "like_version": (None, version[1])}
    body = "day,count\n2027-01-01,1\n2027-01-02,1\n"
    answer = browser.post("/publish/file", files={**fields, "file": ("next.csv", body, "text/csv")})
    draft = answer.headers["location"]
    answers = answers_of(browser.get(draft).text)
    shown = [answers[name] for name in ("title", "license", "from", "conditions", "contact.name", "id")]
    assert shown == ["Counters", "CC-BY-4.0", "2027-01-01", "keep", "Mobility", ""]
    answer = post(browser, draft, draft, **{**answers, "title": "Counters 2027"}, do="preview")
    assert answer.status_code == 303, answer.text
    assert post(browser, draft, f"{draft}/publish").status_code == 303
    record = record_of(city, f"{city.url}/datasets/counters-2027")
    assert record.version == 1
    assert same_conditions(record, original)
    assert [file.name for file in record.files] == ["next.csv"]
    assert record_of(city, iri) == original


def test_a_withdrawal_has_a_reason(city: Running, browser: httpx2.Client) -> None:
    iri = publish(city, "gone")
    form = f"/record/withdraw?iri={iri}"
    assert "There are none." in browser.get(form).text
    answer = post(browser, form, "/record/withdraw", iri=iri, reason=" ")
    assert (answer.status_code, 'id="reason-error"' in answer.text) == (422, True)
    answer = post(browser, form, "/record/withdraw", iri=iri, reason="Counted <b>twice</b>.")
    assert answer.headers["location"] == "/datasets/gone?version=1&done=withdrawn"
    assert "Counted &lt;b&gt;twice&lt;/b&gt;." in browser.get(answer.headers["location"]).text
    page = browser.get("/datasets/gone")
    assert page.status_code == 410
    assert "withdrew this asset on" in page.text
    assert "Counted &lt;b&gt;twice&lt;/b&gt;." in page.text
    assert 'href="/datasets/gone?version=1"' in page.text
    assert browser.get(form).status_code == 410
    iri = publish(city, "gone-too")
    with city.client() as client:
        client.withdraw(iri, reason="By the terminal.")
    assert record_of(city, iri).withdrawal_reason == "By the terminal."
