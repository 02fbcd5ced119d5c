"""The page that asks a table of a partner: what may be asked, answers, refusals, downloads, uses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from node.base.errors import LocalFault, PeerUnreachable
from node.identity.model import Caller, UserRole
from tests.fakes.portal.content import GENT
from tests.fakes.portal.node import AGREEMENT, BASE, FakeNode
from tests.fakes.portal.table_questions import TABLE
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, troubles
from tests.unit.portal.test_hostile import MARKUP

ENGLISH = {"Accept-Language": "en", "Origin": BASE}
PLACE = f"/agreements/{quote(TABLE, safe='')}"


def ask(client: TestClient, sql: str, **fields: str) -> Any:
    form = {"csrf": token(client, f"{PLACE}/ask"), "sql": sql, "as": "page", **fields}
    return client.post(f"{PLACE}/ask", data=form, headers=ENGLISH)


def test_the_page_says_what_may_be_asked(els: TestClient) -> None:
    agreement = els.get(PLACE, headers=ENGLISH).text
    assert f'href="{PLACE}/ask"' in agreement
    page = Page(els.get(f"{PLACE}/ask", headers=ENGLISH).text)
    assert troubles(page) == []
    about = page.element("aside", class_="side-col").text
    assert "number" in about
    assert "keeper" not in about
    assert "whole number" in about
    assert "Only the columns “number” and “passed”." in about
    assert "Only rows for which “kind = berth”." in about
    assert "at most 17 of 20" in page.text
    assert page.element("textarea").text.strip() == "SELECT * FROM data LIMIT 10"


def test_an_answer_is_a_table_below_the_question(node: FakeNode, els: TestClient) -> None:
    answer = ask(els, "SELECT number, passed FROM data LIMIT 3")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    page = Page(answer.text)
    assert troubles(page) == []
    assert page.element("textarea").text.strip() == "SELECT number, passed FROM data LIMIT 3"
    assert [cell.text for cell in page.all("th", scope="col")] == ["number", "passed"]
    assert [cell.text for cell in page.all("td")] == ["1", "7", "2", "14", "3", "21"]
    assert "Answer: 3 rows" in page.text
    assert "seconds" in page.text
    assert "at most 16 of 20" in page.text
    assert node.table_questions.asked == [("SELECT number, passed FROM data LIMIT 3", "csv", None)]


def test_a_long_answer_says_that_it_is_cut_and_how_to_get_the_rest(els: TestClient) -> None:
    page = Page(ask(els, "SELECT 201").text)
    assert len(page.all("td")) == 400
    assert "only the first 200 rows" in page.text
    assert "there are more rows" not in page.text
    more = Page(ask(els, "SELECT 60000").text)
    assert "there are more rows than one answer may have" in more.text
    file = ask(els, "SELECT 60000", **{"as": "csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="berths-answer-first-50000-rows.csv"'
    assert file.text.count("\r\n") == 50_001
    whole = ask(els, "SELECT 2", **{"as": "csv"})
    assert whole.headers["content-disposition"] == 'attachment; filename="berths-answer.csv"'
    assert whole.headers["content-type"].startswith("text/csv")
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.content == b"number,passed\r\n1,7\r\n2,14\r\n"


@pytest.mark.parametrize("form", ["page", "csv"])
def test_a_refusal_is_beside_the_box_with_its_remedy(els: TestClient, form: str) -> None:
    answer = ask(els, "SELECT pased FROM data", **{"as": form})
    assert answer.status_code == 400
    page = Page(answer.text)
    assert troubles(page) == []
    box = page.element("textarea")
    assert box.text.strip() == "SELECT pased FROM data"
    assert (box["aria-invalid"], box["aria-describedby"]) == ("true", "trouble sql-hint")
    trouble = page.element("div", id="trouble").text
    assert 'Referenced column "pased" not found' in trouble
    assert '"number", "passed"' in trouble
    assert "at most 17 of 20" in page.text


def test_what_is_no_question_is_refused_here(node: FakeNode, els: TestClient) -> None:
    assert "there is no question" in ask(els, "  ").text
    assert ask(els, "SELECT '" + "x" * 4000 + "'").status_code == 400
    assert node.table_questions.asked == []


def test_a_provider_that_is_away_keeps_the_query_and_our_own_faults_are_no_refusals(
    node: FakeNode, els: TestClient
) -> None:
    node.table_questions.refusal = PeerUnreachable("the node of Plzeň does not answer")
    answer = ask(els, "SELECT 5")
    assert answer.status_code == PeerUnreachable.status
    assert Page(answer.text).element("textarea").text.strip() == "SELECT 5"
    node.table_questions.refusal = LocalFault("secret particulars")
    assert "secret" not in ask(els, "SELECT 5").text


def test_it_is_for_those_who_may_read_received_data_and_for_tables_under_our_own_agreements(
    node: FakeNode, els: TestClient
) -> None:
    assert els.get(f"/agreements/{AGREEMENT}/ask", headers=ENGLISH).status_code == 404
    assert els.get("/agreements/urn:none/ask", headers=ENGLISH).status_code == 404
    assert els.post(f"{PLACE}/ask", data={"csrf": "wrong", "sql": "SELECT 1"}, headers=ENGLISH).status_code == 403
    assert node.table_questions.asked == []
    # A signatory may start downloads and read none: nothing is offered that would be refused.
    for role in (UserRole.AUDITOR, UserRole.SIGNATORY):
        node.sessions["otto-session"] = Caller(did=GENT, account="otto", roles=frozenset({role}))
        with browser(node) as otto:
            otto.cookies.set("hansa_session", "otto-session")
            assert otto.get(f"{PLACE}/ask").status_code == 403
            assert f'href="{PLACE}/ask"' not in otto.get(PLACE).text
    place = next(index for index, view in enumerate(node.contracts) if view.agreement.id == TABLE)
    view = node.contracts[place]
    node.contracts[place] = replace(view, agreement=replace(view.agreement, ended=view.agreement.at))
    assert els.get(f"{PLACE}/ask").status_code == 404
    assert f'href="{PLACE}/ask"' not in els.get(PLACE).text


def test_without_a_description_the_agreement_names_the_columns(node: FakeNode, els: TestClient) -> None:
    node.table_questions.known = None
    about = Page(els.get(f"{PLACE}/ask", headers=ENGLISH).text).element("aside", class_="side-col").text
    assert "type not described" in about
    ask(els, "SELECT 1")
    assert node.table_questions.asked == [("SELECT 1", "csv", None)]


def test_of_several_tables_one_is_chosen(node: FakeNode, els: TestClient) -> None:
    known = node.table_questions.known
    assert known is not None
    other = replace(known.files[0], name="other.csv")
    node.table_questions.known = replace(known, files=(*known.files, other))
    page = Page(ask(els, "SELECT 1", file="other.csv").text)
    assert node.table_questions.asked == [("SELECT 1", "csv", "other.csv")]
    assert [option["value"] for option in page.all("option") if "selected" in option.attributes] == ["other.csv"]


@pytest.mark.parametrize("markup", MARKUP)
def test_nothing_in_an_answer_or_a_refusal_runs(node: FakeNode, els: TestClient, markup: str) -> None:
    cell = markup.replace('"', '""')
    node.table_questions.body = f'"{cell}"\r\n"{cell}"\r\n'.encode()
    page = Page(ask(els, markup).text)
    assert troubles(page) == []
    assert not [element for element in page.elements if element.get("onerror") or element.get("onload")]
    node.table_questions.refusal = PeerUnreachable(markup, remedy=markup)
    assert troubles(Page(ask(els, "SELECT 1").text)) == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'"' + b"x" * 200_000 + b'"', b"a,b\r\n1\r\n", b"a\r\n\r\nx\r\n"])
def test_odd_answers_are_shown_or_refused(node: FakeNode, els: TestClient, body: bytes) -> None:
    node.table_questions.body = body
    answer = ask(els, "SELECT 1")
    assert answer.status_code in (200, 400)
    assert troubles(Page(answer.text)) == []
