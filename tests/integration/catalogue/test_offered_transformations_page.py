"""The transformations that a dataset is given through, chosen on the pages that publish and edit it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.catalogue.test_edit_page import answers_of, record_of
from tests.integration.catalogue.test_publish_page import ANSWERS, upload
from tests.nodes import Running, described
from tests.portal_browser import post, signed_in

COUNTS = b"hour,intensity\n7,40\n7,52\n8,3\n"
SCHEMAS = {
    "quarters": {"hour": "integer", "intensity": "integer"},
    "hours": {"hour": "integer", "total": "integer"},
    "named": {"uur": "integer", "aantal": "integer"},
    "trees": {"species": "string", "height": "number"},
}
STEPS: dict[str, tuple[str, Any, str, str]] = {
    "hourly": ("SQL", "SELECT hour, sum(intensity) AS total FROM data GROUP BY hour", "quarters", "hours"),
    "dutch": ("column mapping", {"uur": {"rename": "hour"}, "aantal": {"rename": "total"}}, "hours", "named"),
    "tall": ("SQL", "SELECT species AS hour, height AS total FROM data", "trees", "hours"),
}


@pytest.fixture(scope="module")
def browser(city: Running) -> Iterator[httpx2.Client]:
    with city.client() as client:
        for name, columns in SCHEMAS.items():
            properties = {column: {"type": kind} for column, kind in columns.items()}
            schema = {"type": "object", "required": list(columns), "properties": properties}
            fields = {**described(name, definition=schema, version="1"), "kind": "schema"}
            client.publish({"kind": "schema", "fields": fields, "conditions": "open"})
        for name, (language, definition, source, target) in STEPS.items():
            fields = described(name, language=language, definition=definition, version="1")
            fields |= {"kind": "transformation", "from": f"schema/{source}", "to": f"schema/{target}"}
            client.publish({"kind": "transformation", "fields": fields, "conditions": "open"})
    with signed_in(city) as client:
        yield client


def boxes_of(page: str) -> dict[str, tuple[str, bool]]:
    """The name of the box of each transformation on a form, by its address, and whether it is ticked."""
    pattern = r'name="(through\.[^"]+)" value="([^"]+)"( checked)?'
    return {html.unescape(iri): (name, bool(ticked)) for name, iri, ticked in re.findall(pattern, page)}


def iri_of(city: Running, name: str) -> str:
    return f"{city.url}/transformations/{name}"


def begun(browser: httpx2.Client, name: str, body: bytes = COUNTS) -> str:
    return str(upload(browser, f"{name}.csv", body).headers["location"])


def test_from_the_form_to_the_offer_and_back(city: Running, browser: httpx2.Client) -> None:
    draft = begun(browser, "counted")
    page = browser.get(draft).text
    boxes = boxes_of(page)
    assert iri_of(city, "tall") not in boxes, "it reads other columns"
    assert iri_of(city, "dutch") not in boxes, "it reads the result of another one, which is not chosen"
    name, ticked = boxes[iri_of(city, "hourly")]
    assert not ticked
    answers = {**ANSWERS, "title": "Counted", "direct": "", name: iri_of(city, "hourly")}
    del answers["column.0.2"]
    assert post(browser, draft, draft, **{**answers, "do": "save"}).status_code == 303
    boxes = boxes_of(browser.get(draft).text)
    assert boxes[iri_of(city, "hourly")][1]
    assert not boxes[iri_of(city, "dutch")][1], "it reads what the chosen one makes"
    answers |= {boxes[iri_of(city, one)][0]: iri_of(city, one) for one in ("hourly", "dutch")}
    answer = post(browser, draft, draft, **answers)
    assert answer.headers["location"] == f"{draft}/preview", answer.text
    published = post(browser, f"{draft}/preview", f"{draft}/publish")
    assert published.status_code == 303, published.text
    iri = f"{city.url}/datasets/counted"
    both = (iri_of(city, "dutch"), iri_of(city, "hourly"))
    assert record_of(city, iri).files[0].through == both
    assert "is also given through these transformations" in browser.get("/datasets/counted").text

    edit = str(post(browser, "/publish", "/record/edit", iri=iri).headers["location"])
    page = browser.get(edit).text
    assert {one for one, (_, ticked) in boxes_of(page).items() if ticked} == set(both)
    answers = {one: text for one, text in answers_of(page).items() if not one.startswith("through.")}
    name = boxes_of(page)[iri_of(city, "hourly")][0]
    answer = post(browser, edit, edit, **answers, **{name: iri_of(city, "hourly")}, do="preview")
    assert answer.headers["location"] == f"{edit}/preview", answer.text
    changes = browser.get(f"{edit}/preview").text
    assert f"<ins><bdi>{iri_of(city, 'hourly')}" in changes or "Also given through" in changes
    assert post(browser, f"{edit}/preview", f"{edit}/publish").status_code == 303
    after = record_of(city, iri)
    assert (after.version, after.files[0].through) == (2, both[1:])
    assert after.files[0].sha256 == record_of(city, iri, 1).files[0].sha256


def test_other_answers_change_and_the_offer_stays(city: Running, browser: httpx2.Client) -> None:
    draft = begun(browser, "kept")
    name, _ = boxes_of(browser.get(draft).text)[iri_of(city, "hourly")]
    answers = {**ANSWERS, "title": "Kept", "direct": "", name: iri_of(city, "hourly")}
    del answers["column.0.2"]
    assert post(browser, draft, draft, **answers).status_code == 303
    assert post(browser, f"{draft}/preview", f"{draft}/publish").status_code == 303
    iri = f"{city.url}/datasets/kept"
    edit = str(post(browser, "/publish", "/record/edit", iri=iri).headers["location"])
    page = browser.get(edit).text
    answers = answers_of(page) | {name: iri for iri, (name, ticked) in boxes_of(page).items() if ticked}
    assert post(browser, edit, edit, **{**answers, "title": "Kept well"}, do="preview").status_code == 303
    assert post(browser, f"{edit}/preview", f"{edit}/publish").status_code == 303
    assert record_of(city, iri).files[0].through == (iri_of(city, "hourly"),)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("https://example.org/transformations/nowhere", "is no transformation that everybody who sees this dataset"),
        ("no-address", "must be a web address"),
        ("https://example.org/> <https://example.org/evil", "must be a web address"),
    ],
)
def test_what_nobody_could_ask_for_is_refused_beside_the_boxes(
    browser: httpx2.Client, value: str, words: str
) -> None:
    draft = begun(browser, "refused")
    answers = {**ANSWERS, "title": "Refused", "direct": "", "through.1": value}
    del answers["column.0.2"]
    answer = post(browser, draft, draft, **answers)
    assert answer.status_code == 422, answer.headers.get("location")
    error = re.search(r'id="through-error">(.*?)</p>', answer.text, re.DOTALL)
    assert error
    assert words in html.unescape(error[1])
    assert post(browser, draft, f"{draft}/remove").status_code == 303


def test_a_transformation_that_reads_other_columns_is_a_warning(city: Running, browser: httpx2.Client) -> None:
    draft = begun(browser, "misfit")
    answers = {**ANSWERS, "title": "Misfit", "direct": "", "through.1": iri_of(city, "tall")}
    del answers["column.0.2"]
    assert post(browser, draft, draft, **answers).headers["location"] == f"{draft}/preview"
    preview = html.unescape(browser.get(f"{draft}/preview").text)
    assert "does not read the columns of misfit.csv" in preview
    assert "does not read the columns of the file" in browser.get(draft).text
    assert post(browser, draft, f"{draft}/remove").status_code == 303


def test_a_file_that_nothing_reads_has_a_way_to_draft_one(browser: httpx2.Client) -> None:
    draft = begun(browser, "alone", b"a,b\n1,2\n")
    page = browser.get(draft).text
    assert "No transformation of the catalogue reads the columns of the file." in page
    assert 'href="/transformation/draft"' in page
    assert post(browser, draft, f"{draft}/remove").status_code == 303
