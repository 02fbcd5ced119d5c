"""A node whose city writes Dutch: what its texts are tagged with, wherever they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.nodes import Running, running


@pytest.fixture(scope="module")
def gent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("gent"), languages=["nl"]) as found:
        yield found


@pytest.fixture
def http(gent: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {(gent.folder / 'token').read_text().strip()}"}
    with httpx2.Client(base_url=gent.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def published(http: httpx2.Client, name: str, **fields: Any) -> str:
    told = {"kind": "dataset", "id": name, "license": "CC-BY-4.0", "conditions": "open", **fields}
    contact = {"name": "Mobiliteit", "email": "m@gent.example"}
    answer = http.post("/api/records", json={"fields": {**told, "contact": contact}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["iri"])


@pytest.mark.parametrize(
    ("name", "fields", "tag"),
    [
        ("stof", {"title": "Fijn stof", "description": "Metingen."}, "nl"),
        ("luft", {"title": "Feinstaub", "description": "Messungen.", "language": "de"}, "de"),
        ("air", {"title": "Air quality", "description": "Measured.", "language": "ENG"}, "en"),
        ("vzduch", {"title": {"cs": "Prach"}, "description": {"cs": "Měření."}}, "cs"),
    ],
)
def test_tags_are_true_at_each_door(http: httpx2.Client, name: str, fields: dict[str, Any], tag: str) -> None:
    iri = published(http, name, **fields)
    title = fields["title"] if isinstance(fields["title"], str) else fields["title"][tag]
    record = http.get("/api/catalogue/record", params={"iri": iri}).json()
    assert record["titles"] == {tag: title}
    assert list(record["descriptions"]) == [tag]
    turtle = http.get(iri, headers={"Accept": "text/turtle"}).text
    assert f'"{title}"@{tag}' in turtle
    assert f'"{title}"@en' not in turtle or tag == "en"
    query = f"SELECT ?t {{ <{iri}> <http://purl.org/dc/terms/title> ?t }}"
    (row,) = http.get("/sparql", params={"query": query}).json()["results"]["bindings"]
    assert row["t"]["xml:lang"] == tag
    hits = http.get("/api/catalogue/search", params={"q": title}).json()["hits"]
    (hit,) = [one for one in hits if one["iri"] == iri]
    assert hit["title"] == title
    page = http.get(iri, headers={"Accept": "text/html", "Accept-Language": "fr"}).text
    assert f'lang="{tag}"' in page
