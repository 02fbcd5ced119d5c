"""The menu: by task, by role, and where the reader is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from node.catalogue.questions.model import QuestionState
from node.identity.model import UserRole
from node.portal.navigation import SECTIONS
from node.portal.settings import PortalSettings
from tests.fakes.portal.node import BASE, ELS, FakeNode
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page

OFFER, REQUESTS, AGREEMENTS = "/publish", "/decisions", "/agreements"


def main_links(page: Page) -> list[str]:
    """The links of the main menu's sections, without those of their pages."""
    menu = page.element("ul", class_="menu-list")
    inner = {id(link) for pages in page.all("ul", class_="menu-pages") for link in pages.inside if link.tag == "a"}
    return [link["href"] for link in menu.inside if link.tag == "a" and id(link) not in inner]


def marked(page: Page) -> list[tuple[str, str]]:
    return [
        (link["href"], link["aria-current"])
        for link in page.element("ul", class_="menu-list").inside
        if link.tag == "a" and link.get("aria-current")
    ]


def test_a_visitor_has_three_pages_and_developers_theirs(visitor: TestClient) -> None:
    page = Page(visitor.get("/search").text)
    assert main_links(page) == ["/search", "/members", "/about"]
    assert page.all("nav", class_="desk") == []
    footer = [link["href"] for link in page.element("nav", aria_label="Developers").inside if link.tag == "a"]
    assert footer == ["/docs/api", "/sparql", "/feed"]


@pytest.mark.parametrize(
    ("roles", "links"),
    [
        ({UserRole.PUBLISHER}, ["/search", OFFER, REQUESTS, AGREEMENTS, "/runs"]),
        ({UserRole.SIGNATORY}, ["/search", REQUESTS, AGREEMENTS, "/region"]),
        ({UserRole.AUDITOR}, ["/search", REQUESTS, AGREEMENTS, "/operate"]),
        ({UserRole.OPERATOR}, ["/search", REQUESTS, AGREEMENTS, "/operate"]),
    ],
)
def test_people_see_what_their_roles_allow(node: FakeNode, roles: set[UserRole], links: list[str]) -> None:
    node.sessions["her-session"] = replace(ELS, roles=frozenset(roles))
    with browser(node, PortalSettings(public_url=BASE, issuer=True)) as client:
        client.cookies.set("hansa_session", "her-session")
        assert main_links(Page(client.get("/about").text)) == links
        # Every link of the menu opens for whoever is shown it.
        for link in Page(client.get("/about").text).element("ul", class_="menu-list").inside:
            if link.tag == "a":
                assert client.get(link["href"]).status_code == 200, link["href"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/received", [("/agreements", "true"), ("/received", "page")]),
        ("/agreements", [("/agreements", "true"), ("/agreements", "page")]),
        ("/processes/urn:uuid:nothing", [("/agreements", "true"), ("/processes", "true")]),
        ("/datasets/traffic-counts", [("/search", "true")]),
        ("/sparql", [("/search", "true")]),
        (f"/schema/check?iri={BASE}/schemas/traffic-flow-observed", [("/search", "true")]),
        (f"/transformation/try?iri={BASE}/transformations/quarter-to-hour", [("/search", "true")]),
        (f"/ontology/reason?iri={BASE}/ontologies/mobility", [("/search", "true")]),
        ("/transformation/draft", [("/search", "true")]),
        ("/operate/audit", [("/operate", "true"), ("/operate/audit", "page")]),
        ("/about", []),
        ("/", []),
    ],
)
def test_the_open_page_and_its_section_are_marked(
    els: TestClient, path: str, expected: list[tuple[str, str]]
) -> None:
    assert marked(Page(els.get(path).text)) == expected


def test_the_pages_of_the_section_stand_below_the_menu(els: TestClient) -> None:
    page = Page(els.get("/received").text)
    desk = page.element("nav", class_="desk")
    links = [link["href"] for link in desk.inside if link.tag == "a"]
    assert links == ["/agreements", "/received", "/shipments", "/processes"]
    assert page.element("nav", class_="desk")["aria-label"] == "Agreements"


def test_requests_that_wait_are_counted_for_those_who_decide(node: FakeNode, els: TestClient) -> None:
    decisions = sum(one.decision.decided_at is None for one in node.pending)
    questions = sum(question.state is QuestionState.OPEN for question in node.questions.questions)
    assert decisions
    assert questions
    waiting = decisions + questions
    bubbles = [e.text for e in Page(els.get("/about").text).all("span", class_="bubble")]
    # Beside the closed menu of a phone, and beside the link.
    assert bubbles == [f"{waiting} – {waiting} requests or questions wait"] * 2
    node.sessions["his-session"] = replace(ELS, roles=frozenset({UserRole.AUDITOR}))
    with browser(node) as client:
        client.cookies.set("hansa_session", "his-session")
        assert Page(client.get("/about").text).all("span", class_="bubble") == []


def test_every_page_of_the_menu_is_in_one_section() -> None:
    paths = [page.path for section in SECTIONS for page in section.pages]
    assert len(paths) == len(set(paths))
