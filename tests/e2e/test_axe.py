"""Faults of accessibility that a program can find: none on any page, for a visitor, a steward and an operator, on a
phone and on a desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from node.identity.model import Caller, UserRole
from tests.e2e.axe import axe_script, violations
from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_pages import BROKEN_ONES, INSIDE, OPEN, serve
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.portal.table_questions import offer_part

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STEWARD = replace(ELS, roles=frozenset({UserRole.PUBLISHER, UserRole.STEWARD}))
OPERATOR = replace(ELS, account="operator", roles=frozenset({UserRole.OPERATOR}))
OPERATING = tuple(
    path
    for path in INSIDE
    if path.startswith(("/operate", "/deliveries", "/users", "/keys", "/issued", "/region", "/rulebook", "/members/"))
)
READERS: dict[str, tuple[Caller | None, tuple[str, ...]]] = {
    "visitor": (None, (*OPEN, *BROKEN_ONES)),
    "steward": (STEWARD, ("/", "/datasets/traffic-counts", *(path for path in INSIDE if path not in OPERATING))),
    "operator": (OPERATOR, ("/", *OPERATING)),
}


@pytest.fixture(scope="module")
def script() -> str:
    return axe_script()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    node = FakeNode()
    node.sessions |= {f"{name}-session": caller for name, (caller, _) in READERS.items() if caller is not None}
    offer_part(node)
    yield from serve(node)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Chromium]:
    async with Chromium(binary()) as chromium:
        yield chromium


@pytest.mark.parametrize("reader", READERS)
async def test_no_page_breaks_a_rule(site: str, tab: Chromium, script: str, reader: str) -> None:
    caller, paths = READERS[reader]
    if caller is not None:
        await tab.cookie(site, "hansa_session", f"{reader}-session")
    broken = {}
    for path in paths:
        await tab.look(site + path, width=360)
        for width in (360, 1280):
            await tab.resize(width=width)
            breaches = await violations(tab, script)
            if breaches:
                broken[path, width] = breaches
        status = await tab.ask("performance.getEntriesByType('navigation')[0].responseStatus")
        assert status == 200 or path in BROKEN_ONES, (path, status)
        heading = await tab.ask("document.querySelector('h1').textContent")
        if path not in BROKEN_ONES:
            assert "not found" not in heading, path
    await tab.forget_cookies()
    assert broken == {}


async def test_a_fault_is_found(site: str, tab: Chromium, script: str) -> None:
    await tab.look(f"{site}/about")
    await tab.ask("document.querySelector('main').append(document.createElement('input')); null")
    assert [breach.rule for breach in await violations(tab, script)] == ["label"]
