"""From an agreement to bytes by the pages of a real node, as a browser without scripts sends them."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import pytest

from tests.integration.agreements.test_deletion import DELETED
from tests.nodes import CSV, Company, Running, agree, publish, until
from tests.portal_browser import csrf_of, post, signed_in


@pytest.fixture
def plzen(region_and_cities: Company) -> Running:
    return region_and_cities.cities[1]


@pytest.fixture
def gent(region_and_cities: Company) -> Running:
    return region_and_cities.cities[0]


@pytest.fixture
def browser(plzen: Running) -> Iterator[httpx2.Client]:
    """The browser of the consumer's administrator, signed in."""
    with signed_in(plzen) as client:
        yield client


def agreed(gent: Running, plzen: Running, slug: str, **options: Any) -> str:
    return str(agree(plzen, publish(gent, slug, **options)["iri"])["agreementId"])


def get(browser: httpx2.Client, agreement: str) -> str:
    """The page of the data that came under an agreement."""
    path = f"/agreements/{quote(agreement, safe='')}"
    assert ">Get the data</button>" in browser.get(path).text
    answer = post(browser, path, f"{path}/get")
    assert answer.status_code == 303, answer.text
    page = str(answer.headers["location"])
    until("the data are here", lambda: 'id="live"' not in browser.get(page).text)
    return page


def test_from_an_agreement_to_bytes(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    agreement = agreed(gent, plzen, "by-page", conditions=DELETED)
    page = get(browser, agreement)
    text = browser.get(page).text
    assert "Received and verified" in text
    assert hashlib.sha256(CSV).hexdigest() in text
    assert gent.node.parts.settings.name in text
    answer = browser.get(f"{page}/file")
    assert answer.content == CSV
    assert answer.headers["content-disposition"] == 'attachment; filename="by-page.csv"'
    signed = browser.get(f"{page}/manifest")
    pid = unquote(page.rpartition("/")[2])
    with plzen.http(headers=plzen.person()) as http:
        assert signed.text == http.get(f"/api/transfers/{pid}/manifest").text
    listed = browser.get("/received").text
    assert "by-page.csv" in listed
    assert "delete all copies" in listed

    # Deletion is confirmed on the page of the agreement: then there is nothing to download.
    path = f"/agreements/{quote(agreement, safe='')}"
    assert post(browser, path, f"{path}/confirm-deletion").status_code == 303
    assert "the file was deleted here" in browser.get(page).text
    assert browser.get(f"{page}/file").status_code == 404
    with plzen.http(headers=plzen.person()) as http:
        answer = http.get(f"/api/transfers/{pid}/content")
        assert (answer.status_code, "deleted" in answer.text) == (404, True)


def test_a_received_table_answers(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    table = "day,place,bikes\n" + "".join(
        f"2026-11-{1 + n % 28:02},{('Gent', 'Brugge')[n % 2]},{n}\n" for n in range(120)
    )
    agreement = agreed(gent, plzen, "asked", data=table.encode(), conditions=DELETED)
    page = get(browser, agreement)
    assert f'href="{page}/table"' in browser.get(page).text
    shown = browser.get(f"{page}/table", params={"is.place": "=Gent", "sort": "bikes", "desc": "1", "count": "place"})
    assert shown.status_code == 200, shown.text
    assert "1–50 of 60" in shown.text.replace("\u202f", " ")
    assert shown.text.index(">118<") < shown.text.index(">116<")
    assert f"{page}/groups.csv?" in html.unescape(shown.text)
    assert f"{page}/table.json" not in shown.text
    rows = browser.get(f"{page}/table.csv", params={"is.bikes": ">118"})
    assert rows.text == "day,place,bikes\r\n2026-11-07,Gent,118\r\n2026-11-08,Brugge,119\r\n"
    groups = browser.get(f"{page}/groups.csv", params={"count": "place", "how": "max", "of": "bikes"})
    assert groups.text.splitlines() == ["place,max bikes", "Brugge,119.0", "Gent,118.0"]
    assert browser.get(f"{page}/table", params={"sort": "no such column"}).status_code == 400
    with plzen.http() as stranger:
        for name in ("table", "table.csv", "groups.csv"):
            assert stranger.get(f"{page}/{name}").status_code in (303, 401), name
    # Sixty-four at once are all answered, or told to come again.
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: browser.get(f"{page}/table").status_code, range(64)))
    assert set(answers) <= {200, 503}
    assert 200 in answers
    path = f"/agreements/{quote(agreement, safe='')}"
    assert post(browser, path, f"{path}/confirm-deletion").status_code == 303
    assert browser.get(f"{page}/table").status_code == 404


