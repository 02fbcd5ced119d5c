"""The own values of a source: counted, mapped once by a steward, and applied to all records at the next harvest."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.integration.harvests.test_harvests import HEAD, Portal, harvested, portal
from tests.nodes import Running, city

__all__ = ["city", "portal"]

ENVI = "http://publications.europa.eu/resource/authority/data-theme/ENVI"


def page(portal: Portal, path: str, *datasets: tuple[str, str], following: str = "") -> None:
    """A page with datasets of these names and themes."""
    lines = [
        f'<{portal.url}/set/{name}> a dcat:Dataset ; dct:title "Set {name}" ; dcat:theme "{theme}" .'
        for name, theme in datasets
    ]
    if following:
        lines.append(f'<{portal.url}{path}> a hydra:PagedCollection ; hydra:nextPage "http://paster{following}" .')
    portal.pages[path] = (HEAD + "\n".join(lines)).encode()


def outcomes(events: list[dict[str, Any]]) -> dict[str, int]:
    return {name: count for name, count in events[-1].items() if isinstance(count, int) and count}


def test_a_table_is_completed_once_and_applied_to_every_record(city: Running, portal: Portal) -> None:
    url = f"{portal.url}/own.ttl"
    page(portal, "/own.ttl", ("a", "bomen"), ("b", "bomen"), ("c", "transporte"), following="/own.ttl?page=2")
    page(portal, "/own.ttl?page=2", ("d", "bomen"), ("e", "wijken"))
    options = {"source": "trees", "rule": "safe"}
    assert outcomes(harvested(city, url, **options))["new"] == 5
    with city.client() as client:
        table = client.harvests.values("trees")
        assert [(row["text"], row["records"]) for row in table["values"]] == [("bomen", 3), ("wijken", 1)]
        assert {"source": "trees", "values": 2, "open": 2} in client.harvests.value_tables()
        portal.statuses()
        assert outcomes(harvested(city, url, **options))["unchanged"] == 5
        assert portal.statuses() == [304, 304]
        assert client.harvests.values("trees") == table, "unchanged pages keep their values"
        table = client.harvests.choose("trees", [("theme", "bomen", "ENVI")])
        assert (table["open"], table["by"]) == (1, "admin")
        events = harvested(city, url, **options)
        assert portal.statuses() == [200, 200], "the table is a part of how records are read"
        counts = outcomes(events)
        assert (counts["changed"], counts["unchanged"]) == (3, 2)
        repairs = [repair for event in events for repair in event.get("repairs", ()) if repair["rule"] == "own-value"]
        assert {(repair["before"], repair["after"]) for repair in repairs} == {("bomen", ENVI)}
        assert len(repairs) == 3
        assert client.harvests.values("trees")["values"][1] == {
            "field": "theme", "text": "bomen", "records": 3, "iri": ENVI
        }  # fmt: skip
        hits = client.search(theme="ENVI")["hits"]
        assert {"Set a", "Set b", "Set d"} <= {hit["title"] for hit in hits}
        client.harvests.choose("trees", [("theme", "bomen", "")])
    counts = outcomes(harvested(city, url, **options))
    assert (counts["changed"], counts["unchanged"]) == (3, 2), "without the choice, records are as they were"
    with city.client() as client:
        assert "Set a" not in {hit["title"] for hit in client.search(theme="ENVI")["hits"]}


def test_without_repairs_a_table_changes_nothing(city: Running, portal: Portal) -> None:
    page(portal, "/raw.ttl", ("raw", "bomen"))
    harvested(city, f"{portal.url}/raw.ttl", source="raw")
    with city.client() as client:
        client.harvests.choose("raw", [("theme", "bomen", "ENVI")])
    counts = outcomes(harvested(city, f"{portal.url}/raw.ttl", source="raw"))
    assert counts == {"unchanged": 1}


def test_the_terminal_shows_completes_and_exchanges_tables(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--node", str(city.folder)]

    def hansa(*words: str, code: int = 0) -> str:
        assert run([*words, *at]) == code
        out, err = capsys.readouterr()
        return out + err

    file, sheet = tmp_path / "c.ttl", tmp_path / "values.csv"
    lines = [
        f'<https://portal.example/set/{number}> a dcat:Dataset ; dct:title "T{number}" ; dcat:theme "=groen, water" ;'
        f' dct:license "vrij" .'
        for number in range(2)
    ]
    file.write_text(HEAD + "\n".join(lines))
    hansa("import", str(file), "--source", "portal", "--repair")
    assert "portal" in hansa("harvest", "values")
    assert "2 of 2 values wait" in hansa("harvest", "values", "portal", "--csv", str(sheet))
    rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines()))
    assert [(row["field"], row["text"], row["records"]) for row in rows] == [
        ("license", "vrij", "2"), ("theme", "'=groen, water", "2")
    ]  # fmt: skip
    for row, code in zip(rows, ("CC0-1.0", "milieu"), strict=True):
        row["iri"] = code
    with sheet.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.DictWriter(target, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    assert "2 choices saved" in hansa("harvest", "map", "portal", "--csv", str(sheet))
    table = json.loads(hansa("--json", "harvest", "values", "portal"))
    assert {row["text"]: row["iri"].rpartition("/")[2] for row in table["values"]} == {
        "=groen, water": "ENVI", "vrij": "CC0"
    }  # fmt: skip
    assert "is no value of the field theme" in hansa("harvest", "map", "portal", "theme", "x", "y", code=REFUSED)
    assert "name one value, or a file" in hansa("harvest", "map", "portal", "theme", code=REFUSED)
    assert "no values of such a source" in hansa("harvest", "values", "nobody", code=REFUSED)
    assert "2 changed" in hansa("import", str(file), "--source", "portal", "--repair")
