"""Publish in three steps: the file, the questions, the look at the result."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from node.catalogue.drafts.usecases import AGE, MOST
from node.identity.model import ALL_ROLES, Caller, UserRole
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import BASE, ELS, FakeNode
from tests.fakes.stores.drafts import DRAFT, LIMIT
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles

ENGLISH = {"Accept-Language": "en", "Origin": BASE}
CSV = b"time,speed\n2026,1\n"
ANSWERS = {"title": "Speeds", "description": "How fast.", "license": "CC0-1.0", "conditions": "open", "do": "preview"}


def send(client: TestClient, name: str = "speeds.csv", data: bytes = CSV, csrf: str | None = None) -> Any:
    fields = {"csrf": token(client, "/publish") if csrf is None else csrf}
    return client.post("/publish/file", data=fields, files={"file": (name, data)}, headers=ENGLISH)


def begun(client: TestClient, name: str = "speeds.csv", data: bytes = CSV) -> str:
    """The address of a draft that a file made."""
    answer = send(client, name, data)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def post(client: TestClient, path: str, **answers: str) -> Any:
    return client.post(path, data={"csrf": token(client, "/publish"), **answers}, headers=ENGLISH)


def as_person(node: FakeNode, name: str, *roles: UserRole) -> TestClient:
    node.sessions[f"{name}-session"] = Caller(did=GENT, account=name, roles=frozenset(roles or ALL_ROLES))
    client = browser(node)
    client.cookies.set("hansa_session", f"{name}-session")
    return client


def test_a_file_that_could_be_profiled_later_makes_no_draft(els: TestClient) -> None:
    """A draft without columns does not ask about personal data."""
    before = els.get("/publish", headers=ENGLISH).text.count("<form")
    assert send(els, "busy.csv").status_code == 503
    assert els.get("/publish", headers=ENGLISH).text.count("<form") == before


def test_a_csv_is_published_in_three_screens_and_four_answers(els: TestClient, node: FakeNode) -> None:
    draft = begun(els)
    form = Page(els.get(draft, headers=ENGLISH).text)
    assert troubles(form) == []
    assert next(e["value"] for e in form.all("input", id="title")) == "Speeds"
    assert next(e["value"] for e in form.all("input", id="from")) == "2026"
    answer = post(els, draft, **ANSWERS)
    assert answer.headers["location"] == f"{draft}/preview"
    preview = els.get(f"{draft}/preview", headers=ENGLISH).text
    assert "How fast." in preview
    assert "place is missing" in preview
    assert not any(iri.endswith("new-one") for iri in node.records), "nothing is published by looking"
    answer = post(els, f"{draft}/publish")
    assert answer.headers["location"] == "/datasets/new-one?done=dataset-published"
    assert [record.title("en") for record in node.records[f"{BASE}/datasets/new-one"]] == ["Speeds"]
    assert els.get(draft).status_code == 404
    assert post(els, f"{draft}/publish").status_code == 404
    # The next draft begins with the licence of the last dataset.
    following = begun(els)
    assert re.search(r'<option value="[^"]*/CC0"[^>]* selected>', els.get(following).text)


def test_errors_stand_beside_their_fields(els: TestClient) -> None:
    draft = begun(els, data=b"time,mail\n1,2\n")
    answer = post(els, draft, title="", license="CC0-1.0", do="preview", keywords="kept")
    assert answer.status_code == 422
    page = Page(answer.text)
    assert troubles(page) == []
    text = answer.text
    for name in ("title", "description", "personal_data", "conditions"):
        assert f'id="{name}-error"' in text, name
        assert f'href="#{name}"' in text, name
    assert 'id="license-error"' not in text
    assert 'value="kept"' in els.get(draft).text, "what was answered is not lost"
    assert post(els, f"{draft}/publish").status_code == 422


def test_the_address_of_another_asset_is_refused(els: TestClient) -> None:
    draft = begun(els)
    answer = post(els, draft, **{**ANSWERS, "id": "traffic-counts"})
    assert answer.status_code == 422
    assert 'id="id-error"' in answer.text


def test_a_file_that_cannot_be_read_makes_a_draft_without_columns(els: TestClient) -> None:
    page = els.get(begun(els, "report.pdf"), headers=ENGLISH).text
    assert "could not be read" in page
    assert "files of this format are not read" in page


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("", b"", 400, "no file was chosen"),
        ("empty.csv", b"", 400, "the file is empty"),
        ("large.csv", b"x" * (LIMIT + 1), 413, "the file is larger than"),
    ],
)
def test_a_file_that_is_refused(els: TestClient, name: str, data: bytes, status: int, words: str) -> None:
    csrf = token(els, "/publish")
    body = (
        (
            f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n'
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        ).encode()
        + data
        + b"\r\n--x--\r\n"
    )
    headers = {**ENGLISH, "Content-Type": "multipart/form-data; boundary=x"}
    answer = els.post("/publish/file", content=body, headers=headers)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert troubles(Page(answer.text)) == []


async def test_nobody_keeps_more_than_a_few(els: TestClient, node: FakeNode) -> None:
    for _ in range(MOST - 1):
        begun(els)
    answer = send(els)
    assert answer.status_code == 429
    assert len(await node.drafts.mine(ELS)) == MOST
    assert post(els, f"/publish/{DRAFT}/remove").status_code == 303
    begun(els)


def test_a_form_of_another_session_stores_nothing(els: TestClient, node: FakeNode) -> None:
    assert send(els, csrf="wrong").status_code == 403
    for path in (f"/publish/{DRAFT}", f"/publish/{DRAFT}/publish", f"/publish/{DRAFT}/remove"):
        assert els.post(path, data={"csrf": "wrong", **ANSWERS}, headers=ENGLISH).status_code == 403, path
    with as_person(node, "eva") as eva:
        assert eva.get("/publish").text.count('class="small-heading"') == 0


def test_people_see_their_own_drafts_only(els: TestClient, node: FakeNode) -> None:
    with as_person(node, "eva", UserRole.PUBLISHER) as eva:
        assert eva.get(f"/publish/{DRAFT}").status_code == 404
        for path in (f"/publish/{DRAFT}", f"/publish/{DRAFT}/publish", f"/publish/{DRAFT}/remove"):
            assert post(eva, path, **ANSWERS).status_code == 404, path
    assert els.get(f"/publish/{DRAFT}").status_code == 200


def test_another_role_reads_what_it_would_need(node: FakeNode, els: TestClient) -> None:
    with as_person(node, "otto", UserRole.AUDITOR, UserRole.OPERATOR) as otto:
        page = otto.get("/publish", headers=ENGLISH).text
        assert "you need the role publisher" in page
        assert '<form class="card form"' not in page
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        assert send(otto, csrf=csrf).status_code == 403
        assert otto.get(f"/publish/{DRAFT}").status_code == 403


def test_strangers_sign_in_first(visitor: TestClient) -> None:
    for path in ("/publish", f"/publish/{DRAFT}", f"/publish/{DRAFT}/preview"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert visitor.post("/publish/file", content=b"x").status_code == 303


async def test_old_drafts_are_removed(node: FakeNode) -> None:
    drafts = node.drafts
    assert len(await drafts.mine(ELS)) == 1
    clock: Any = drafts._clock
    clock.time += AGE + timedelta(seconds=1)
    assert await drafts.mine(ELS) == []
    assert drafts.forget_old() == 1
    assert drafts.forget_old() == 0
