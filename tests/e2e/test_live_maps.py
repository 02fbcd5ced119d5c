"""Maps in a real browser: they draw, answer and can be worked by keyboard, ask no other host, break no policy, run
nothing of the data, and leave the drawing to readers without scripts."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import pytest_asyncio

from node.portal.map_files import map_files
from node.portal.settings import PortalSettings
from tests.e2e.axe import axe_script, violations
from tests.e2e.chromium import Chromium, binary
from tests.e2e.test_pages import serve
from tests.fakes.portal.node import BASE, FakeNode

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).resolve().parents[2]
ROADS = quote(f"{BASE}/datasets/road-network", safe="")
MAP = f"/record/map?iri={ROADS}&file=segments.geojson"
ACTS = "<img src=x onerror=window.__xss=1><script>window.__xss=1</script>"
LIVE = "document.querySelector('.live-map').live"
WITHOUT_MAP_CODE = 150_000


def features() -> bytes:
    """Areas, lines and points with hostile cells and names of columns, numbers and times."""
    shapes: list[dict[str, Any]] = []
    for number in range(30):
        x, y = 3.6 + number % 6 * 0.05, 51.0 + number // 6 * 0.03
        geometry = (
            {"type": "Point", "coordinates": [x, y]},
            {"type": "LineString", "coordinates": [[x, y], [x + 0.03, y + 0.01]]},
            {"type": "MultiPolygon", "coordinates": [[[[x, y], [x + 0.03, y], [x + 0.03, y + 0.02], [x, y]]]]},
        )[number % 3]
        cells = {
            "name": f"{ACTS} {number}",
            ACTS: "javascript:window.__xss=1",
            "cars": number * 10,
            "at": f"2026-0{number % 5 + 1}-01T08:00:00Z",
        }
        shapes.append({"type": "Feature", "properties": cells, "geometry": geometry})
    return json.dumps({"type": "FeatureCollection", "features": shapes}).encode()


@pytest.fixture(scope="module")
def settings() -> PortalSettings:
    made = subprocess.run([ROOT / "scripts" / "assets"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(made.stderr.strip() or "the files of maps cannot be made here")
    files = map_files(ROOT / "build" / "assets")
    return PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32, maps=files)


@pytest.fixture(scope="module")
def site(settings: PortalSettings) -> Iterator[str]:
    node = FakeNode()
    node.maps["segments.geojson"] = features()
    yield from serve(node, settings)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Chromium]:
    async with Chromium(binary()) as chromium:
        yield chromium


async def open_map(tab: Chromium, address: str, **options: Any) -> None:
    """Open a page and wait until its map is drawn."""
    await tab.look(address, **options)
    await tab.ask("document.querySelector('.live-map-frame').scrollIntoView(), 0")
    await tab.until("document.querySelector('.live-map')?.dataset.state === 'ready'")
    # The page grew with it: only now the map stays where it is brought.
    await tab.ask(f"{LIVE}.area.scrollIntoView({{block: 'center', behavior: 'instant'}}), 0")


def drawn(layer: str) -> str:
    return f"{LIVE}.map.queryRenderedFeatures({{layers: ['{layer}']}}).length"


async def test_a_map_is_drawn_from_this_node_only(site: str, tab: Chromium) -> None:
    await open_map(tab, site + MAP)
    for part in ("fill", "line", "point"):
        assert await tab.until(drawn(f"data-0-{part}")) > 0
    assert await tab.until(drawn("base-land")) > 0, "there is a base map below"
    assert tab.troubles == []
    assert [url for url in tab.requests if not url.startswith((site, "data:"))] == []
    assert [url for url in tab.requests if url.startswith("data:") and not url.startswith("data:image/")] == []
    assert await tab.ask("getComputedStyle(document.querySelector('.map > svg')).display") == "none"
    assert await tab.ask("document.querySelector('.live-map-source').textContent") == "Base map: Natural Earth"


async def test_names_of_countries_are_in_the_language_of_the_reader(site: str, tab: Chromium) -> None:
    await open_map(tab, f"{site}{MAP}&lang=nl")
    await tab.ask(f"{LIVE}.map.jumpTo({{center: [9, 50], zoom: 4}}), 0")
    await tab.until(drawn("base-countries"))
    expression = f"{LIVE}.map.getLayoutProperty('base-countries', 'text-field').includes('Duitsland')"
    assert await tab.ask(expression)
    await tab.look(f"{site}/?lang=en")


async def test_a_feature_is_picked_and_nothing_of_it_runs(site: str, tab: Chromium) -> None:
    await open_map(tab, site + MAP)
    place = await tab.ask(
        f"(() => {{ const point = {LIVE}.map.project([3.6, 51.0]); const box = {LIVE}.area.getBoundingClientRect();"
        " return [box.x + point.x, box.y + point.y]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        await tab.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
    text = await tab.until("document.querySelector('.live-map-picked dl')?.textContent")
    assert f"{ACTS} 0" in text
    assert "javascript:window.__xss=1" in text
    assert await tab.ask("document.querySelectorAll('.live-map img, .live-map script, .live-map a').length") == 0
    columns = "[...document.querySelectorAll('.live-map-layer select')[0].options].map(option => option.value)"
    assert ACTS in await tab.ask(columns)
    for column in ("name", ACTS, "cars"):
        await choose(tab, column)
    assert await tab.ask("window.__xss") is None
    assert tab.troubles == []


async def choose(tab: Chromium, column: str) -> None:
    """Colour by a column, and wait until the map has its colours."""
    await tab.ask(
        "(() => { const field = document.querySelector('.live-map-layer select');"
        f" field.value = {json.dumps(column)}; field.dispatchEvent(new Event('change')); }})()"
    )
    await tab.until(f"{LIVE}.map.loaded()")


async def test_colours_have_a_legend_and_times_a_slider(site: str, tab: Chromium) -> None:
    await open_map(tab, site + MAP)
    assert await tab.ask("document.querySelectorAll('.live-map-legend li').length") == 0
    await choose(tab, "cars")
    texts = await tab.ask("[...document.querySelectorAll('.live-map-legend li')].map(row => row.textContent)")
    assert texts == ["0 – 60", "60 – 120", "120 – 180", "180 – 240", "240 – 290"]
    before = await tab.until(drawn("data-0-point"))
    await tab.ask(
        "(() => { const field = document.querySelector('.live-map-panel input[type=range]');"
        " field.value = '2'; field.dispatchEvent(new Event('input')); })()"
    )
    assert await tab.ask("document.querySelector('output').textContent") == "2026-02-01 08:00:00"
    await tab.until(f"{LIVE}.map.loaded() && {drawn('data-0-point')} < {before} && {drawn('data-0-point')} > 0")
    assert tab.troubles == []


async def test_a_map_is_worked_by_keyboard(site: str, tab: Chromium) -> None:
    await open_map(tab, site + MAP)
    canvas = f"{LIVE}.map.getCanvas()"
    assert await tab.ask(f"{canvas}.tabIndex") == 0
    assert "Arrows move it" in await tab.ask(f"{canvas}.getAttribute('aria-label')")
    await tab.press("Tab", 9)  # what is focused after a key shows that it is
    await tab.ask(f"{LIVE}.map.jumpTo({{center: [3.6, 51.0], zoom: 13}}), {canvas}.focus(), 0")
    await tab.until(f"{LIVE}.map.loaded()")
    assert await tab.ask("getComputedStyle(document.querySelector('.live-map-cross')).visibility") == "visible"
    await tab.press("Enter", 13)
    assert f"{ACTS} 0" in await tab.until("document.querySelector('.live-map-picked dl')?.textContent")
    await tab.press("ArrowRight", 39)
    await tab.until(f"{LIVE}.map.getCenter().lng > 3.6")
    await tab.ask("document.querySelectorAll('.live-map-steps button')[1].focus(), 0")
    await tab.press("Enter", 13)
    await tab.until(f"document.querySelector('.live-map-picked dl').textContent.includes({json.dumps(ACTS + ' 1')})")
    assert await tab.ask("document.activeElement.textContent") == "Next", "the focus stays for the next step"


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_page_with_a_map_breaks_no_rule(site: str, tab: Chromium, width: int) -> None:
    script = axe_script()
    for address in (MAP, "/datasets/road-network"):
        await open_map(tab, site + address, width=width)
        assert await violations(tab, script) == []
        assert await tab.ask("document.documentElement.scrollWidth <= innerWidth")


async def test_two_layers_are_shown_together_and_one_can_be_hidden(site: str, tab: Chromium) -> None:
    layer = quote(f"segments.geojson {BASE}/datasets/road-network", safe="")
    await open_map(tab, f"{site}{MAP}&layer={layer}")
    assert await tab.until(drawn("data-1-point")) > 0
    await tab.ask("document.querySelectorAll('.live-map-layer input[type=checkbox]')[1].click()")
    await tab.until(f"{LIVE}.map.loaded() && {drawn('data-1-point')} === 0")
    assert await tab.ask(drawn("data-0-point")) > 0


async def test_without_scripts_the_drawing_and_the_table_are_there(site: str, tab: Chromium) -> None:
    await tab.look(site + MAP, scripts=False)
    assert await tab.ask("getComputedStyle(document.querySelector('.map > svg')).display") == "block"
    assert await tab.ask("document.querySelectorAll('table.data tbody tr').length") == 30
    assert [url for url in tab.requests if "/map/" in url] == [], "no map code is loaded"


async def test_map_code_is_loaded_when_a_map_comes_into_view(site: str, tab: Chromium) -> None:
    await tab.look(f"{site}/datasets/road-network", height=200)
    await asyncio.sleep(0.5)
    assert [url for url in tab.requests if "/map/" in url] == []
    size = 0
    async with httpx2.AsyncClient() as client:
        for url in dict.fromkeys(tab.requests):
            size += len(gzip.compress((await client.get(url)).content))
    assert size < WITHOUT_MAP_CODE
    await tab.ask("document.querySelector('.live-map-frame').scrollIntoView(), 0")
    await tab.until("document.querySelector('.live-map')?.dataset.state === 'ready'")
    assert [url for url in tab.requests if url.endswith("maplibre-gl.mjs")] != []


async def test_a_map_that_fails_leaves_the_drawing(site: str, tab: Chromium) -> None:
    await tab.send("Network.setBlockedURLs", urls=["*maplibre-gl.mjs*"])
    try:
        await tab.look(f"{site}{MAP}&again=1")
        await tab.until("document.querySelector('.live-map')?.dataset.state === 'failed'")
        assert await tab.ask("getComputedStyle(document.querySelector('.map > svg')).display") == "block"
        assert "table" in await tab.ask("document.querySelector('.live-map-status').textContent")
    finally:
        await tab.send("Network.setBlockedURLs", urls=[])


BOX = "document.querySelector('.box-map')"
SEARCHED = "location.search.includes('bbox=') && document.getElementById('bbox')?.value"


async def open_box(tab: Chromium, site: str) -> None:
    """Open the search, and on it the map on which an area is chosen."""
    await tab.look(f"{site}/search?q=verkeer&kind=dataset")
    assert [url for url in tab.requests if "/map/" in url] == [], "no map code before somebody wants a map"
    await tab.ask(f"{BOX}.querySelector('summary').focus(), 0")
    await tab.press("Enter", 13)
    await tab.until(f"{BOX}.dataset.state === 'ready'")
    assert tab.troubles == []


async def searched(tab: Chromium) -> list[float]:
    """West, south, east and north of the search that the page now shows."""
    return [float(edge) for edge in (await tab.until(SEARCHED)).split(",")]


async def test_an_area_is_drawn_and_searched(site: str, tab: Chromium) -> None:
    await open_box(tab, site)
    button = f"{BOX}.querySelector('button')"
    await tab.ask(f"{button}.scrollIntoView({{block: 'center'}}), {button}.click()")
    x, y = await tab.ask(
        f"(() => {{ const box = {BOX}.querySelector('canvas').getBoundingClientRect(); return [box.x, box.y]; }})()"
    )
    for kind, right, down in (("mousePressed", 40, 40), ("mouseMoved", 90, 90), ("mouseReleased", 140, 140)):
        await tab.send(
            "Input.dispatchMouseEvent", type=kind, x=x + right, y=y + down, button="left", buttons=1, clickCount=1
        )
    west, south, east, north = await searched(tab)
    assert -180 <= west < east <= 180
    assert -90 <= south < north <= 90
    address = await tab.ask("location.search")
    assert "kind=dataset" in address
    assert "q=verkeer" in address


async def test_a_box_is_drawn_by_keyboard(site: str, tab: Chromium) -> None:
    await open_box(tab, site)
    await tab.ask(f"{BOX}.live.jumpTo({{center: [3.7, 51], zoom: 8}}), 0")
    await tab.ask(f"{BOX}.querySelector('button').focus(), 0")
    await tab.press("Enter", 13)
    words = f"{BOX}.querySelector('[role=status]').textContent"
    first = await tab.until(f"{words}.includes('Arrows') && {words}")
    assert await tab.ask("document.activeElement.className") == "maplibregl-canvas"
    await tab.press("ArrowRight", 39)
    moved = await tab.ask(words)
    assert moved != first
    await tab.press("ArrowDown", 40, shift=True)
    assert await tab.ask(words) != moved
    assert await violations(tab, axe_script()) == []
    await tab.press("Escape", 27)
    assert await tab.ask(words) == ""
    assert await tab.ask("document.activeElement.textContent") == "Draw a box"
    assert "bbox" not in await tab.ask("location.search")
    await tab.press("Enter", 13)
    await tab.press("ArrowUp", 38, shift=True)
    await tab.press("Enter", 13)
    west, south, east, north = await searched(tab)
    assert west < 3.7 < east
    assert south < 51.2
    assert south < north
    assert east - west < 4


async def test_a_box_is_drawn_with_a_finger(site: str, tab: Chromium) -> None:
    await tab.send("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        await open_box(tab, site)
        button = f"{BOX}.querySelector('button')"
        await tab.ask(f"{button}.scrollIntoView({{block: 'center'}}), 0")
        press = await tab.ask(
            f"(() => {{ const box = {button}.getBoundingClientRect(); return [box.x + 9, box.y + 9]; }})()"
        )
        canvas = f"{BOX}.querySelector('canvas')"
        x, y = await tab.ask(f"(() => {{ const box = {canvas}.getBoundingClientRect(); return [box.x, box.y]; }})()")
        await touch(tab, "touchStart", press)
        await touch(tab, "touchEnd")
        await tab.until(f"{button}.getAttribute('aria-pressed') === 'true'")
        await touch(tab, "touchStart", (x + 40, y + 40))
        await touch(tab, "touchMove", (x + 90, y + 80))
        await touch(tab, "touchMove", (x + 140, y + 130))
        await touch(tab, "touchEnd")
        west, south, east, north = await searched(tab)
        assert -180 <= west < east <= 180
        assert -90 <= south < north <= 90
    finally:
        await tab.send("Emulation.setTouchEmulationEnabled", enabled=False)


async def touch(tab: Chromium, kind: str, *points: Sequence[float]) -> None:
    """Touch the page at ``points``, each with a finger."""
    await tab.send(
        "Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": across, "y": down} for across, down in points]
    )


async def test_the_visible_area_is_searched_by_keyboard(site: str, tab: Chromium) -> None:
    await open_box(tab, site)
    assert await violations(tab, axe_script()) == []
    await tab.ask(f"{BOX}.live.jumpTo({{center: [3.7, 51], zoom: 8}}), 0")
    await tab.ask(f"{BOX}.querySelectorAll('button')[1].focus(), 0")
    await tab.press("Enter", 13)
    west, south, east, north = await searched(tab)
    assert west < 3.7 < east
    assert south < 51 < north
    assert east - west < 5


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_map_of_members_leads_to_them_and_breaks_no_rule(site: str, tab: Chromium, width: int) -> None:
    await tab.look(f"{site}/members?lang=en", width=width)
    assert await violations(tab, axe_script()) == []
    assert await tab.ask("document.documentElement.scrollWidth <= innerWidth")
    assert await tab.ask("document.querySelector('.member-map .land').getAttribute('d').length") > 100
    assert [url for url in tab.requests if "/map/" in url] == [], "it needs no script and no file"
    await tab.ask("document.querySelector('.member-map a').focus(), 0")
    await tab.press("Enter", 13)
    row = "document.querySelector('tr:target')?.textContent"
    assert "Vlaanderen" in await tab.until(row)
