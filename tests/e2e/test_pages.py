"""The portal in a real browser: sizes, keyboard, no scripts, no strangers on the line, nothing that runs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote, unquote

import pytest
import pytest_asyncio
import uvicorn

from node.portal.settings import PortalSettings
from tests.e2e.chromium import Chromium, binary
from tests.fakes.portal.harvests import SOURCE
from tests.fakes.portal.node import AGREEMENT, BASE, BROKEN, COUNTS, ELS, TRANSFER, FakeNode, application
from tests.fakes.portal.partner_streams import STREAM
from tests.fakes.portal.receipts import CONTENT
from tests.fakes.portal.receipts import DELETED as ERASED
from tests.fakes.portal.receipts import DONE as RECEIVED
from tests.fakes.portal.receipts import FAILED as LOST
from tests.fakes.portal.receipts import LIVE as COMING
from tests.fakes.portal.scenarios import (
    BRIDGE,
    DONE,
    FAILED,
    NETWORK,
    RUNNING,
    SLOWER,
    SPEED_LAYER,
    TEMPLATE,
    WITH_STREAM,
)
from tests.fakes.portal.stories import EARLIER, FOR_MEMBERS, RESULT
from tests.fakes.portal.table_questions import TABLE, offer_part
from tests.fakes.stores.drafts import DRAFT
from tests.unit.portal.test_hostile import MARKUP, Hostile

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

OPEN = (
    "/",
    "/search",
    "/search?q=verkeer&kind=dataset",
    "/search?q=lawaai",
    "/search?q=lawaai&widen=false",
    "/search?q=nothingatall",
    "/datasets/traffic-counts",
    "/datasets/traffic-counts?version=1",
    "/datasets/road-network",
    f"/record?iri={quote('http://127.0.0.1:8102/models/road-noise', safe='')}",
    f"/record?iri={quote('https://daten.aachen.example/datasets/fahrbahn', safe='')}",
    "/ontologies/mobility",
    "/schemas/traffic-flow-observed",
    "/scenarios/contributiebrug",
    "/sparql?query=SELECT%20%2A%20WHERE%20%7B%3Fs%20%3Fp%20%3Fo%7D",
    f"/record/table?iri={quote(COUNTS, safe='')}&file=traffic-sample.csv&count=vehicleType&is.vehicleType=car",
    f"/record/map?iri={quote(f'{BASE}/datasets/road-network', safe='')}&file=segments.geojson&find=traffic",
    f"/record/3d?iri={quote(f'{BASE}/datasets/road-network', safe='')}&file=town.city.json",
    "/subscriptions/mail/a-secret",
    *(f"/record/story?iri={quote(iri, safe='')}" for iri in (RESULT, EARLIER)),
    f"/record/story/embed?iri={quote(RESULT, safe='')}",
    "/sign-in",
    "/members",
    "/schema/registry",
    "/schema/registry?subject=traffic-flow-observed",
    "/about",
    "/docs/api",
)
INSIDE = (
    "/decisions",
    "/agreements",
    f"/agreements/{AGREEMENT}?check=now",
    f"/agreements/{AGREEMENT}/document?document=both",
    f"/agreements/{TABLE}",
    f"/agreements/{TABLE}/ask",
    f"/agreements/{STREAM}/stream",
    "/datasets/road-network?partner=show",
    "/subscriptions",
    "/questions",
    "/users",
    "/account",
    "/received",
    "/shipments",
    "/webhooks",
    "/webhooks/airflow",
    "/subscribers",
    *(f"/received/{pid}" for pid in (RECEIVED, COMING, LOST, ERASED)),
    f"/received/{RECEIVED}/table?count=segment",
    f"/received/{RECEIVED}/map",
    f"/received/{RECEIVED}/3d",
    "/processes",
    f"/processes/{TRANSFER}",
    f"/processes/{BROKEN}",
    "/deliveries",
    "/operate",
    "/operate/place",
    "/operate/settings",
    "/operate/storage",
    "/operate/audit",
    "/operate/audit/3",
    "/imports",
    f"/imports/values/table?source={quote(SOURCE, safe='')}",
    "/quality",
    f"/quality?record={quote(COUNTS, safe='')}",
    "/quality/profiles/geodcat-ap",
    "/sources",
    "/schema/convert",
    "/publish",
    "/changes",
    f"/publish/{DRAFT}",
    f"/publish/{DRAFT}/conditions?from=mobility-partners",
    f"/publish/{DRAFT}/preview",
    f"/publish?like={quote(COUNTS, safe='')}",
    f"/record/withdraw?iri={quote(COUNTS, safe='')}",
    f"/record/eligibility?iri={quote(COUNTS, safe='')}",
    "/search/region?q=noise",
    f"/record/limits?iri={quote(COUNTS, safe='')}",
    f"/record/story?iri={quote(FOR_MEMBERS, safe='')}",
    *(
        f"{path}?iri={quote(f'{BASE}/{name}', safe='')}"
        for path, name in (
            ("/record/foresee", "ontologies/mobility"),
            ("/transformation/draft", "schemas/traffic-flow-observed"),
            ("/ontology/align", "ontologies/mobility"),
            ("/ontology/reason", "ontologies/mobility"),
            ("/schema/check", "schemas/traffic-flow-observed"),
            ("/transformation/try", "transformations/quarter-to-hour"),
        )
    ),
    "/applications",
    "/issued",
    "/region",
    "/region/leave",
    "/rulebook",
    "/rulebook/templates",
    "/rulebook/templates?name=mobility-two-years",
    "/members/block?did=did:web:mallory.example",
    "/members/block?did=did:web:plzen.example",
    "/keys",
    "/runs",
    f"/runs/{DONE}?row=gent-rec-009",
    f"/runs/{DONE}?show=hourly.hourly:light",
    f"/runs/{RUNNING}",
    f"/runs/{FAILED}",
    f"/runs/compare?left={DONE}&right={SLOWER}",
    f"/scenario/bind?template={quote(TEMPLATE, safe='')}&input.network=&param.greenFactor=7",
    f"/scenario/bind?template={quote(TEMPLATE, safe='')}&{WITH_STREAM}&last.trips=10m",
    "/layers",
    f"/layers/{SPEED_LAYER}?feature=gent-seg-020",
    f"/layers/{SPEED_LAYER}?add=1&like=gent-seg-005",
    "/scenarios/contributiebrug",
    "/models/traffic-assignment",
)
BROKEN_ONES = ("/nowhere", "/broken", "/datasets/parking", "/sparql?query=nonsense")

TAB, ENTER = 9, 13


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The portal with the content of the demonstration, on a port of its own."""
    node = FakeNode()
    node.sessions["els-session"] = ELS
    offer_part(node)
    yield from serve(node)


