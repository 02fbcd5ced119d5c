"""Records of live data at other nodes, on pages and in exports."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.datasources.live_data import open_live, share
from tests.integration.datasources.servers import standing
from tests.nodes import running, until
from tests.simulator.data_servers import GisServer


def test_a_follower_holds_the_record_and_opens_the_data(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "city", template=sqlite_template) as city,
        running(tmp_path / "partner", template=sqlite_template) as partner,
        standing(GisServer().app()) as url,
    ):
        with city.client() as client:
            client.data_sources.add("gis", "features", f"{url}/gis")
        iri = share(city, "gis", "points", format="GEOJSON")
        with partner.client() as client:
            client.call("POST", "/api/members", json={"url": city.url})
        stores = partner.node.parts.stores

        def files() -> object:
            with stores.uow.read() as tx:
                record = stores.catalogue.records.get(tx, iri)
            return record and [file.to_json() for file in record.files]

        [file] = until("the record is here", files)  # type: ignore[misc]
        assert file["sha256"] == ""
        assert "source" not in file
        live = open_live(partner, iri)
        assert len(live.get("/collections/points/items").json()["features"]) == 10
        with city.http() as client:
            page = client.get(iri, headers={"Accept": "text/html"}).text
            assert "read where it is, after agreement" in page
            assert "0 bytes" not in page
            for form in ("ttl", "jsonld", "croissant"):
                text = client.get(iri, params={"format": form}).text
                assert "checksumValue" not in text
                assert '"sha256"' not in text
        with city.http(headers=city.person()) as client:
            assert client.get("/api/storage").status_code == 200
        with partner.http(headers=partner.person()) as client:
            assert json.loads(client.get(f"/api/agreements/{live.agreement}").text)["dataset"] == iri
