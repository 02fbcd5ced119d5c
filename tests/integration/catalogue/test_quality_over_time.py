"""The quality over time through the doors: API, terminal and page."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.integration.harvests.test_imports import HEAD, imported
from tests.nodes import Running, publish
from tests.portal_browser import signed_in


def test_points_of_versions_publishers_and_all(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--node", str(city.folder)]

    def hansa(*words: str, code: int = 0) -> str:
        assert run([*words, *at]) in (code, None)
        out, err = capsys.readouterr()
        return out + err

    assert "No record has points yet" in hansa("quality")
    first = publish(city, "scored", keywords=[], theme=None)
    publish(city, "scored", keywords=["traffic"])
    imported(
        city, f'{HEAD}<https://a.example/x> a dcat:Dataset ; dct:title "X" ; dct:publisher "Brno" .', source="Brno"
    )
    with city.client() as client:
        catalogue, *publishers = client.quality(language="nl")
        versions = client.record_quality(first["iri"])
    assert (catalogue["publisher"], catalogue["records"], len(publishers)) == ("", 2, 2)
    assert versions[1]["points"] > versions[0]["points"]
    scores = {item["name"]: item["points"] for item in publishers}
    assert scores[catalogue["name"] or "Node"] == versions[1]["points"]
    assert catalogue["points"] == pytest.approx(sum(scores.values()) / 2, abs=0.06)
    assert catalogue["gains"][0]["advice"]
    assert "would gain most" in hansa("quality")
    sheet = tmp_path / "quality.csv"
    shown = hansa("quality", "--publisher", "Brno", "--over-time", "--csv", str(sheet))
    assert str(scores["Brno"]) in shown
    assert sheet.read_text().splitlines()[0] == "publisher,name,date,records,points"
    assert [row["points"] for row in json.loads(hansa("--json", "quality", first["iri"]))] == [
        version["points"] for version in versions
    ]
    assert "no records of such a publisher" in hansa("quality", "--publisher", "nobody", code=REFUSED)
    with city.http() as http:
        assert http.get("/api/quality").status_code == 401
        assert http.get("/api/profiles").status_code == 401
        profiles = http.get("/api/profiles", headers=city.person()).raise_for_status().json()
        assert [profile["name"] for profile in profiles][-1] == "mobilitydcat-ap"
        assert {profile["use"] for profile in profiles} == {""}
        assert http.get("/quality", follow_redirects=False).status_code in (302, 303, 401)
        table = http.get("/api/quality/table.csv", headers=city.person()).raise_for_status()
        assert "Brno" in table.text
        nt = http.get("/api/quality/measurements.nt", headers=city.person()).raise_for_status()
        assert "QualityMeasurement" in nt.text


def test_the_page_of_an_asset_leads_to_its_points_over_time(city: Running) -> None:
    iri = publish(city, "scored-too")["iri"]
    with signed_in(city) as browser, city.http() as stranger:
        link = f"/quality?{urlencode({'record': iri})}"
        assert f'href="{link}"' in browser.get("/datasets/scored-too").text
        assert "over time" in browser.get(link).text
        assert "/quality?" not in stranger.get("/datasets/scored-too", headers={"Accept": "text/html"}).text
