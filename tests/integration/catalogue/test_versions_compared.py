"""Two versions of an asset compared: through the API, in the terminal and on the page."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from node.cli.exits import REFUSED
from node.client.api import Refusal
from tests.nodes import Running, publish
from tests.terminal import typed


@pytest.fixture(scope="module")
def counts(city: Running) -> str:
    """Three versions: the second with other words, conditions and bytes, the third for the node's own people."""
    publish(city, "counts")
    publish(
        city, "counts", title="All counts", data=b"noise\n99\n", conditions={"template": "open", "attribution": True}
    )
    return str(publish(city, "counts", title="All counts", data=b"noise\n99\n", audience="internal")["iri"])


def test_the_api_tells_what_differs(city: Running, counts: str) -> None:
    with city.client() as client:
        changes = client.changes(counts, before=1, after=2)
        titles = [one for one in changes["statements"] if one["name"] == "dct:title"]
        assert [(one["removed"], one["added"]) for one in titles] == [(['"Counts"@en'], ['"All counts"@en'])]
        assert titles[0]["path"] == ["http://purl.org/dc/terms/title"]
        assert [(file["what"], file["name"]) for file in changes["files"]] == [("changed", "counts.csv")]
        assert changes["offer"]["from"] != changes["offer"]["to"]
        assert "audience" not in changes
        newest = client.changes(counts)
        assert newest["from"]["version"] == 2
        assert newest["audience"] == {"from": "public", "to": "internal"}
        assert client.changes(counts, before=2, after=2)["statements"] == []
        with pytest.raises(Refusal, match="no version 9") as refused:
            client.changes(counts, before=9)
        assert refused.value.http_status == 404


def test_strangers_do_not_hear_of_what_they_may_not_see(city: Running, counts: str) -> None:
    with city.http() as http:
        hidden = http.get("/api/catalogue/changes", params={"iri": counts})
        absent = http.get("/api/catalogue/changes", params={"iri": f"{counts}-none"})
        page = http.get("/record/changes", params={"iri": counts}, headers={"Accept": "text/html"})
    assert (hidden.status_code, hidden.json()["detail"]) == (404, absent.json()["detail"])
    assert page.status_code == 404


def test_the_terminal_shows_it(city: Running, counts: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, shown = typed(city, capsys, "diff", "dataset/counts", "--from", "1", "--to", "2")
    assert status == 0
    assert "version 1 → 2" in shown
    assert re.search(r'-\s+"Counts"@en', shown)
    assert re.search(r'\+\s+"All counts"@en', shown)
    assert re.search(r"file changed\s+counts.csv", shown)
    assert "conditions of use differ" in shown
    assert "checksum" not in shown, "changes in parts of the description come with --all"
    assert "in parts of the description: --all shows them" in shown
    every = typed(city, capsys, "diff", "dataset/counts", "--from", "1", "--to", "2", "--all")[1]
    assert "spdx:checksumValue" in every
    assert "--all shows them" not in every
    assert "Nothing differs." in typed(city, capsys, "diff", "dataset/counts", "--from", "2", "--to", "2")[1]
    assert "public → internal" in typed(city, capsys, "diff", "dataset/counts")[1]
    status, shown = typed(city, capsys, "diff", "dataset/counts", "--from", "9")
    assert status == REFUSED
    assert "the versions are: 1, 2" in shown
    _, shown = typed(city, capsys, "--json", "diff", "dataset/counts", "--from", "1", "--to", "2")
    told: dict[str, Any] = json.loads(shown)
    assert told["to"]["version"] == 2


def test_the_page_shows_it(city: Running, counts: str) -> None:
    with city.http(headers={**city.person(), "Accept": "text/html"}) as http:
        asset = http.get(counts).text
        link = f"/record/changes?iri={quote(counts, safe='')}&amp;from=1&amp;to=2"
        assert link in asset
        page = http.get(link.replace("&amp;", "&"))
        assert page.status_code == 200, page.text
        assert "Changes from version 1 to version 2" in page.text
        assert '<bdi lang="en">All counts</bdi>' in page.text
        assert "The conditions of use changed." in page.text
        assert "The recipient must name the provider as the source." in page.text
        assert "<del>The recipient may use the data.</del>" not in page.text, "it is in both versions"
        assert "counts.csv" in page.text
        assert "Changes in" in page.text
        assert page.text.index("All counts</bdi>") < page.text.index("checksum")
        assert http.get("/record/changes", params={"iri": counts, "from": "x"}).status_code == 400
        dutch = http.get("/record/changes", params={"iri": counts, "lang": "nl"}).text
        assert "Wijzigingen van versie" in dutch
