"""Views in 3D in a real browser: they draw, answer and can be worked by keyboard, ask no other host, break no policy,
run nothing of the data, and leave the table to readers without scripts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from node.portal.settings import PortalSettings
from tests.e2e.axe import axe_script, violations
from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_live_maps import ACTS, settings
from tests.e2e.test_pages import serve
from tests.fakes.portal.node import BASE, FakeNode
from tests.fakes.portal.scenes import painted_tile_set, tile_set, town

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
__all__ = ["settings"]

ROADS = quote(f"{BASE}/datasets/road-network", safe="")
VIEW = f"/record/3d?iri={ROADS}&lang=en&file="
BOX = "document.querySelector('[data-scene]')"
PICKED = "document.querySelector('.live-map-picked dl')?.textContent"


@pytest.fixture(scope="module")
def site(settings: PortalSettings) -> Iterator[str]:
    node = FakeNode()
    node.scenes = {
        "town.city.json": json.dumps(town(12, note=ACTS)).encode(),
        "tiles.zip": tile_set(6, ACTS),
        "painted.zip": painted_tile_set(),
        "beside.zip": painted_tile_set("paint/red.png"),
        "elsewhere.zip": painted_tile_set("https://example.org/red.png"),
        "large.city.json": json.dumps(town(5_200)).encode(),
    }
    yield from serve(node, settings)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Chromium]:
    async with Chromium(binary()) as chromium:
        yield chromium


async def open_view(tab: Chromium, site: str, file: str, **options: Any) -> None:
    """Open a page and wait until its view is drawn."""
    await tab.look(f"{site}{VIEW}{file}", **options)
    await tab.ask("document.querySelector('.scene').scrollIntoView(), 0")
    await tab.until(f"{BOX}.dataset.state === 'ready' && Number({BOX}.dataset.frames) > 0")
    # What stood below came closer or went away as the view got its height.
    await tab.ask("document.querySelector('.scene').scrollIntoView(), 0")


COLOURS = (
    f"(() => {{ const live = {BOX}.live; live.renderer.render(live.scene, live.camera);"
    " const gl = live.renderer.getContext(); const seen = new Set();"
    " const all = new Uint8Array(gl.drawingBufferWidth * gl.drawingBufferHeight * 4);"
    " gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, all);"
    " for (let at = 0; at < all.length; at += 400) seen.add(all.slice(at, at + 3).join());"
    " return seen.size; })()"
)
"""How many colours the view has now."""


@pytest.mark.parametrize("file", ["town.city.json", "tiles.zip"])
async def test_objects_are_drawn_from_this_node_only(site: str, tab: Chromium, file: str) -> None:
    await open_view(tab, site, file)
    await tab.until(f"{COLOURS} > 4")  # objects are seen, not only the ground
    assert tab.troubles == []
    assert [url for url in tab.requests if not url.startswith(site)] == []
    loads_tiles = any(url.endswith("scene-tiles.mjs") for url in tab.requests)
    assert loads_tiles is (file == "tiles.zip"), "the code for tiles comes with tiles only"
    assert not any("maplibre" in url for url in tab.requests)


@pytest.mark.parametrize(("file", "painted"), [("painted.zip", True), ("beside.zip", True), ("elsewhere.zip", False)])
async def test_tiles_have_the_pictures_of_their_file_only(site: str, tab: Chromium, file: str, painted: bool) -> None:
    await open_view(tab, site, file)
    await tab.until(f"Number({BOX}.dataset.models) === 1 || {BOX}.dataset.error")
    red = (
        f"(() => {{ const live = {BOX}.live; live.renderer.render(live.scene, live.camera);"
        " const gl = live.renderer.getContext(); const at = new Uint8Array(4);"
        " gl.readPixels(gl.drawingBufferWidth / 2, gl.drawingBufferHeight / 2, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, at);"
        " return at[0] > 2 * at[1] && at[0] > 2 * at[2]; })()"
    )
    if painted:
        await tab.until(red, seconds=20)
        await tab.ask(f"{BOX}.live.canvas.focus(), 0")
        await tab.press("Enter", 13)
        text = await tab.until(PICKED)
        assert "square" in text
        assert "city" in text
    else:
        assert not await tab.ask(red)
    assert [url for url in tab.requests if not url.startswith(site)] == []
    assert [trouble for trouble in tab.troubles if "Content Security Policy" in trouble] == []


async def test_an_object_is_picked_and_nothing_of_it_runs(site: str, tab: Chromium) -> None:
    for file, column in (("town.city.json", "note"), ("tiles.zip", "name")):
        await open_view(tab, site, file)
        if file == "tiles.zip":
            await tab.until(f"Number({BOX}.dataset.models) === 1")
        place = await tab.until(
            f"(() => {{ const live = {BOX}.live; const area = live.canvas.getBoundingClientRect();"
            " const hits = (x, y) => { live.pickAt(x, y); return live.chosen !== null; };"
            " for (let x = 0.3; x < 0.7; x += 0.02) for (let y = 0.3; y < 0.7; y += 0.02) {"
            "   const at = [Math.round(area.x + area.width * x), Math.round(area.y + area.height * y)];"
            "   if ([-5, 0, 5].every((by) => hits(at[0] + by, at[1] + by))) { live.choose(null); return at; }"
            " } return null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await tab.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        text = await tab.until(PICKED)
        assert column in text
        assert ACTS in text
        assert await tab.ask("document.querySelectorAll('.live-map img, .live-map script, .live-map a').length") == 0
        assert await tab.ask("window.__xss") is None
        assert tab.troubles == []


async def test_a_view_is_worked_by_keyboard(site: str, tab: Chromium) -> None:
    await open_view(tab, site, "town.city.json")
    canvas = f"{BOX}.live.canvas"
    assert await tab.ask(f"{canvas}.tabIndex") == 0
    assert "Arrows turn it" in await tab.ask(f"{canvas}.getAttribute('aria-label')")
    await tab.press("Tab", 9)
    await tab.ask(f"{canvas}.focus(), 0")
    assert await tab.ask("getComputedStyle(document.querySelector('.live-map-cross')).visibility") == "visible"
    camera = f"{BOX}.live.camera.position.toArray().map(Math.round).join()"
    states = [await tab.ask(camera)]
    for key, code, shift in (
        ("ArrowLeft", 37, False),
        ("ArrowUp", 38, False),
        ("ArrowUp", 38, True),
        ("-", 189, False),
    ):
        await tab.press(key, code, shift=shift)
        states.append(await tab.ask(camera))
    assert len(set(states)) == len(states), states
    await tab.press("Home", 36)
    assert await tab.ask(camera) == states[0]
    await tab.ask("document.querySelectorAll('.live-map-steps button')[1].focus(), 0")
    await tab.press("Enter", 13)
    assert "b0" in await tab.until(PICKED)
    await tab.press("Enter", 13)
    assert "b1" in await tab.until(f"{PICKED}.includes('b1') && {PICKED}")
    assert await tab.ask("document.activeElement.textContent") == "Next"
    # The object that was stepped to is in the middle: Enter on the view picks it again.
    await tab.ask(f"{BOX}.live.choose(null), {canvas}.focus(), 0")
    for _ in range(5):
        await tab.press("ArrowUp", 38)
    await tab.press("Enter", 13)
    assert "office" in await tab.until(PICKED)
    await tab.press("Escape", 27)
    assert await tab.ask(PICKED) is None


async def test_colours_have_a_legend(site: str, tab: Chromium) -> None:
    await open_view(tab, site, "town.city.json")
    legend = "[...document.querySelectorAll('.live-map-legend li')].map(row => row.textContent)"
    assert await tab.ask(legend) == ["Building", "BridgePart"]
    await tab.ask(
        "(() => { const field = document.querySelector('.live-map-layer select');"
        " field.value = 'Height (m)'; field.dispatchEvent(new Event('change')); })()"
    )
    assert len(await tab.ask(legend)) == 5
    before = await tab.ask(COLOURS)
    assert before > 8


async def test_a_large_file_is_cut_and_the_page_says_so(site: str, tab: Chromium) -> None:
    await open_view(tab, site, "large.city.json")
    text = await tab.ask("document.querySelector('.live-map-layer').textContent")
    assert "the first 5,000 of 5,201 objects" in text


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
async def test_a_view_breaks_no_rule(site: str, tab: Chromium, width: int, dark: bool) -> None:
    for file in ("town.city.json", "tiles.zip"):
        await open_view(tab, site, file, width=width, dark=dark)
        assert await violations(tab, axe_script()) == []
        assert await tab.ask("document.documentElement.scrollWidth <= innerWidth")


async def test_without_scripts_there_is_a_table(site: str, tab: Chromium) -> None:
    await tab.look(f"{site}{VIEW}town.city.json", scripts=False)
    assert await tab.ask("document.querySelectorAll('table.data tbody tr').length") == 13
    assert "Without JavaScript" in await tab.ask("document.querySelector('noscript').textContent")
    assert [url for url in tab.requests if "/map/" in url] == []


async def test_a_view_that_fails_leaves_the_table(site: str, tab: Chromium) -> None:
    await tab.send("Network.setBlockedURLs", urls=["*scenes.mjs*"])
    try:
        await tab.look(f"{site}{VIEW}town.city.json&again=1")
        await tab.until(f"{BOX}.dataset.state === 'failed'")
        assert "table" in await tab.ask("document.querySelector('.live-map-status').textContent")
        assert await tab.ask("document.querySelectorAll('table.data tbody tr').length") == 13
    finally:
        await tab.send("Network.setBlockedURLs", urls=[])
