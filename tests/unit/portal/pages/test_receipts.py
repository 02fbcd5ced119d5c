"""Received data on pages: states in words, downloads that nothing runs from, and who may."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from node.dialogue.process import Role
from node.identity.model import Caller, UserRole
from node.portal.views.receipts import DataReceipts
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import BASE, NOW, FakeNode
from tests.fakes.portal.receipts import CONTENT, DELETED, DONE, FAILED, LIVE, UNSIGNED, FakeReceipts
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles
from tests.unit.portal.test_hostile import MARKUP

ENGLISH = {"Accept-Language": "en", "Origin": BASE}
AGREEMENT = quote("https://plzen.example/agreements/7", safe="")


def post(client: TestClient, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf": token(client, "/publish"), **fields}, headers=ENGLISH)


def as_person(node: FakeNode, *roles: UserRole) -> TestClient:
    node.sessions["otto-session"] = Caller(did=GENT, account="otto", roles=frozenset(roles))
    client = browser(node)
    client.cookies.set("hansa_session", "otto-session")
    return client


@pytest.mark.parametrize(
    ("pid", "words"),
    [
        (DONE, ("Received and verified", "Plzeň signed the manifest of this file", "Agreed conditions")),
        (LIVE, ("Receiving", "12.3", "http-equiv")),
        (FAILED, ("Not received", "the agreement has ended", "Get the data again")),
        (DELETED, ("Deleted", "the file was deleted here")),
        (UNSIGNED, ("Received, not verified", "sent no signed manifest")),
    ],
)
def test_each_state_has_words(els: TestClient, pid: str, words: tuple[str, ...]) -> None:
    text = els.get(f"/received/{pid}", headers=ENGLISH).text
    assert troubles(Page(text)) == []
    assert [word for word in words if word not in text] == []
    assert (f'href="/received/{quote(pid, safe="")}/file"' in text) is (pid in (DONE, UNSIGNED))


def test_a_long_list_has_pages(node: FakeNode, els: TestClient) -> None:
    item = node.receipts.items[DONE]
    node.receipts.items = {f"urn:{number}": item for number in range(45)}
    for page, shown, links in (("", 20, ["next"]), ("?page=2", 20, ["prev", "next"]), ("?page=3", 5, ["prev"])):
        parsed = Page(els.get(f"/received{page}").text)
        assert troubles(parsed) == []
        assert len(parsed.all("li", class_="card")) == shown
        assert [link["rel"] for link in parsed.all("a") if link.get("rel") in ("prev", "next")] == links
    assert "/received" in Page(els.get("/received?page=9").text).links()
    for odd in ("0", "-1", "x", "99999", "\u0663"):
        assert els.get("/received", params={"page": odd}).status_code == 200


def test_the_list_says_what_came_from_whom_and_under_which_conditions(els: TestClient) -> None:
    text = els.get("/received", headers=ENGLISH).text
    assert troubles(Page(text)) == []
    for word in ("Noise receptors", "Plzeň", "receptors.csv", "48", "Agreed conditions", "Delete and confirm"):
        assert word in text, word


def test_a_download_is_saved_and_never_shown(els: TestClient) -> None:
    answer = els.get(f"/received/{DONE}/file")
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="receptors.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    part = els.get(f"/received/{DONE}/file", headers={"Range": "bytes=0-6"})
    assert (part.status_code, part.content) == (206, CONTENT[:7])
    for pid in (LIVE, FAILED, DELETED, "urn:uuid:none"):
        assert els.get(f"/received/{pid}/file").status_code == 404, pid


def test_who_may_start_and_who_may_read(node: FakeNode, visitor: TestClient) -> None:
    for path in ("/received", f"/received/{DONE}", f"/received/{DONE}/file"):
        assert visitor.get(path).headers["location"].startswith("/sign-in"), path
    with as_person(node, UserRole.AUDITOR, UserRole.OPERATOR) as otto:
        assert otto.get("/received").status_code == 403
        assert otto.get(f"/received/{DONE}/file").status_code == 403
        assert post(otto, f"/agreements/{AGREEMENT}/get").status_code == 403
        assert "Get the data" not in otto.get(f"/agreements/{AGREEMENT}", headers=ENGLISH).text
        text = otto.get(f"/received/{DONE}", headers=ENGLISH).text
        assert "you need the role publisher" in text
        assert "/file" not in text
    with as_person(node, UserRole.SIGNATORY) as signatory:
        assert post(signatory, f"/agreements/{AGREEMENT}/get").status_code == 303
        assert signatory.get(f"/received/{DONE}/file").status_code == 403


def test_a_role_that_was_taken_away_reads_nothing_more(els: TestClient, node: FakeNode) -> None:
    assert els.get(f"/received/{DONE}/file").status_code == 200
    node.sessions["els-session"] = replace(node.sessions["els-session"], roles=frozenset())
    assert els.get(f"/received/{DONE}/file").status_code == 403


def test_the_button_asks_once_and_says_why_not(els: TestClient) -> None:
    page = els.get(f"/agreements/{AGREEMENT}", headers=ENGLISH).text
    assert f'action="/agreements/{AGREEMENT}/get"' in page
    assert post(els, f"/agreements/{AGREEMENT}/get").headers["location"] == f"/received/{quote(LIVE, safe='')}"
    wrong = els.post(f"/agreements/{AGREEMENT}/get", data={"csrf": "wrong"}, headers=ENGLISH)
    assert wrong.status_code == 403
    answer = post(els, "/agreements/ended/get")
    assert answer.status_code == 409
    assert "request a new agreement on the page of the asset" in answer.text


@pytest.mark.parametrize("text", MARKUP)
def test_what_others_wrote_is_text(els: TestClient, node: FakeNode, text: str) -> None:
    node.receipts.items = FakeReceipts(NOW, text=text).items
    for path in ("/received", *(f"/received/{pid}" for pid in (DONE, LIVE, FAILED, DELETED))):
        page = Page(els.get(path).text)
        assert troubles(page) == [], path
        assert all(script["src"].startswith("/portal/") for script in page.all("script")), path
    answer = els.get(f"/received/{DONE}/file")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "\n" not in answer.headers["content-disposition"]


async def test_clicks_at_the_same_moment_are_one_request() -> None:
    transfers: list[Any] = []

    class Reading:
        def agreement(self, agreement_id: str) -> str:
            return agreement_id

        def transfers_under(self, agreement: str, *, ended: bool) -> list[tuple[Any, None]]:
            before = list(transfers)
            time.sleep(0.01)  # the others look meanwhile
            return [(transfer, None) for transfer in before]

    class Requests:
        def require_role(self, by: Caller) -> None:
            return

        def request(self, agreement_id: str, by: Caller, *, file: str | None, version: int | None, wish: Any) -> Any:
            request = {"file": file, "asset_version": version, "wish": wish, "state": "REQUESTED"}
            transfers.append(SimpleNamespace(role=Role.CONSUMER, **request))
            return transfers[-1]

    unused: Any = None
    fakes: tuple[Any, Any] = (Reading(), Requests())
    receipts = DataReceipts(
        fakes[0], unused, fakes[1], unused, folder=Path(), tables=unused, features=unused, scenes=unused
    )
    by = Caller(did=GENT, account="els", roles=frozenset())
    pages = await asyncio.gather(*(receipts.begin("urn:a", by) for _ in range(64)))
    assert len(transfers) == 1
    assert {id(page) for page in pages} == {id(transfers[0])}
    await receipts.begin("urn:a", by, file="another.csv")
    await receipts.begin("urn:a", by, version=1)
    assert [(transfer.file, transfer.asset_version) for transfer in transfers[1:]] == [
        ("another.csv", None),
        (None, 1),
    ]