@pytest.fixture(scope="module")
def hostile_site() -> Iterator[str]:
    """The portal over a node whose descriptions all try to run something."""
    yield from serve(Hostile(list(MARKUP), "model"))


def serve(node: FakeNode, settings: PortalSettings | None = None) -> Iterator[str]:
    """Serve the portal of ``node`` while the iterator waits; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(node, settings), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Chromium]:
    """One browser for the tests of this file."""
    async with Chromium(binary()) as chromium:
        yield chromium


async def test_pages_fit_from_four_hundred_per_cent_to_a_desk(site: str, tab: Chromium) -> None:
    """320 pixels are 1280 at 400 % zoom (WCAG 2.2, 1.4.10)."""
    wide = []
    for path in (*OPEN, *INSIDE, *BROKEN_ONES):
        if path in INSIDE:
            await tab.cookie(site, "hansa_session", "els-session")
        await tab.look(site + path, width=320)
        for width in (320, 360, 1280):
            await tab.resize(width=width, dark=width == 360)
            if await tab.ask("document.documentElement.scrollWidth > innerWidth"):
                wide.append((path, width))
        await tab.forget_cookies()
    assert wide == []


async def test_lists_hide_no_column_on_a_phone(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    boxes = "[...document.querySelectorAll('.table-box:has(table.stacks)')]"
    hidden = f"{boxes}.filter(box => box.scrollWidth > box.clientWidth).length"
    for path in ("/datasets/traffic-counts", "/members", "/agreements", f"/agreements/{AGREEMENT}", "/processes"):
        await tab.look(site + path, width=360)
        assert await tab.ask("document.querySelectorAll('table.stacks').length"), path
        assert await tab.ask(hidden) == 0, path
    await tab.forget_cookies()


async def test_pages_load_from_here_only_and_without_complaint(site: str, tab: Chromium) -> None:
    for path in OPEN:
        await tab.look(site + path)
        assert tab.troubles == [], path
        assert all(url.startswith(f"{site}/") for url in tab.requests), path
    await tab.look(site + "/about")
    blocked = (
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.__xss = 1'}))"
    )
    assert await tab.ask(f"{blocked}; window.__xss === undefined"), "the policy lets inline scripts run"


async def test_light_and_dark_by_preference(site: str, tab: Chromium) -> None:
    seen = []
    for dark in (False, True):
        await tab.look(site, dark=dark)
        seen.append(await tab.ask("getComputedStyle(document.documentElement).backgroundColor"))
    assert seen == ["rgb(245, 246, 244)", "rgb(17, 22, 26)"]


async def test_the_keyboard_goes_everywhere_and_is_seen(site: str, tab: Chromium) -> None:
    await tab.look(site + "/search?q=verkeer")
    await tab.press("Tab", TAB)
    assert await tab.ask("document.activeElement.className") == "skip"
    assert await tab.ask("document.activeElement.getBoundingClientRect().top >= 0"), "the skip link shows itself"
    await tab.press("Enter", ENTER)
    assert await tab.ask("document.activeElement.id") == "main"
    await tab.look(site + "/search?q=verkeer")
    focusable = await tab.ask(
        "[...document.querySelectorAll("
        "'a[href], button, input:not([type=hidden]), select, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility({visibilityProperty: true}) && !e.closest('.pop > ul')).length"
    )
    reached, unseen = 0, []
    for _ in range(focusable + 5):
        await tab.press("Tab", TAB)
        focus = await tab.ask(
            "(e => e === document.body ? null : [e.outerHTML.slice(0, 80), getComputedStyle(e).outlineStyle, "
            "e.getBoundingClientRect().width > 0])(document.activeElement)"
        )
        if focus is None:
            break
        reached += 1
        if focus[1] == "none" or not focus[2]:
            unseen.append(focus[0])
    assert unseen == []
    assert reached == focusable


async def test_things_to_press_are_large_enough(site: str, tab: Chromium) -> None:
    """24 pixels each way, except for links inside a sentence (WCAG 2.2, 2.5.8)."""
    await tab.cookie(site, "hansa_session", "els-session")
    pages = (
        "/",
        "/search",
        "/datasets/traffic-counts",
        "/decisions",
        "/issued",
        "/members",
        "/runs",
        f"/runs/{DONE}",
    )
    for path in (*pages, f"/layers/{SPEED_LAYER}?feature=gent-seg-020"):
        await tab.look(site + path, width=360)
        small = await tab.ask(
            "[...document.querySelectorAll('button, summary, input, nav a, .chip, .facet-link, .tile, .pages a')]"
            ".filter(e => e.checkVisibility() && e.type !== 'hidden')"
            ".map(e => [e.outerHTML.slice(0, 70), e.getBoundingClientRect()])"
            ".filter(([_, r]) => r.width < 24 || r.height < 24).map(([h, r]) => `${h} ${r.width}×${r.height}`)"
        )
        assert small == [], path
    await tab.forget_cookies()


async def test_facets_stand_beside_on_a_desk_and_unfold_on_a_phone(site: str, tab: Chromium) -> None:
    shown = (
        "document.querySelector('.facet-link').checkVisibility()"
        " && document.querySelector('.facets').getBoundingClientRect().height > 100"
    )
    await tab.look(site + "/search", scripts=False)
    await _until(tab, shown)
    await tab.look(site + "/search", width=360, scripts=False)
    await _until(tab, f"!({shown})")
    await tab.ask("document.querySelector('.facets > summary').click()")
    await _until(tab, shown)


async def test_all_of_it_works_without_scripts(site: str, tab: Chromium) -> None:
    await tab.look(site, scripts=False)
    await tab.ask("document.querySelector('#q').focus()")
    await tab.send("Input.insertText", text="noise")
    await _goes(tab, tab.press("Enter", ENTER))
    assert (await tab.ask("location.pathname + location.search")) == "/search?q=noise"
    assert await tab.ask("document.querySelectorAll('.hit').length > 0")
    await tab.look(site + "/datasets/traffic-counts", scripts=False)
    assert await tab.ask("[...document.querySelectorAll('.copy')].every(b => !b.checkVisibility())")
    await tab.look(site + "/sign-in?next=/agreements", scripts=False)
    for field, text in (("login", "els"), ("password", "gent")):
        await tab.ask(f"document.querySelector('#{field}').focus()")
        await tab.send("Input.insertText", text=text)
    await _goes(tab, tab.press("Enter", ENTER))
    assert (await tab.ask("location.pathname")) == "/agreements"
    await tab.look(site + "/decisions", scripts=False)
    await _goes(tab, tab.ask("document.querySelector('button[value=refuse]').click()"))
    assert await tab.ask("document.querySelector('textarea[aria-invalid]') !== null"), "a refusal needs a reason"
    await tab.ask("document.querySelector('textarea[aria-invalid]').value = 'not for us to give'")
    await _goes(tab, tab.ask("document.querySelector('button[value=refuse]').click()"))
    assert await tab.ask("document.querySelector('[role=status]').textContent.includes('Refused')")
    await _goes(tab, tab.ask("document.querySelector('form[action=\"/sign-out\"] button').click()"))
    assert (await tab.ask("location.pathname")) == "/"
    await tab.forget_cookies()


async def test_a_dataset_is_edited_without_scripts_and_withdrawn_by_keyboard(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    page = f"{site}/datasets/staff"
    await tab.look(page, scripts=False)
    await _goes(tab, tab.ask("document.querySelector('form[action=\"/record/edit\"] button').click()"))
    draft = await tab.ask("location.pathname")
    basis = "document.querySelector('#personal_basis').checkVisibility()"
    await tab.ask("document.querySelectorAll('details').forEach((more) => { more.open = true; })")
    assert not await tab.ask(f"document.querySelector('#personal_data-no').click(); {basis}"), "only asked for if so"
    assert await tab.ask(f"document.querySelector('#personal_data-yes').click(); {basis}")
    await tab.ask("document.querySelector('#personal_data-none').click()")
    await tab.ask("document.querySelector('#title').value += ' (corrected)'")
    await _goes(tab, tab.ask("document.querySelector('button[value=preview]').click()"))
    assert (await tab.ask("location.pathname")) == f"{draft}/preview"
    assert await tab.ask("document.querySelector('.differences ins').textContent.endsWith(' (corrected)')")
    await _goes(tab, tab.ask("document.querySelector('form[action$=\"/publish\"] button').click()"))
    assert await tab.ask("document.querySelector('h1').textContent.endsWith(' (corrected)')")

    await tab.look(page)
    await tab.ask("document.querySelector('a[href^=\"/record/withdraw\"]').focus()")
    await _goes(tab, tab.press("Enter", ENTER))
    await tab.ask("document.querySelector('#reason').focus()")
    await tab.press("Tab", TAB)
    await _goes(tab, tab.press("Enter", ENTER))
    assert await tab.ask("document.querySelector('#reason').getAttribute('aria-invalid') === 'true'")
    assert await tab.ask("document.activeElement.id === 'reason'")
    await tab.send("Input.insertText", text="Measured wrongly.")
    await tab.press("Tab", TAB)
    await _goes(tab, tab.press("Enter", ENTER))
    assert await tab.ask("document.querySelector('.band [role=note]').textContent.includes('Measured wrongly.')")
    await tab.forget_cookies()


async def test_data_are_fetched_and_downloaded_by_keyboard_and_without_scripts(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    agreement = f"{site}/agreements/{quote('https://plzen.example/agreements/7', safe='')}"
    for scripts in (False, True):
        await tab.look(agreement, scripts=scripts)
        await tab.ask("document.querySelector('form[action$=\"/get\"] button').focus()")
        await _goes(tab, tab.press("Enter", ENTER))
        assert unquote(await tab.ask("location.pathname")) == f"/received/{COMING}"
        assert await tab.ask("document.querySelector('#live progress').value > 0")
        reloads = await tab.ask("document.querySelector('meta[http-equiv=refresh]') !== null")
        assert reloads is not scripts
    await tab.ask("document.querySelector('#live .verdict-word').textContent = 'old'")
    await _until(tab, "document.querySelector('#live .verdict-word').textContent === 'Receiving'", turns=120)
    assert tab.troubles == []
    await tab.look(f"{site}/received/{RECEIVED}", scripts=False)
    link = "document.querySelector('a[download][href$=\"/file\"]')"
    assert await tab.ask(f"{link}.checkVisibility()")
    await tab.send("Emulation.setScriptExecutionDisabled", value=False)
    saved = await tab.ask(f"fetch({link}.href).then(answer => answer.text())")
    assert saved == CONTENT.decode()
    await tab.look(site)
    await tab.forget_cookies()


async def test_a_layer_is_drawn_by_clicks_on_the_map_without_scripts(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    await tab.look(f"{site}/layers/new?target={quote(NETWORK, safe='')}", scripts=False)
    spot = await tab.ask(
        "(e => { e.scrollIntoView({block: 'center', behavior: 'instant'}); "
        "const path = e.querySelector('path:last-of-type'); "
        "const at = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM()); "
        f"return [at.x, at.y]; }})(document.querySelector('a[aria-label=\"{BRIDGE}\"]'))"
    )
    x, y = spot
    tab.loaded.clear()
    for kind in ("mousePressed", "mouseReleased"):
        await tab.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    await tab.settled()
    assert await tab.ask("document.querySelector('#edit').textContent") == BRIDGE
    for field, text in (("set.capacity_vph", "0"), ("title", "Closed"), ("reason", "What if?")):
        await tab.ask(f"document.querySelector('[name=\"{field}\"]').value = '{text}'")
    await _goes(tab, tab.ask("document.querySelector('#form form button').click()"))
    assert await tab.ask("document.querySelector('h1').textContent") == "Closed"
    assert await tab.ask("document.querySelector('.operations ins').textContent") == "0"
    await tab.forget_cookies()


async def test_the_form_of_a_data_source_asks_for_what_its_kind_has(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    shown = "[...document.querySelectorAll('input[id^=option-]')].filter(f => f.checkVisibility()).map(f => f.name)"
    await tab.look(f"{site}/sources")
    for kind, options in (("features", []), ("postgis", ["schema"]), ("mqtt", ["version"])):
        await tab.ask(
            f"document.getElementById('source-kind').value = '{kind}';"
            "document.getElementById('source-kind').dispatchEvent(new Event('change')); null"
        )
        assert [name for name in await tab.ask(shown) if name != "reads_per_minute"] == options
    await tab.look(f"{site}/sources", scripts=False)
    assert set(await tab.ask(shown)) >= {"schema", "version"}
    await tab.forget_cookies()


async def test_a_run_under_way_shows_news_by_itself(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    await tab.look(f"{site}/runs/{RUNNING}")
    assert await tab.ask("document.querySelector('meta[http-equiv=refresh]') === null")
    await tab.ask("document.querySelector('#live h2').textContent = 'old'")
    await _until(tab, "document.querySelector('#live h2').textContent.includes('%')")
    assert tab.troubles == []
    await tab.look(f"{site}/runs/{RUNNING}", scripts=False)
    assert await tab.ask("document.querySelector('meta[http-equiv=refresh]') !== null")
    await tab.look(f"{site}/about")
    await tab.forget_cookies()


async def test_maps_are_light_by_night_too(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    for dark in (False, True):
        await tab.look(f"{site}/runs/{DONE}", dark=dark)
        assert (
            await tab.ask("getComputedStyle(document.querySelector('svg.plate')).backgroundColor")
            == "rgb(255, 255, 255)"
        )
    await tab.forget_cookies()


async def test_with_scripts_there_are_copy_buttons(site: str, tab: Chromium) -> None:
    await tab.look(site + "/datasets/road-network")
    await tab.send(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"], origin=site
    )
    button = "document.querySelector('.command .copy')"
    assert not await tab.ask(f"{button}.checkVisibility()"), "commands come after what a person can click"
    await tab.ask(f"{button}.closest('details').querySelector('summary').click()")
    assert await tab.ask(f"{button}.checkVisibility()")
    await tab.ask(f"{button}.focus()")
    await tab.ask(f"{button}.click()")
    await _until(tab, f"{button}.querySelector('span').textContent === 'Copied'")


async def test_an_agreement_prints_as_a_document(site: str, tab: Chromium) -> None:
    await tab.cookie(site, "hansa_session", "els-session")
    await tab.look(site + f"/agreements/{AGREEMENT}", dark=True)
    await tab.send("Emulation.setEmulatedMedia", media="print")
    shown = "[...document.querySelectorAll('.top, .foot, .use, .copy')].filter(e => e.checkVisibility()).length"
    assert await tab.ask(shown) == 0
    assert await tab.ask("document.querySelector('.paper').checkVisibility()")
    assert await tab.ask("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert await tab.ask("getComputedStyle(document.querySelector('.paper')).color") == "rgb(26, 33, 38)"
    await tab.send("Emulation.setEmulatedMedia", media="")
    await tab.forget_cookies()


async def test_nothing_that_others_wrote_runs(hostile_site: str, tab: Chromium) -> None:
    paths = [
        "/",
        "/search",
        *(f"/models/hostile{number}" for number in range(len(MARKUP))),
        *(f"/search?q={quote(text)}" for text in MARKUP[:6]),
        f"/sparql?query={quote(MARKUP[5])}",
        f"/sign-in?next={quote(MARKUP[11])}",
    ]
    for path in paths:
        await tab.look(hostile_site + path)
        assert await tab.ask("window.__xss === undefined"), path
        assert await tab.ask("document.querySelectorAll('script:not([src^=\"/portal/\"])').length") == 0, path
        assert all(url.startswith(f"{hostile_site}/") for url in tab.requests), (path, tab.requests)


async def _until(tab: Chromium, expression: str, *, turns: int = 40) -> None:
    """Wait for some moments until the page says so: what a click changes shows with the next frame."""
    for _ in range(turns):
        if await tab.ask(expression):
            return
        await asyncio.sleep(0.025)
    pytest.fail(f"never so: {expression}")


async def _goes(tab: Chromium, action: object) -> None:
    """Do ``action`` and wait for the page that it leads to."""
    tab.loaded.clear()
    await action  # type: ignore[misc]
    await tab.settled()
