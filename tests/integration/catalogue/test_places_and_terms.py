"""Places, periods and terms in the forms of a real node, as a browser without scripts sends them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.themes import THEMES
from tests.nodes import Running
from tests.portal_browser import csrf_of, post, signed_in

ANSWERS = {
    "title": "Noise",
    "description": "Noise at four places.",
    "license": LICENCES.codes[0].iri,
    "theme": THEMES.codes[0].iri,
    "frequency": FREQUENCIES.codes[0].iri,
    "conditions": "internal",
    "spatial": "Ghent harbour",
    "west": "3,70",
    "south": "51.1",
    "east": "3.8",
    "north": "51.25",
    "from": "2026-11-01",
    "until": "",
    "do": "preview",
}


@pytest.fixture
def browser(city: Running) -> Iterator[httpx2.Client]:
    """The browser of the administrator, signed in."""
    with signed_in(city) as client:
        yield client


def begun(browser: httpx2.Client, name: str) -> str:
    csrf = csrf_of(browser.get("/publish").text)
    files = {"csrf": (None, csrf), "file": (name, b"place,level\nA,50\n", "text/csv")}
    return str(browser.post("/publish/file", files=files).headers["location"])


def shown(page: str, name: str) -> Any:
    """The value of an input, or of the chosen option."""
    field = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page)
    option = re.search(rf'<select id="{name}".*?<option value="([^"]*)"[^>]* selected>', page, re.DOTALL)
    match = field or option
    return html.unescape(match[1]) if match else None


def published(city: Running, browser: httpx2.Client, address: str, **answers: str) -> str:
    answer = post(browser, address, address, **{**ANSWERS, **answers})
    assert answer.status_code == 303, answer.text
    answer = post(browser, f"{address}/preview", f"{address}/publish")
    assert answer.status_code == 303, answer.text
    return f"{city.url}{answer.headers['location'].partition('?')[0]}"


def statements(city: Running, iri: str) -> str:
    stores = city.node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, iri)
    assert record is not None
    return record.nquads.decode()


def edit(browser: httpx2.Client, iri: str) -> str:
    return str(post(browser, iri, "/record/edit", iri=iri).headers["location"])


def test_a_place_with_its_area_is_published_and_edited(city: Running, browser: httpx2.Client) -> None:
    iri = published(city, browser, begun(browser, "noise.csv"))
    text = statements(city, iri)
    assert '"Ghent harbour"' in text
    assert "POLYGON((3.7 51.1,3.8 51.1,3.8 51.25,3.7 51.25,3.7 51.1))" in text
    assert THEMES.codes[0].iri in text
    assert '"2026-11-01"^^' in text

    draft = edit(browser, iri)
    page = browser.get(draft).text
    assert [shown(page, name) for name in ("spatial", "west", "south", "east", "north", "from", "license")] == [
        "Ghent harbour",
        "3.7",
        "51.1",
        "3.8",
        "51.25",
        "2026-11-01",
        LICENCES.codes[0].iri,
    ]
    assert 'id="from" name="from" type="date"' in page
    untouched = {**ANSWERS, "conditions": "keep"}
    answer = post(browser, draft, draft, **untouched)
    assert answer.status_code == 422
    assert "nothing was changed" in answer.text, "the same terms and numbers in other spellings are no change"
    answer = post(browser, draft, draft, **{**untouched, "east": "3.9"})
    assert answer.status_code == 303, answer.text
    assert "Place: east" in browser.get(f"{draft}/preview").text
    assert post(browser, f"{draft}/preview", f"{draft}/publish").status_code == 303
    text = statements(city, iri)
    assert "POLYGON((3.7 51.1,3.9 51.1,3.9 51.25,3.7 51.25,3.7 51.1))" in text
    assert '"Ghent harbour"' in text

    # A name of the gazetteer has its area.
    draft = edit(browser, iri)
    gent = {**untouched, "spatial": "Ghent", "west": "", "south": "", "east": "", "north": ""}
    assert post(browser, draft, draft, **gent).status_code == 303
    assert post(browser, f"{draft}/preview", f"{draft}/publish").status_code == 303
    assert "sws.geonames.org/2797656" in statements(city, iri)
    page = browser.get(edit(browser, iri)).text
    assert (shown(page, "spatial"), shown(page, "west")) == ("Gent", "")


def test_a_named_place_keeps_its_iri_when_its_area_changes(city: Running, browser: httpx2.Client) -> None:
    none = {"west": "", "south": "", "east": "", "north": ""}
    iri = published(city, browser, begun(browser, "iri.csv"), title="Iri", spatial="Gent", **none)
    draft = edit(browser, iri)
    narrower = {**ANSWERS, "title": "Iri", "conditions": "keep", "spatial": "Gent", "west": "3.7", "east": "3.75"}
    assert post(browser, draft, draft, **narrower).status_code == 303
    assert post(browser, f"{draft}/preview", f"{draft}/publish").status_code == 303
    text = statements(city, iri)
    assert "<https://sws.geonames.org/2797656/>" in text
    assert "POLYGON((3.7 51.1,3.75 51.1,3.75 51.25,3.7 51.25,3.7 51.1))" in text


def test_errors_are_in_words_beside_their_fields(city: Running, browser: httpx2.Client) -> None:
    address = begun(browser, "wrong.csv")
    wrong = {"west": "3.9", "north": "95", "until": "2026-10-01", "theme": "Transprt", "frequency": "weeklyy"}
    answer = post(browser, address, address, **{**ANSWERS, **wrong, "contact.email": "nobody"})
    assert answer.status_code == 422
    page = html.unescape(re.sub(r"</?bdi>", "", answer.text))
    for name, words in {
        "east": "East (3.8) must be a larger number than west (3.9).",
        "north": "Write a number between -90 and 90 degrees.",
        "until": "The period ends on 2026-10-01, before it begins on 2026-11-01.",
        "theme": "“Transprt” is not in the list. Did you mean: Transport?",
        "frequency": "“weeklyy” is not in the list. Did you mean: weekly",
    }.items():
        error = re.search(rf'id="{name}-error">.*?<span>(.*?)</span>', page)
        assert error is not None, name
        assert error[1].startswith(words), name
        assert f'<a href="#{name}">' in page, name
    assert 'id="contact.email-error"' in page, "the other errors are shown at the same time"
    assert shown(page, "west") == "3.9"
    assert 'value="Transprt" data-other selected' in page
    assert '<optgroup label="Did you mean">' in page
    assert post(browser, address, f"{address}/publish").status_code == 422
    assert post(browser, address, f"{address}/remove").status_code == 303

    # German, with the names of its terms.
    address = begun(browser, "falsch.csv")
    browser.headers["Accept-Language"] = "de"
    answer = post(browser, address, address, **{**ANSWERS, "frequency": "wöchentlichh"})
    assert "„wöchentlichh“ steht nicht in der Liste. Meinten Sie: wöchentlich" in html.unescape(answer.text)


def test_an_edit_is_refused_for_what_it_changes_only(city: Running, browser: httpx2.Client) -> None:
    iri = f"{city.url}/datasets/foreign-theme"
    turtle = f"""@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
