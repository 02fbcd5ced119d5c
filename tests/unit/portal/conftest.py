"""A portal over a node in memory, and somebody who visits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from node.portal.settings import PortalSettings
from tests.fakes.portal.node import BASE, ELS, JAN, FakeNode, application
from tests.unit.portal.page import Page

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def node() -> FakeNode:
    made = FakeNode()
    made.sessions |= {"els-session": ELS, "jan-session": JAN}
    return made


@pytest.fixture
def visitor(node: FakeNode) -> Iterator[TestClient]:
    """A stranger with a browser."""
    with browser(node) as client:
        yield client


@pytest.fixture
def els(node: FakeNode) -> Iterator[TestClient]:
    """A person of the node with every role."""
    with browser(node) as client:
        client.cookies.set("hansa_session", "els-session")
        yield client


def browser(node: FakeNode, settings: PortalSettings | None = None) -> TestClient:
    return TestClient(
        application(node, settings),
        base_url=settings.public_url if settings else BASE,
        follow_redirects=False,
        raise_server_exceptions=False,
        headers=HTML,
    )


@pytest.fixture
def read(visitor: TestClient) -> Callable[[str], Page]:
    """The page at a path, as a stranger reads it."""

    def look(path: str) -> Page:
        answer = visitor.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return Page(answer.text)

    return look


def token(client: TestClient, path: str) -> str:
    """The CSRF token of the forms on a page."""
    page = Page(client.get(path).text)
    return next(e["value"] for e in page.all("input", name="csrf"))
