"""Several assets are changed in the same way: over HTTP, in the terminal, and on the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.cli.output import Mode
from tests.nodes import Running, publish, running
from tests.portal_browser import post, signed_in
from tests.terminal import typed

CC0 = "http://publications.europa.eu/resource/authority/licence/CC0"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("joint") / "city", template=sqlite_template) as node:
        yield node


def published(city: Running, *slugs: str, **fields: Any) -> list[str]:
    return [str(publish(city, slug, **fields)["iri"]) for slug in slugs]


def ordered(city: Running, iris: list[str], token: str | None = None, **order: Any) -> httpx2.Response:
    assets = [{"iri": iri} for iri in iris]
    with city.http(headers={"Authorization": f"Bearer {token or city.token}"}) as http:
        return http.post("/api/records/changes", json={"assets": assets, **order})


def test_each_asset_gets_a_version_with_the_changes(city: Running) -> None:
    iris = published(city, "lamps", "benches", keywords=["street", "lights, old"])
    order: dict[str, Any] = {
        "license": "CC0-1.0",
        "contact": {"email": "new@ghent.example"},
        "keywords": {"add": ["Open", "LIGHTS, OLD"], "remove": ["STREET"]},
        "conditions": {"template": "mobility-partners", "until": "2027-12-31"},
    }
    trial = ordered(city, iris, dryRun=True, **order).json()
    with city.client() as client:
        assert [client.record(iri)["version"] for iri in iris] == [1, 1], "only looked at"
        answer = ordered(city, iris, **order).json()
        assert answer == trial, "what is foreseen is what happens"
        assert (answer["changed"], answer["unchanged"], answer["refused"]) == (2, 0, 0)
        record = client.record(iris[0])
    assert record["version"] == 2
    changes = {one["field"]: (one["before"], one["after"]) for one in answer["results"][0]["changes"]}
    assert changes["license"] == ("CC-BY-4.0", "CC0-1.0")
    assert changes["contact.email"][1] == "new@ghent.example"
    assert changes["keywords"] == ('"lights, old", street', 'Open, "lights, old"')
    assert answer["results"][0]["conditions"]["added"] != answer["results"][0]["conditions"]["removed"]
    again = ordered(city, iris, **order).json()
    assert (again["changed"], again["unchanged"]) == (0, 2), "nothing is left to change"


def test_one_that_is_refused_does_not_keep_the_others(city: Running) -> None:
    (iri,) = published(city, "trees")
    gone = f"{iri}-gone"
    answer = ordered(city, [gone, iri], license="CC0-1.0").json()
    assert [result["outcome"] for result in answer["results"]] == ["refused", "changed"]
    assert answer["results"][0]["problem"]["status"] == 404
    with city.http(headers={"Authorization": f"Bearer {city.token}"}) as http:
        body = {"assets": [{"iri": iri, "version": 1}], "license": "CC-BY-4.0"}
        (result,) = http.post("/api/records/changes", json=body).json()["results"]
    assert "has version 2 by now" in result["problem"]["detail"]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({}, "nothing is to be changed"),
        ({"license": "whatever you like"}, "licen"),
        ({"conditions": "no-such"}, ""),
        ({"licence": "CC0-1.0"}, "licence"),
        ({"keywords": {"add": [" "]}}, "keywords"),
    ],
)
def test_what_no_asset_can_have_changes_none(city: Running, order: dict[str, Any], words: str) -> None:
    iris = published(city, "signs")
    answer = ordered(city, iris, **order)
    if order.get("conditions"):
        assert answer.json()["results"][0]["outcome"] == "refused"
    else:
        assert answer.status_code in (400, 422)
        assert words in json.dumps(answer.json())
    with city.client() as client:
        assert client.record(iris[0])["version"] == 1


def test_strangers_and_too_many(city: Running) -> None:
    (iri,) = published(city, "posts")
    assert ordered(city, [iri], token="none", license="CC0-1.0").status_code == 401
    assert ordered(city, [f"{iri}-{number}" for number in range(101)], license="CC0-1.0").status_code == 400
    assert ordered(city, [iri, iri], license="CC0-1.0").status_code == 400


def test_many_at_once_lose_nothing(city: Running) -> None:
    """Each of 16 callers adds a keyword to the same assets: a version that another one overtook is refused and said
    so, and every keyword that was said to be added is there."""
    iris = published(city, "north", "south")
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda number: ordered(city, iris, keywords={"add": [f"word{number}"]}).json(), range(16))
        )
    with city.client() as client:
        for place, iri in enumerate(iris):
            added = {f"word{n}" for n, each in enumerate(answers) if each["results"][place]["outcome"] == "changed"}
            words = {word["text"] if isinstance(word, dict) else word for word in client.record(iri)["keywords"]}
            assert added <= words
            assert client.record(iri)["version"] == 1 + len(added)


def test_the_terminal_shows_and_asks_first(
    city: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    iris = published(city, "kiosks", "kennels", license="CC0-1.0")
    status, text = typed(city, capsys, "change", *iris, "--license", "CC-BY-4.0", "--check")
    assert status == DONE
    assert "CC0-1.0 → CC-BY-4.0" in text
    assert "would change" in text
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert typed(city, capsys, "change", *iris, "--license", "CC-BY-4.0")[0] == REFUSED
    with city.client() as client:
        assert client.record(iris[0])["version"] == 1
        status, text = typed(
            city, capsys, "change", "--all", "--with-license", "CC0-1.0", "--matching", "kiosks",
            "--license", "CC-BY-4.0", "--yes",
        )  # fmt: skip
        assert status == DONE, text
        assert [client.record(iri)["version"] for iri in iris] == [2, 1]


def test_a_program_reads_what_changed(city: Running, capsys: pytest.CaptureFixture[str]) -> None:
    (iri,) = published(city, "ferries")
    capsys.readouterr()
    try:
        words = ["--json", "change", iri, f"{iri}-gone", "--add-keyword", "harbour", "--yes"]
        assert run([*words, "--node", str(city.folder)]) == REFUSED
    finally:
        Mode.json = False
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["outcome"] for result in results] == ["changed", "refused"]


def test_the_pages_show_the_changes_before_they_publish_them(city: Running) -> None:
    iris = published(city, "docks", "quays")
    (other,) = published(city, "squares")
    fields = {f"asset.{number}": f"1 {iri}" for number, iri in enumerate(iris)}
    fields |= {"license": CC0, "add_keywords": "water, <b>boats</b>", "conditions": "keep"}
    with signed_in(city) as browser:
        page = browser.get("/changes?q=docks").text
        assert f'value="1 {iris[0]}"' in page
        assert other not in page
        shown = post(browser, "/changes", "/changes", do="look", **fields).text
        assert "2 assets would change" in shown
        assert "water, &lt;b&gt;boats&lt;/b&gt;" in shown
        with city.client() as client:
            assert client.record(iris[0])["version"] == 1, "nothing is published yet"
            back = post(browser, "/changes", "/changes", do="back", **fields).text
            assert 'value="water, &lt;b&gt;boats&lt;/b&gt;"' in back
            done = post(browser, "/changes", "/changes", do="publish", **fields).text
            assert "2 assets have a new version" in done
            assert [client.record(iri)["version"] for iri in iris] == [2, 2]
        again = post(browser, "/changes", "/changes", do="publish", **fields).text
        assert again.count("version 2 was published in the meantime") == 2
        none = post(browser, "/changes", "/changes", do="look", license=CC0)
        assert (none.status_code, "no asset was chosen" in none.text) == (400, True)
        nothing = post(browser, "/changes", "/changes", do="look", **{"asset.1": f"1 {other}"})
        assert (nothing.status_code, "nothing is to be changed" in nothing.text) == (400, True)
        forged = browser.post("/changes", data={"csrf": "none", "do": "publish", **fields})
        assert forged.status_code == 403


def test_pages_of_many_assets(city: Running) -> None:
    with city.client() as client:
        total = client.search("", node="here")["total"]
    with signed_in(city) as browser:
        first = browser.get("/changes").text
        assert first.count('type="checkbox" id="asset-') == min(total, 50)
        for page in ("0", "-1", "999", "x", "²"):
            assert browser.get("/changes", params={"page": page}).status_code == 200