<{iri}> a dcat:Dataset ; dct:title "Foreign"@en ; dct:description "Elsewhere."@en ;
  dcat:theme <https://example.org/themes/1> ; dct:license <{LICENCES.codes[0].iri}> ."""
    with city.client() as client:
        client.publish({"document": turtle, "mediaType": "text/turtle", "iri": iri, "kind": "dataset"})
    draft = edit(browser, iri)
    answers = {"title": "Foreign, changed", "description": "Elsewhere.", "conditions": "keep", "do": "preview"}
    answers |= {"theme": "https://example.org/themes/1", "license": "CC-BY-4.0"}
    assert shown(browser.get(draft).text, "theme") == "https://example.org/themes/1"
    answer = post(browser, draft, draft, **answers)
    assert answer.status_code == 303, answer.text
    for wrong in ({"west": "3"}, {"theme": "nothing"}, {"until": "2026-13-01"}):
        answer = post(browser, draft, draft, **{**answers, **wrong})
        assert answer.status_code == 422
        assert 'class="field-error"' in answer.text


def test_a_draft_of_an_earlier_release_opens(city: Running, browser: httpx2.Client) -> None:
    address = begun(browser, "earlier.csv")
    (path,) = (city.folder / "drafts").glob(f"{address.rpartition('/')[2]}*.json")
    draft = json.loads(path.read_text())
    draft["answers"] = {
        "title": "Earlier",
        "spatial": "3.6, 51, 3.8, 51.1",
        "license": "CC-BY-4.0",
        "from": "2026-11",
    }
    path.write_text(json.dumps(draft))
    page = browser.get(address).text
    assert [shown(page, name) for name in ("spatial", "west", "north")] == ["", "3.6", "51.1"]
    assert shown(page, "license") == LICENCES.codes[0].iri
    assert 'id="from" name="from" type="text"' in page, "a browser could not show a month in a field for days"
