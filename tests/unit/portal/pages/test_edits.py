"""Edit, copy and withdraw a published asset on its page: who may, what stands there, what stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from node.identity.model import ALL_ROLES, Caller, UserRole
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import BASE, COUNTS, FakeNode
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles
from tests.unit.portal.test_hostile import MARKUP

ENGLISH = {"Accept-Language": "en", "Origin": BASE}
PAGE = "/datasets/traffic-counts"
WITHDRAW = f"/record/withdraw?iri={quote(COUNTS, safe='')}"


def post(client: TestClient, path: str, **answers: str) -> Any:
    return client.post(path, data={"csrf": token(client, "/publish"), **answers}, headers=ENGLISH)


def begun(client: TestClient) -> str:
    answer = post(client, "/record/edit", iri=COUNTS)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def answers_of(page: Page) -> dict[str, str]:
    lines = [element for element in page.all("input") if element.get("type") in ("text", "email", "url")]
    answers = {element["name"]: element.get("value") for element in lines}
    answers |= {element["name"]: element.text for element in page.all("textarea")}
    for select in page.all("select"):
        chosen = [option for option in select.inside if "selected" in option.attributes]
        answers[select["name"]] = chosen[0]["value"] if chosen else ""
    return answers | {"conditions": "keep", "do": "preview"}


def test_only_those_who_may_see_the_buttons(els: TestClient, visitor: TestClient, node: FakeNode) -> None:
    node.sessions["otto-session"] = Caller(did=GENT, account="otto", roles=frozenset({UserRole.AUDITOR}))
    with browser(node) as otto:
        otto.cookies.set("hansa_session", "otto-session")
        for client, buttons in ((els, True), (visitor, False), (otto, False)):
            assert ('id="manage"' in client.get(PAGE).text) is buttons
        assert otto.get(WITHDRAW).status_code == 403
    assert visitor.get(WITHDRAW).headers["location"].startswith("/sign-in")
    assert 'id="manage"' not in els.get(f"{PAGE}?version=1").text, "only the newest version is edited"
    foreign = next(iri for iri in node.records if not iri.startswith(BASE))
    assert 'id="manage"' not in els.get("/record", params={"iri": foreign}).text
    assert post(els, "/record/edit", iri=foreign).status_code == 404
    assert els.get("/record/withdraw", params={"iri": foreign}).status_code == 404


def test_a_role_that_was_taken_away_ends_it(els: TestClient, node: FakeNode) -> None:
    draft = begun(els)
    answers = answers_of(Page(els.get(draft).text))
    csrf = token(els, "/publish")
    node.sessions["els-session"] = replace(node.sessions["els-session"], roles=frozenset({UserRole.AUDITOR}))
    for path in (draft, f"{draft}/publish", f"{draft}/renew", "/record/edit", "/record/withdraw"):
        fields = {**answers, "csrf": csrf, "iri": COUNTS, "reason": "x"}
        assert els.post(path, data=fields, headers=ENGLISH).status_code == 403, path
    assert node.records[COUNTS][0].version == 3


@pytest.mark.parametrize("path", ["/record/edit", "/record/withdraw"])
def test_a_form_of_another_session_does_nothing(els: TestClient, node: FakeNode, path: str) -> None:
    drafts = len(Page(els.get("/publish").text).all("h3"))
    fields = {"csrf": "wrong", "iri": COUNTS, "reason": "x"}
    assert els.post(path, data=fields, headers=ENGLISH).status_code == 403
    assert not node.records[COUNTS][0].withdrawn
    assert len(Page(els.get("/publish").text).all("h3")) == drafts


def test_changes_are_shown_before_they_are_published(els: TestClient, node: FakeNode) -> None:
    before = node.records[COUNTS][0]
    draft = begun(els)
    assert begun(els) == draft, "a second click opens the same draft"
    page = Page(els.get(draft, headers=ENGLISH).text)
    assert troubles(page) == []
    answers = answers_of(page)
    assert post(els, draft, **answers).status_code == 422
    answer = post(els, draft, **{**answers, "title": "<b>Counts</b>"})
    assert answer.headers["location"] == f"{draft}/preview", answer.text
    text = els.get(f"{draft}/preview", headers=ENGLISH).text
    assert troubles(Page(text)) == []
    assert f"Version {before.version} becomes version {before.version + 1}." in text
    assert "&lt;b&gt;Counts&lt;/b&gt;" in text
    assert post(els, f"{draft}/publish").headers["location"] == f"{PAGE}?done=version-published"
    after = node.records[COUNTS][0]
    assert {"<b>Counts</b>", *before.titles.values()} - {*after.titles.values()} == {before.titles["en"]}


def test_a_newer_version_is_named_and_the_changes_move_to_it(els: TestClient, node: FakeNode) -> None:
    draft = begun(els)
    answers = answers_of(Page(els.get(draft).text))
    head = node.records[COUNTS][0]
    node.records[COUNTS].insert(0, replace(head, version=head.version + 1, titles={"en": "Theirs"}))
    answer = post(els, draft, **{**answers, "title": "Mine"})
    assert answer.status_code == 422
    assert 'id="newer"' in answer.text
    assert troubles(Page(answer.text)) == []
    assert post(els, f"{draft}/publish").status_code == 422
    assert post(els, f"{draft}/renew").headers["location"] == f"{draft}?done=draft-renewed"
    page = Page(els.get(draft).text)
    assert answers_of(page)["title"] == "Mine"
    assert 'id="newer"' not in els.get(draft).text


def test_others_do_not_see_the_draft_of_changes(els: TestClient, node: FakeNode) -> None:
    draft = begun(els)
    node.sessions["eva-session"] = Caller(did=GENT, account="eva", roles=ALL_ROLES)
    with browser(node) as eva:
        eva.cookies.set("hansa_session", "eva-session")
        assert eva.get(draft).status_code == 404
        assert post(eva, f"{draft}/renew").status_code == 404


def test_a_withdrawal_says_what_it_does_and_asks_why(els: TestClient, node: FakeNode) -> None:
    text = els.get(WITHDRAW, headers=ENGLISH).text
    assert troubles(Page(text)) == []
    assert "nobody can start a new transfer" in text
    answer = post(els, "/record/withdraw", iri=COUNTS, reason="")
    assert answer.status_code == 422
    assert troubles(Page(answer.text)) == []
    assert post(els, "/record/withdraw", iri=COUNTS, reason=MARKUP[0]).status_code == 303
    assert node.records[COUNTS][0].withdrawal_reason == MARKUP[0]
    page = els.get(f"{PAGE}?version=1").text
    assert "&lt;script&gt;window.__xss=1" in page
    assert "<script>window" not in page


def test_a_copy_keeps_its_original_through_an_error(els: TestClient) -> None:
    page = Page(els.get("/publish", params={"like": COUNTS}).text)
    fields = {name: page.element("input", name=name)["value"] for name in ("like", "like_version")}
    fields |= {"csrf": token(els, "/publish")}
    answer = els.post("/publish/file", data=fields, files={"file": ("empty.csv", b"")}, headers=ENGLISH)
    assert answer.status_code == 400
    assert Page(answer.text).element("input", name="like")["value"] == COUNTS
    answer = els.post("/publish/file", data=fields, files={"file": ("x.csv", b"a\n1\n")}, headers=ENGLISH)
    form = Page(els.get(answer.headers["location"]).text)
    assert troubles(form) == []
    assert form.element("input", id="conditions-keep").attributes.get("checked") is not None
    wrong = {**fields, "like": "http://elsewhere.example/x"}
    answer = els.post("/publish/file", data=wrong, files={"file": ("x.csv", b"a\n1\n")}, headers=ENGLISH)
    assert answer.status_code == 404
