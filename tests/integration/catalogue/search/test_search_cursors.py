"""A search read page by page in the order of publication: in the API, on the page, in the terminal, by the client."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from node.cli.main import run
from node.client import HansaClient, Refusal
from tests.nodes import Running, described, publish, running

PATH = "/api/catalogue/search"


@pytest.fixture
def node(running_node: Running) -> Running:
    for number in range(7):
        publish(running_node, f"bridge-{number}", data=None, title=f"Bridge {number}")
    return running_node


def slugs(hits: list[dict[str, Any]]) -> list[str]:
    return [hit["iri"].rpartition("/")[2] for hit in hits]


def test_what_changes_between_pages_is_neither_missed_nor_repeated(node: Running) -> None:
    expected = [f"bridge-{number}" for number in range(7)]
    with node.client() as client, node.http(headers=node.person()) as http:
        page = http.get(PATH, params={"q": "bridge", "sort": "published", "limit": "2"}).json()
        hits = slugs(page["hits"])
        assert (page["total"], hits) == (7, expected[:2])
        # One that was read and one that was not change; one that was not read goes; new ones come.
        for slug in ("bridge-0", "bridge-5"):
            client.publish({"fields": described(slug, title=f"Bridge {slug}, renewed"), "conditions": "open"})
        client.withdraw(f"{node.url}/datasets/bridge-3")
        publish(node, "bridge-new", data=None, title="Bridge, new")
        while page["next"]:
            assert page["next"].startswith(f"{node.url}{PATH}?")
            page = http.get(page["next"]).json()
            hits += slugs(page["hits"])
    expected.remove("bridge-3")
    assert hits == [*expected, "bridge-new"]


@pytest.mark.parametrize("order", ["best", "newest", "quality"])
def test_pages_in_other_orders_go_on_behind_a_cursor_too(node: Running, order: str) -> None:
    params = {"q": "bridge", "limit": "3", "sort": order}
    with node.http() as http:
        expected = slugs(http.get(PATH, params=params | {"limit": "100"}).json()["hits"])
        page = http.get(PATH, params=params).json()
        assert parse_qs(urlsplit(page["next"]).query)["cursor"] == [page["cursor"]]
        publish(node, f"bridge-{order}", data=None, title=f"Bridge {order}")
        hits = slugs(page["hits"])
        while page["next"]:
            page = http.get(page["next"]).json()
            hits += slugs(page["hits"])
        # By quality, what was published last comes first among equals: behind the cursor there is nothing new.
        assert hits == expected
        assert len(hits) == 7


def test_descriptions_are_found_and_sorted_by_their_quality(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    with node.client() as client:
        hits = client.search("bridge", sort="quality")["hits"]
        points = [hit["points"] for hit in hits]
        assert points == sorted(points, reverse=True)
        assert points[0] > 0
        counts = client.search("bridge")["facets"]["quality"]
        assert sum(counts.values()) == 7
        (band,) = counts
        assert client.search("bridge", quality=band)["total"] == 7
        other = "bad" if band != "bad" else "excellent"
        assert client.search("bridge", quality=other)["total"] == 0
    assert run(["find", "bridge", "--sort", "quality", "--quality", band, "--node", str(node.folder)]) == 0
    assert capsys.readouterr().out.count("/datasets/bridge-") == 7
    with node.http(headers={"Accept": "text/html"}) as http:
        page = http.get("/search", params={"q": "bridge", "sort": "quality"}).text
        assert '<strong aria-current="true">quality</strong>' in page
        assert f"quality={band}" in page


def test_a_walk_continues_after_a_restart(node: Running) -> None:
    with node.client() as client:
        page = client.search("bridge", sort="published", limit=3)
    node.stop()
    with running(node.folder, port=int(node.url.rpartition(":")[2])) as again, again.client() as client:
        assert slugs(client.search("bridge", sort="published", cursor=page["cursor"])["hits"]) == [
            f"bridge-{number}" for number in range(3, 7)
        ]


def test_a_cursor_is_for_its_own_search(node: Running) -> None:
    with node.client() as client, node.http() as http:
        cursor = client.search("bridge", sort="published", limit=3)["cursor"]
        assert len(client.search("bridge", sort="published", limit=1, lang="nl", cursor=cursor)["hits"]) == 1
        for text, other, match in (
            ("bridges", cursor, "another search"),
            ("bridge", cursor[:-4] + "AAAA", "not one of this node"),
            ("bridge", "x", "not one of this node"),
            ("bridge", "é" * 20, "not one of this node"),
            ("bridge", "A" * 5000, "not one of this node"),
        ):
            with pytest.raises(Refusal, match=match) as refusal:
                client.search(text, sort="published", cursor=other)
            assert refusal.value.http_status == 400
            assert "begin again" in refusal.value.remedy
        for params in ({"cursor": cursor}, {"sort": "published", "offset": "5"}):
            answer = http.get(PATH, params={"q": "bridge", **params})
            assert answer.status_code == 400, params
            assert answer.json()["remedy"]


def test_a_cursor_shows_no_number_of_the_ledger(node: Running) -> None:
    with node.client() as client:
        texts = {client.search("bridge", sort="published", limit=3)["cursor"] for _ in range(3)}
    assert len(texts) == 3, "encrypted anew each time"


def test_strangers_walk_over_what_they_may_see(node: Running) -> None:
    publish(node, "bridge-hidden", data=None, audience="internal", title="Bridge, hidden")
    publish(node, "bridge-last", data=None, title="Bridge, last")
    with node.http() as http:
        page = http.get(PATH, params={"q": "bridge", "sort": "published", "limit": "7"}).json()
        assert page["total"] == 8
        assert slugs(http.get(page["next"]).json()["hits"]) == ["bridge-last"]
    with node.client() as client:
        assert len(list(client.search_all("bridge", limit=2))) == 9


def test_the_client_and_the_terminal_list_everything(
    node: Running, client_of: HansaClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert slugs(list(client_of.search_all("bridge", limit=2))) == [f"bridge-{number}" for number in range(7)]
    assert run(["--json", "find", "bridge", "--all", "--node", str(node.folder)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["total"], len(answer["hits"])) == (7, 7)
    assert run(["find", "--all", "--node", str(node.folder)]) == 0
    assert capsys.readouterr().out.count("/datasets/bridge-") == 7
    assert run(["find", "--all", "--newest", "--node", str(node.folder)]) != 0


@pytest.fixture
def client_of(node: Running) -> Any:
    with node.client() as client:
        yield client


def test_the_page_goes_on_where_it_ended(tmp_path: Any, sqlite_template: Any) -> None:
    with running(tmp_path / "node", template=sqlite_template) as node:
        for number in range(23):
            publish(node, f"bridge-{number}", data=None, title=f"Bridge {number}")
        with node.http(headers={"Accept": "text/html"}) as http:
            first = http.get("/search", params={"q": "bridge", "sort": "published"})
            assert first.status_code == 200
            link = next_link(first)
            publish(node, "bridge-23", data=None, title="Bridge 23")
            titles = [*shown(first)]
            while link:
                page = http.get(link)
                assert '/search?q=bridge&amp;sort=published"' in page.text, "back to the first page"
                titles += shown(page)
                link = next_link(page)
            assert titles == [f"Bridge {number}" for number in range(24)]
            table = http.get("/search.csv", params={"q": "bridge", "sort": "published"}).text
            assert [line.count("Bridge") > 0 for line in table.splitlines()].count(True) == 24
            broken = http.get("/search", params={"q": "bridge", "sort": "published", "cursor": "x"})
            assert broken.status_code == 400


def next_link(page: httpx2.Response) -> str | None:
    match = re.search(r'<a class="step" rel="next" href="([^"]+)"', page.text)
    return unescape(match[1]) if match else None


def shown(page: httpx2.Response) -> list[str]:
    return re.findall(r"(?:<[^>]*>)*(Bridge \d+)(?:<[^>]*>)*</a>", page.text)
