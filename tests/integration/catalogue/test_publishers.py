"""Publishers that are only a name: one line in lists, which finds all their assets."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.nodes import Running, publish
from tests.portal_browser import signed_in

POLICE = "Polis Brussel"
TWO = ("https://one.example/id/agency", "https://two.example/id/agency")


def lines(city: Running, name: str) -> list[tuple[str, int]]:
    """The key and the count of each publisher of this ``name``."""
    with city.http() as http:
        answer = http.get("/api/catalogue/publishers", headers=city.person()).raise_for_status().json()
    return [(line["id"], sum(line["kinds"].values())) for line in answer if line["name"] == name]


def test_a_name_is_one_publisher_and_two_iris_are_two(city: Running) -> None:
    named = [publish(city, f"named-{number}", publisher=POLICE)["iri"] for number in range(3)]
    for number, iri in enumerate(TWO):
        publish(city, f"agency-{number}", publisher={"name": "Water agency", "iri": iri})
    with city.client() as client:
        whole = client.search(publisher=POLICE)
        assert lines(city, POLICE) == [(POLICE, 3)]
        assert sorted(lines(city, "Water agency")) == [(TWO[0], 1), (TWO[1], 1)]
        assert {hit["iri"] for hit in whole["hits"]} == set(named)
        assert whole["facets"]["publisher"] == {POLICE: 3}
        # A search that was saved before has the IRI in the record.
        minted = whole["hits"][0]["publisher"]
        assert minted.startswith(f"{whole['hits'][0]['iri']}#")
        assert [hit["iri"] for hit in client.search(publisher=minted)["hits"]] == [whole["hits"][0]["iri"]]
        of_police = [series for series in client.quality() if series["name"] == POLICE]
        assert [(series["publisher"], series["records"]) for series in of_police] == [(POLICE, 3)]
    link = f"/search?{urlencode({'publisher': POLICE})}"
    with signed_in(city) as browser:
        assert browser.get("/").text.count(f'href="{link}"') == 1
        assert f'href="{link}"' in browser.get("/datasets/named-1").text
        assert browser.get("/search").text.count(POLICE) >= 1
        page = browser.get(link).text
        assert all(f"/datasets/named-{number}" in page for number in range(3))
        assert "/datasets/agency-0" not in page
