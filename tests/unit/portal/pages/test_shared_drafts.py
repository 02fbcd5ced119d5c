"""Two people on one draft, in their browsers: sharing, what both changed, the history, the look before publishing."""

from __future__ import annotations

from starlette.testclient import TestClient

from node.identity.model import UserRole
from tests.fakes.portal.node import FakeNode
from tests.fakes.stores.drafts import DRAFT
from tests.unit.portal.page import Page, troubles
from tests.unit.portal.pages.test_drafts import ENGLISH, as_person, post

PATH = f"/publish/{DRAFT}"
ANSWERS = {
    "title": "Speeds",
    "description": "How fast.",
    "license": "CC0-1.0",
    "conditions": "open",
    "personal_data": "no",
}


def revision_of(page: str) -> str:
    return next(field["value"] for field in Page(page).all("input", name="revision"))


def test_two_people_work_on_a_draft(els: TestClient, node: FakeNode) -> None:
    answer = post(els, PATH, **ANSWERS, revision="0", do="share")
    assert answer.headers["location"] == f"{PATH}?done=draft-shared"
    with as_person(node, "eva", UserRole.PUBLISHER) as eva:
        assert "draft of els" in eva.get("/publish", headers=ENGLISH).text
        page = eva.get(PATH, headers=ENGLISH).text
        since = revision_of(page)
        assert 'value="share"' not in page
        assert post(eva, f"{PATH}/remove").status_code == 404
        changed = {**ANSWERS, "title": "Speeds of Eva", "keywords": "speed"}
        assert post(eva, PATH, **changed, revision=since, do="save").status_code == 303
    # Els has the form of before: another field is merged, the same field is shown with both texts.
    answer = post(els, PATH, **{**ANSWERS, "title": "Speeds of Els", "spatial": "Gent"}, revision=since, do="save")
    assert answer.status_code == 409
    page = answer.text
    assert troubles(Page(page)) == []
    assert "eva wrote here meanwhile: “Speeds of Eva”" in page
    assert next(field["value"] for field in Page(page).all("input", id="title")) == "Speeds of Els"
    assert next(field["value"] for field in Page(page).all("input", id="keywords")) == "speed"
    assert next(field["value"] for field in Page(page).all("input", id="spatial")) == "Gent"
    again = {**ANSWERS, "title": "Speeds of Els", "keywords": "speed", "spatial": "Gent"}
    assert post(els, PATH, **again, revision=revision_of(page), do="save").status_code == 303
    history = els.get(PATH, headers=ENGLISH).text.partition("History of this draft")[2]
    assert "Speeds of Eva" in history
    assert "Speeds of Els" in history


def test_a_draft_that_changed_after_the_preview_is_looked_at_again(els: TestClient, node: FakeNode) -> None:
    post(els, PATH, **ANSWERS, revision="0", do="share")
    seen = revision_of(els.get(f"{PATH}/preview", headers=ENGLISH).text)
    with as_person(node, "eva", UserRole.PUBLISHER) as eva:
        post(eva, PATH, **{**ANSWERS, "title": "Other"}, revision=seen, do="save")
    answer = post(els, f"{PATH}/publish", revision=seen)
    assert answer.headers["location"] == f"{PATH}/preview?changed=yes"
    assert "a colleague changed the draft" in els.get(answer.headers["location"], headers=ENGLISH).text
    newest = revision_of(els.get(f"{PATH}/preview", headers=ENGLISH).text)
    assert post(els, f"{PATH}/publish", revision=newest).status_code == 303


def test_a_draft_is_shared_no_longer(els: TestClient, node: FakeNode) -> None:
    post(els, PATH, **ANSWERS, do="share")
    with as_person(node, "eva", UserRole.PUBLISHER) as eva:
        assert eva.get(PATH).status_code == 200
        assert post(els, PATH, **ANSWERS, do="unshare").headers["location"].endswith("?done=draft-unshared")
        assert eva.get(PATH).status_code == 404
        assert "draft of els" not in eva.get("/publish", headers=ENGLISH).text
