"""The page of an agreement calls those whom its conditions name by their names; the DIDs are technical details."""

from __future__ import annotations

from tests.nodes import Company, agree, publish


def test_conditions_name_the_region_instead_of_its_did(region_and_cities: Company) -> None:
    gent, plzen = region_and_cities.cities
    region = region_and_cities.region
    agreed = agree(plzen, publish(gent, "for-members", conditions="members")["iri"])
    assert agreed["state"] == "FINALIZED", agreed
    for city in (gent, plzen):
        with city.http(headers=city.person() | {"Accept": "text/html", "Accept-Language": "en"}) as http:
            page = http.get(f"/agreements/{agreed['agreementId']}").text
        conditions = page.partition('<ul class="conditions">')[2].partition("</ul>")[0]
        assert region.node.parts.settings.name in conditions, page[:3000]
        assert region.did not in conditions
        details = page.partition("Participants in the conditions")[2]
        assert f'<code title="{region.did}">' in details
