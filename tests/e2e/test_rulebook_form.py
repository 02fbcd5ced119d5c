"""The rulebook of a real region changed in a real browser, without scripts and by keyboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.axe import axe_script, violations
from tests.e2e.chromium import Chromium, binary
from tests.nodes import Running, rulebook, running

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TEXT = "Members keep to what they agree.\nThey answer within a week."
TAB, ENTER = 9, 13


@pytest.fixture
def region(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "flanders", template=sqlite_template, issuer=True) as node:
        with node.client() as office:
            office.publish({"fields": {**rulebook(node.did), "text": TEXT}})
        yield node


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Chromium]:
    async with Chromium(binary()) as chromium:
        yield chromium


async def goes(tab: Chromium, action: Any) -> None:
    tab.loaded.clear()
    await action
    await tab.settled()


async def fill(tab: Chromium, **texts: str) -> None:
    for name, text in texts.items():
        await tab.ask(f"document.getElementById('{name}').value = {text!r}")


@pytest.mark.parametrize("scripts", [False, True])
async def test_a_rulebook_is_changed(region: Running, tab: Chromium, scripts: bool) -> None:
    await tab.forget_cookies()
    await tab.look(f"{region.url}/sign-in?next=/rulebook", scripts=scripts)
    await fill(tab, login="admin", password=region.password)
    await goes(tab, tab.ask("document.querySelector('main form button').click()"))
    assert await tab.ask("location.pathname") == "/rulebook"
    await tab.ask("document.querySelector('form[action=\"/record/edit\"] button').focus()")
    await goes(tab, tab.press("Enter", ENTER))
    draft = await tab.ask("location.href")
    await fill(tab, text=TEXT.replace("week", "day"), valid_from="2027-01-01")
    await goes(tab, tab.ask("document.querySelector('button[value=preview]').click()"))
    assert "Write what this version changes." in await tab.ask("document.getElementById('changes-error').textContent")
    assert await tab.ask("document.getElementById('text').value.endsWith('within a day.')"), "what was typed is kept"
    await fill(tab, changes="Answers come within a day.")
    await goes(tab, tab.ask("document.querySelector('button[value=preview]').click()"))
    assert await tab.ask("location.href") == f"{draft}/preview"
    assert await tab.ask("[...document.querySelectorAll('ins')].some(e => e.textContent.includes('within a day.'))")
    assert "nobody must accept it again" in await tab.ask("document.getElementById('members').parentNode.textContent")
    if scripts:
        script = await asyncio.to_thread(axe_script)
        for address in (draft, f"{draft}/preview"):
            for width in (360, 1280):
                await tab.look(address, width=width)
                assert await violations(tab, script) == [], address
                assert not await tab.ask("document.documentElement.scrollWidth > innerWidth"), (address, width)
    await tab.look(f"{draft}/preview", scripts=scripts)
    await goes(tab, tab.ask("document.querySelector('form[action$=\"/publish\"] button').click()"))
    assert (await tab.ask("location.pathname")) == "/rulebooks/common-rules"
    await tab.look(f"{region.url}/rulebook", scripts=scripts)
    with region.client() as office:
        assert office.rulebook()["version"] == 2
