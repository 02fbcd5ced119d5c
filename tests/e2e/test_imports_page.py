"""The page of imports in a real browser, with a real node behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.chromium import Chromium, binary
from tests.nodes import Running, running

pytestmark = pytest.mark.browser

TURTLE = """@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
<https://shop.example/> a dcat:Catalog ; dct:title "Stad"@nl .
<https://shop.example/1> a dcat:Dataset ; dct:title "=1+1" ; dct:language "nl" .
<https://shop.example/2> a dcat:Dataset ; dct:title "<b>Bomen</b>"@nl .
<https://shop.example/3> a dcat:Dataset .
"""


@pytest.fixture
def city(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "city", template=sqlite_template) as node:
        yield node


def session(city: Running) -> str:
    """The session of the node's administrator, who signed in by the form."""
    with city.http() as http:
        page = http.get("/sign-in", headers={"Accept": "text/html"}).text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"csrf": token, "login": "admin", "password": city.password, "next": "/"}
        answer = http.post("/sign-in", data=fields, headers={"Origin": city.url})
        assert answer.status_code == 303, answer.text
        return str(http.cookies["hansa_session"])


async def test_a_file_is_imported_filtered_and_offered_as_csv(city: Running) -> None:
    cookie = session(city)
    choose = (
        "(() => { const bag = new DataTransfer();"
        f" bag.items.add(new File([{json.dumps(TURTLE)}], 'stad.ttl'));"
        " document.getElementById('file').files = bag.files; return bag.files.length })()"
    )
    submit = "document.querySelector('#import button:not([type=button])').click()"
    count = (
        "Object.fromEntries([...document.querySelectorAll('[data-count]')]"
        ".map(shown => [shown.dataset.count, shown.textContent]))"
    )
    async with Chromium(binary()) as tab:
        await tab.cookie(city.url, "hansa_session", cookie)
        await tab.look(f"{city.url}/imports?lang=en", width=360)
        assert await tab.ask(choose) == 1
        # The policy of the page lets no script read the file that a link offers.
        await tab.ask("URL.createObjectURL = blob => { window.sheet = blob; return 'blob:null/x' }")
        await tab.ask(submit)
        await tab.until("!document.getElementById('csv').hidden")
        assert await tab.ask("document.getElementById('state').textContent") == "The import has ended."
        counts = await tab.ask(count)
        assert (counts["new"], counts["refused"], counts["repaired"]) == ("2", "1", "1")
        rows = "[...document.querySelectorAll('#rows tr')].map(row => row.innerText)"
        assert len(await tab.ask(rows)) == 3
        assert await tab.ask("document.querySelectorAll('#rows b').length") == 0
        await tab.ask(
            "document.getElementById('outcome').value = 'refused';"
            "document.getElementById('outcome').dispatchEvent(new Event('change'))"
        )
        refused = await tab.ask(rows)
        assert len(refused) == 1
        assert "it has no title" in refused[0]
        sheet = await tab.ask("window.sheet.text()")
        assert '"\'=1+1"' in sheet
        assert len(sheet.splitlines()) == 4
        assert not await tab.ask("document.documentElement.scrollWidth > innerWidth")
        for hidden in ("stop", "trouble", "missing", "more", "counted"):
            assert not await tab.ask(f"document.getElementById('{hidden}').checkVisibility()"), hidden
        # Of an unchanged page, records are only counted: the table is empty, and the page says why.
        await tab.ask("records = []; counts = { unchanged: 3 }; show()")
        assert await tab.ask("document.getElementById('counted').checkVisibility()")
        assert tab.troubles == []


async def test_what_the_node_refuses_is_said_on_the_page(city: Running) -> None:
    cookie = session(city)
    async with Chromium(binary()) as tab:
        await tab.cookie(city.url, "hansa_session", cookie)
        await tab.look(f"{city.url}/imports?lang=en")
        await tab.ask("document.getElementById('url').value = 'https://10.0.0.1/catalog.ttl'")
        await tab.ask("document.querySelector('#import button:not([type=button])').click()")
        await tab.until("!document.getElementById('trouble').hidden")
        assert "private network" in await tab.ask("document.getElementById('trouble').innerText")
        assert await tab.ask("document.getElementById('report').hidden")
