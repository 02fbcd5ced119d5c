"""The editor of conditions in a real browser: with its script by keyboard, on a phone, and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_draft_form import goes
from tests.e2e.test_pages import TAB, serve
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.stores.drafts import DRAFT

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

EDITOR = f"/publish/{DRAFT}/conditions"
WORDS = "document.querySelector('#words + *').textContent"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The portal with the content of the demonstration."""
    node = FakeNode()
    node.sessions["els-session"] = ELS
    yield from serve(node)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab(site: str) -> AsyncIterator[Chromium]:
    """A browser whose person is signed in."""
    async with Chromium(binary()) as chromium:
        await chromium.cookie(site, "hansa_session", "els-session")
        yield chromium


async def choose(tab: Chromium, name: str, value: str) -> None:
    control = f"document.getElementById('{name}')"
    await tab.ask(
        f"{control}.focus(), {control}.value = '{value}', "
        f"{control}.dispatchEvent(new Event('input', {{bubbles: true}})), "
        f"{control}.dispatchEvent(new Event('change', {{bubbles: true}})), null"
    )


async def press(tab: Chromium, button: str) -> None:
    await tab.ask(f"document.querySelector('button[value=\"{button}\"]').click()")


async def active(tab: Chromium) -> Any:
    return await tab.ask("document.activeElement.id")


async def test_words_and_text_follow_each_change(site: str, tab: Chromium) -> None:
    await tab.look(f"{site}{EDITOR}?from=mobility-partners", width=1280)
    await choose(tab, "r.0.c.2.v.0", "2031-12-31")
    await tab.until(f"{WORDS}.includes('Only until 31 December 2031')")
    assert await tab.ask("document.getElementById('text').value.includes('2031-12-31T23:59:59Z')")
    # What a person writes stays where they write it, and makes room for another value.
    await tab.ask("document.getElementById('r.0.c.1.v.3').focus()")
    await tab.send("Input.insertText", text="public benefit")
    await tab.until(f"{WORDS}.includes('public benefit')")
    assert await active(tab) == "r.0.c.1.v.3"
    assert await tab.ask("document.activeElement.selectionStart") == len("public benefit")
    assert await tab.ask("document.getElementById('r.0.c.1.v.4').value") == ""
    await press(tab, "add.r.0.g")
    await tab.until("document.activeElement.id === 'r.0.c.3.group'")
    await tab.press("Tab", TAB)
    assert await active(tab) == "r.0.c.3.c.0.operand"
    await press(tab, "remove.r.0.c.3")
    await tab.until("!document.getElementById('r.0.c.3')")
    await press(tab, "add.prohibition")
    await tab.until("document.getElementById('conflicts') && document.activeElement.id === 'r.4.action'")
    await press(tab, "remove.r.4")
    await tab.until("!document.getElementById('conflicts')")
    # A change of the text comes into the form.
    text = "document.getElementById('text')"
    await tab.ask(f"{text}.focus(), {text}.value = {text}.value.replace('2031', '2033'), null")
    await tab.ask(f"{text}.dispatchEvent(new Event('change', {{bubbles: true}})), null")
    await tab.until("document.getElementById('r.0.c.2.v.0').value === '2033-12-31'")
    await press(tab, "who")
    await tab.until("document.getElementById('who')")
    assert tab.troubles == []
    await goes(tab, press(tab, "use"))
    await tab.until("location.search === '?done=own-conditions' && document.readyState === 'complete'")
    assert "31 December 2033" in await tab.ask("document.getElementById('terms-words').textContent")
    assert await tab.ask("document.getElementById('conditions-own').checked")


async def test_on_a_phone_in_german(site: str, tab: Chromium) -> None:
    await tab.look(f"{site}{EDITOR}?from=mobility-partners&lang=de", width=360)
    assert await tab.ask("document.documentElement.scrollWidth") == 360
    await tab.look(f"{site}{EDITOR}?lang=en", width=360)


async def test_the_same_without_scripts(site: str, tab: Chromium) -> None:
    await tab.look(f"{site}{EDITOR}?from=open", scripts=False)
    for button, path in (("add.obligation", "r.1"), ("add.r.1.c", "r.1.c.0"), ("add.r.0.g", "r.0.c.0.c.1")):
        await goes(tab, press(tab, button))
        assert await tab.ask(f"Boolean(document.getElementById('{path}'))"), button
    await goes(tab, press(tab, "remove.r.0.c.0"))
    assert await tab.ask("Boolean(document.getElementById('r.1.c.0'))"), "nothing else is lost"
