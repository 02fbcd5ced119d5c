"""The form about a dataset in a real browser: terms searched by keyboard, an area drawn, and no scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_pages import ENTER, TAB, serve
from tests.fakes.portal.node import ELS, FakeNode
from tests.fakes.stores.drafts import DRAFT

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DOWN, ESCAPE = 40, 27
FORM = f"/publish/{DRAFT}"


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


async def type_into(tab: Chromium, name: str, text: str) -> None:
    await tab.ask(f"document.getElementById('{name}').focus(), document.getElementById('{name}').select()")
    await tab.send("Input.insertText", text=text)


async def enter(tab: Chromium) -> None:
    """Enter as a keyboard sends it: the character does not come where the page takes the key."""
    for kind, text in (("keyDown", {"text": "\r"}), ("keyUp", {})):
        await tab.send(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=ENTER, **text
        )


async def value_sent(tab: Chromium, name: str) -> Any:
    return await tab.ask(f"new FormData(document.querySelector('form.sections')).get('{name}')")


async def goes(tab: Chromium, action: Any) -> None:
    tab.loaded.clear()
    await action
    await tab.settled()


async def test_a_term_is_searched_and_chosen_by_keyboard(site: str, tab: Chromium) -> None:
    await tab.look(site + FORM)
    field = "document.getElementById('frequency')"
    assert await tab.ask(f"{field}.getAttribute('role')") == "combobox"
    await type_into(tab, "frequency", "week")
    names = await tab.ask("[...document.querySelectorAll('#frequency-list [role=option]')].map(o => o.textContent)")
    assert names[0] == "weekly"
    assert all("week" in name for name in names), names
    assert await tab.ask(f"{field}.getAttribute('aria-expanded')") == "true"
    await tab.press("ArrowDown", DOWN)
    active = f"document.getElementById({field}.getAttribute('aria-activedescendant')).textContent"
    assert await tab.ask(active) == "weekly"
    await tab.press("ArrowDown", DOWN)
    assert await tab.ask(active) == names[1]
    await enter(tab)
    assert await tab.ask(f"{field}.value") == names[1]
    assert await tab.ask(f"{field}.getAttribute('aria-expanded')") == "false"
    assert str(await value_sent(tab, "frequency")).startswith("http://publications.europa.eu/resource/authority/")
    assert await tab.ask("location.pathname") == FORM, "Enter in an open list does not send the form"

    # A word in another language of the list, or by another spelling, is found too; Escape closes the list.
    await type_into(tab, "theme", "fiets")
    assert await tab.ask("document.querySelector('#theme-list [role=option]').textContent") == "Transport"
    await tab.press("Escape", ESCAPE)
    assert await tab.ask("document.getElementById('theme-list').hidden")
    await type_into(tab, "theme", "transport")
    await tab.press("Tab", TAB)
    assert await tab.ask("document.getElementById('theme').value") == "Transport"
    assert await value_sent(tab, "theme") == "http://publications.europa.eu/resource/authority/data-theme/TRAN"
    await type_into(tab, "theme", "zzzz")
    assert "No term has these letters" in await tab.ask(
        "document.querySelector('#theme-terms + [role=status]').textContent"
    )
    assert tab.troubles == []


async def test_a_word_that_is_not_in_the_list_is_refused_with_near_terms(site: str, tab: Chromium) -> None:
    await tab.look(site + FORM)
    await type_into(tab, "theme", "Transprt")
    await goes(tab, tab.ask("document.querySelector('button[value=preview]').click()"))
    assert "Did you mean: Transport?" in await tab.ask("document.getElementById('theme-error').textContent")
    assert await tab.ask("document.getElementById('theme').value") == "Transprt"
    assert await tab.ask("document.getElementById('theme').getAttribute('aria-invalid')") == "true"
    await tab.ask("document.getElementById('theme').focus()")
    await tab.press("ArrowDown", DOWN)
    assert await tab.ask("document.querySelector('#theme-list [role=option]').textContent") == "Transport"
    await tab.press("ArrowDown", DOWN)
    await enter(tab)
    assert await value_sent(tab, "theme") == "http://publications.europa.eu/resource/authority/data-theme/TRAN"


async def test_an_area_is_drawn_on_the_map(site: str, tab: Chromium) -> None:
    await tab.look(site + FORM, width=1280)
    for name, text in (("spatial", "Ghent"), ("west", ""), ("south", ""), ("east", ""), ("north", "")):
        field = f"document.getElementById('{name}')"
        await tab.ask(f"{field}.value = '{text}', {field}.dispatchEvent(new Event('change'))")
    assert await tab.ask("document.querySelectorAll('#extent .known').length") == 1, "the gazetteer knows Ghent"
    assert "Gent" in await tab.ask("document.querySelector('#extent svg').textContent")
    await tab.ask("document.querySelector('#extent svg').scrollIntoView({block: 'center', behavior: 'instant'})")
    area = await tab.ask(
        "(r => [r.left, r.top, r.width, r.height])(document.querySelector('#extent svg').getBoundingClientRect())"
    )
    left, top, width, height = area
    places = [(left + width * 0.4, top + height * 0.4), (left + width * 0.6, top + height * 0.7)]
    for kind, (x, y) in zip(
        ("mousePressed", "mouseMoved", "mouseReleased"), (places[0], *[places[1]] * 2), strict=True
    ):
        await tab.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
    west, south, east, north = [
        float(await tab.ask(f"document.getElementById('{edge}').value"))
        for edge in ("west", "south", "east", "north")
    ]
    assert 3.5 < west < east < 3.95
    assert 50.9 < south < north < 51.25
    assert await tab.ask("document.querySelectorAll('#extent .drawn').length") == 1
    assert f"west {west:g}" in await tab.ask("document.getElementById('extent-state').textContent")
    await tab.ask("document.getElementById('extent-in').click()")
    await tab.ask("document.getElementById('extent-clear').click()")
    assert await tab.ask("document.getElementById('west').value") == ""
    assert await tab.ask("document.activeElement.id") == "west"
    assert tab.troubles == []
    elsewhere = [url for url in tab.requests if not url.startswith((f"{site}/", "data:"))]
    assert elsewhere == [], "the map asks no other server"


async def test_the_form_works_without_scripts(site: str, tab: Chromium) -> None:
    await tab.look(site + FORM, scripts=False)
    assert await tab.ask("document.getElementById('theme').tagName") == "SELECT"
    assert await tab.ask("document.getElementById('extent').checkVisibility()") is False
    assert await tab.ask("document.getElementById('spatial').list.options.length") > 20
    for name, text in (("west", "4"), ("south", "51"), ("east", "3"), ("north", "52"), ("spatial", "Gent")):
        await tab.ask(f"document.getElementById('{name}').value = '{text}'")
    await goes(tab, tab.ask("document.querySelector('button[value=preview]').click()"))
    assert "must be a larger number" in await tab.ask("document.getElementById('east-error').textContent")
    assert await tab.ask("document.getElementById('east').getAttribute('aria-describedby').includes('east-error')")


async def test_errors_come_beside_the_field_as_one_types(site: str, tab: Chromium) -> None:
    await tab.look(site + FORM)
    appears = "new Promise(done => {{ const look = () => {test} ? done(true) : setTimeout(look, 20); look(); }})"
    error = "document.getElementById('title-error')"
    assert await tab.ask(error) is None
    await type_into(tab, "title", " ")
    await tab.ask(appears.format(test=error))
    assert await tab.ask(f"{error}.textContent") == "Please fill in this field."
    assert await tab.ask("document.getElementById('title').getAttribute('aria-invalid')") == "true"
    assert await tab.ask("document.getElementById('title').getAttribute('aria-describedby').includes('title-error')")
    assert "error" in await tab.ask("document.getElementById('check-state').textContent")
    await type_into(tab, "title", "Speeds of today")
    await tab.ask(appears.format(test=f"!{error}"))
    assert await tab.ask("document.getElementById('title').hasAttribute('aria-invalid')") is False
    await type_into(tab, "theme", "zzzz")
    await tab.press("Tab", TAB)
    await tab.ask(appears.format(test="document.getElementById('theme-error')"))
    await tab.ask("document.getElementById('conditions-internal').click()")
    await tab.ask(appears.format(test="/nobody/.test(document.getElementById('terms-words').textContent)"))
    assert tab.troubles == []