def test_the_page_of_the_asset_leads_to_the_data(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    iri = publish(gent, "by-asset")["iri"]
    with plzen.client() as client:
        client.follow(gent.url)
    until("the record is here", lambda: browser.get("/record", params={"iri": iri}).status_code == 200)
    assert ">Get the data</button>" not in browser.get("/record", params={"iri": iri}).text
    agreement = str(agree(plzen, iri)["agreementId"])
    text = browser.get("/record", params={"iri": iri}).text
    assert f"/agreements/{quote(agreement, safe='')}/get" in text
    assert "/record/ask" not in text


def test_an_agreement_that_has_ended_says_so(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    agreement = agreed(gent, plzen, "ended")
    path = f"/agreements/{quote(agreement, safe='')}"
    stores = plzen.node.parts.stores
    with stores.uow.begin() as tx:
        signed = stores.negotiation.agreements.get(tx, agreement)
        assert signed is not None
        stores.negotiation.agreements.save(tx, replace(signed, ended=signed.at, ended_why="replaced"))
    assert ">Get the data</button>" not in browser.get(path).text
    answer = post(browser, "/publish", f"{path}/get")
    assert answer.status_code == 409
    assert "the agreement is not in force" in answer.text


def test_data_of_a_withdrawn_asset_are_refused_in_words(
    gent: Running, plzen: Running, browser: httpx2.Client
) -> None:
    iri = publish(gent, "taken-away")["iri"]
    agreement = str(agree(plzen, iri)["agreementId"])
    with gent.client() as client:
        client.withdraw(iri, reason="wrong")
    text = browser.get(get(browser, agreement)).text
    assert "Not received" in text
    assert "no longer available" in text


def test_many_download_at_once(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    data = b"x" * 1_000_000
    page = get(browser, agreed(gent, plzen, "large", data=data))
    cookies = dict(browser.cookies)

    def download(_: int) -> bool:
        with httpx2.Client(base_url=plzen.url, cookies=cookies, timeout=120, trust_env=False) as client:
            answer = client.get(f"{page}/file")
            return answer.status_code == 200 and answer.content == data

    with ThreadPoolExecutor(64) as crowd:
        assert all(crowd.map(download, range(64)))


def test_many_clicks_are_one_request(gent: Running, plzen: Running, browser: httpx2.Client) -> None:
    agreement = agreed(gent, plzen, "clicks")
    path = f"/agreements/{quote(agreement, safe='')}"
    csrf = csrf_of(browser.get(path).text)
    fields, cookies = {"csrf": csrf}, dict(browser.cookies)

    def click(_: int) -> str:
        headers = {"Origin": plzen.url, "Accept": "text/html"}
        with httpx2.Client(base_url=plzen.url, cookies=cookies, timeout=120, trust_env=False) as client:
            return str(client.post(f"{path}/get", data=fields, headers=headers).headers["location"])

    assert browser.post(f"{path}/get", data=fields).status_code == 303
    with ThreadPoolExecutor(8) as crowd:
        pages = set(crowd.map(click, range(16)))
    assert all(browser.get(page).status_code == 200 for page in pages)
