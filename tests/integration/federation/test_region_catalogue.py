"""A region's DSP catalogue leads to those of its members."""

from __future__ import annotations

from typing import Any

from tests.nodes import Company, Running, publish, until

CONTEXT = "https://w3id.org/dspace/2025/1/context.jsonld"


def catalogue(of: str, asked: Running, caller: Running) -> dict[str, Any]:
    with asked.http() as http:
        answer = http.post(
            f"{of}/catalog/request",
            json={"@context": [CONTEXT], "@type": "CatalogRequestMessage"},
            headers=caller.as_participant(asked),
        )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_members_are_nested_and_can_be_asked(region_and_cities: Company) -> None:
    region, (city, other) = region_and_cities.region, region_and_cities.cities
    iri = publish(other, "far-away")["iri"]

    def nested() -> dict[str, Any] | None:
        found = {each["participantId"]: each for each in catalogue(region.dsp, region, city).get("catalog", [])}
        return found if {city.did, other.did} <= set(found) else None

    members = until("the region lists both", nested)
    endpoint = members[other.did]["service"][0]["endpointURL"]
    assert endpoint == other.dsp
    theirs = catalogue(endpoint, other, city)
    assert theirs["@id"] == members[other.did]["@id"]
    assert iri in [dataset["@id"] for dataset in theirs["dataset"]]
    assert "catalog" not in theirs
    with region.client() as client:
        client.block(other.did, "for a test")
    assert other.did not in [each["participantId"] for each in catalogue(region.dsp, region, city)["catalog"]]
    with region.client() as client:
        client.unblock(other.did)


def test_the_page_of_members_says_how_fresh_they_are(region_and_cities: Company) -> None:
    region, cities = region_and_cities.region, region_and_cities.cities

    def fresh() -> str | None:
        with region.http() as http:
            page = http.get("/members", headers={"Accept": "text/html"}).text
        # The words of the page's introduction count too.
        told = "not available yet" not in page and page.count("up to date") > len(cities)
        return page if told else None

    page = until("every member was read to its end", fresh)
    assert "seconds ago" in page.replace("\u00a0", " ") or "now" in page
