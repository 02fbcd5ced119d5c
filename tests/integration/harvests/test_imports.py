"""Catalogues of others, imported through the API and the terminal of a real node."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client import HansaClient
from node.client.api import Refusal
from node.semantics.documents import canonical, parse
from tests.artefacts import data
from tests.nodes import Running, described

HEAD = """@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
"""
CATALOGUE = (
    HEAD
    + """
<https://brugge.example/catalogue> a dcat:Catalog ; dct:title "Brugge"@nl ; dct:publisher <https://brugge.example/> ;
  dcat:dataset <https://brugge.example/set/trees>, <https://brugge.example/set/lost> ;
  dcat:service <https://brugge.example/api> ; dcat:catalog <https://brugge.example/sub> ;
  dcat:record <https://brugge.example/record/1> .
<https://brugge.example/sub> a dcat:Catalog ; dcat:dataset <https://brugge.example/set/benches> .
<https://brugge.example/record/1> a dcat:CatalogRecord ; dct:modified "2026-01-01" ;
  foaf:primaryTopic <https://brugge.example/set/trees> .
<https://brugge.example/set/trees> a dcat:Dataset ; dct:title "Bomen"@nl, "Trees"@en ; dct:license "CC BY" ;
  dct:publisher <https://brugge.example/> ; dct:isPartOf <https://brugge.example/set/benches> ;
  dcat:distribution [ a dcat:Distribution ; dcat:accessURL "https://brugge.example/trees.csv" ] .
<https://brugge.example/> a foaf:Organization ; foaf:name "Stad Brugge"@nl .
<https://brugge.example/set/benches> a dcat:DatasetSeries ; dct:title "Banken"@nl .
<https://brugge.example/api> a dcat:DataService ; dct:title "API"@nl .
<https://brugge.example/set/untitled> a dcat:Dataset ; dct:description "Nobody named it."@en .
"""
)


def imported(city: Running, text: str, **options: Any) -> list[dict[str, Any]]:
    """The events of importing Turtle ``text``."""
    media_type = options.pop("media_type", "text/turtle")
    headers = {**city.person(), "Content-Type": media_type}
    with city.http() as http:
        answer = http.post("/api/imports", content=text.encode(), headers=headers, params=options)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def outcomes(events: list[dict[str, Any]]) -> dict[str, str]:
    """Own IRI → outcome."""
    return {event["iri"]: event["outcome"] for event in events if event["event"] == "record"}


def addresses(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["iri"]: event["address"] for event in events if event["event"] == "record"}


def test_a_whole_catalogue_is_cut_into_its_records(city: Running, client: HansaClient) -> None:
    events = imported(city, CATALOGUE)
    opened, closed = events[0], events[-1]
    assert opened["source"] == "https://brugge.example/catalogue"
    assert opened["leftOut"] == {
        "http://www.w3.org/ns/dcat#Catalog": 2,
        "statements": 10,
        "onlyNamed": 1,
    }
    own = "https://brugge.example"
    assert outcomes(events) == {
        f"{own}/set/trees": "new",
        f"{own}/set/benches": "new",
        f"{own}/api": "new",
        f"{own}/set/untitled": "refused",
    }
    refused = next(event for event in events if event.get("outcome") == "refused")
    assert refused["error"] == "it has no title"
    assert (closed["new"], closed["refused"], closed["conforming"]) == (3, 1, closed["conforming"])
    trees = next(event for event in events if event.get("iri") == f"{own}/set/trees")
    assert {finding["field"] for finding in trees["findings"]} >= {"license", "access_url"}
    assert not trees["conforms"]
    assert trees["points"] > 0

    record = client.record(trees["address"])
    assert record["harvested"] == {"iri": f"{own}/set/trees", "source": "https://brugge.example/catalogue"}
    assert record["titles"] == {"nl": "Bomen", "en": "Trees"}
    assert record["publisherName"] == "Stad Brugge"
    assert record["kind"] == "dataset"
    assert "offer" not in record

    again = imported(city, CATALOGUE)
    assert set(outcomes(again).values()) == {"unchanged", "refused"}
    assert client.versions(trees["address"])[0]["version"] == 1


def test_a_record_is_kept_as_it_came(city: Running, client: HansaClient) -> None:
    text = HEAD + (
        '<https://kept.example/d> a dcat:Dataset ; dct:title "Kept"@en, "Gehouden"@nl ; dct:issued "12/2019" ;'
        + " ; ".join(f'dct:relation [ dct:title "{number}" ]' for number in range(300))
        + " ."
    )
    events = imported(city, text)
    address = addresses(events)["https://kept.example/d"]
    with city.http() as http:
        statements = http.get(address, headers={"Accept": "application/n-triples"}).content
        page = http.get(address, headers={"Accept": "text/html"}).text
    came = parse(text.encode(), "text/turtle", base="https://kept.example/")
    back = parse(statements, "application/n-triples", base="https://kept.example/")
    assert canonical(came) == canonical(back)
    assert "https://kept.example/d" in page
    assert "Imported from another catalogue" in page
    query = "SELECT ?t WHERE { <https://kept.example/d> <http://purl.org/dc/terms/title> ?t }"
    assert {"Kept", "Gehouden"} == {
        row["t"]["value"] for row in json.loads(client.sparql(query))["results"]["bindings"]
    }
    assert address in {hit["iri"] for hit in client.search("Gehouden")["hits"]}


def test_what_changed_is_told_by_content(city: Running) -> None:
    earlier, later = (
        HEAD + f'<https://change.example/d> a dcat:Dataset ; dct:title "T" ; dct:modified "2020-01-01" ; '
        f'dct:description "{text}" .'
        for text in ("before", "after")
    )
    assert outcomes(imported(city, earlier, source="change")) == {"https://change.example/d": "new"}
    only_checked = imported(city, later, source="change", check=True)
    assert outcomes(only_checked) == {"https://change.example/d": "changed"}
    assert outcomes(imported(city, earlier, source="change")) == {"https://change.example/d": "unchanged"}
    changed = imported(city, later, source="change")
    assert outcomes(changed) == {"https://change.example/d": "changed"}
    assert [event["version"] for event in changed if event["event"] == "record"] == [2]


def test_nothing_of_one_origin_overwrites_anything_of_another(city: Running, client: HansaClient) -> None:
    first = HEAD + '<https://a.example/set/1> a dcat:Dataset ; dct:title "Of A" .'
    second = HEAD + '<https://b.example/set/1> a dcat:Dataset ; dct:title "Of B" .'
    of_a, of_b = (addresses(imported(city, text)) for text in (first, second))
    assert of_a["https://a.example/set/1"] != of_b["https://b.example/set/1"]

    again = imported(city, first, source="somebody else")
    assert outcomes(again) == {"https://a.example/set/1": "new"}
    assert addresses(again)["https://a.example/set/1"] not in (*of_a.values(), *of_b.values())
    assert client.record(of_a["https://a.example/set/1"])["version"] == 1

    blank = HEAD + '[] a dcat:Dataset ; dct:identifier "1" ; dct:title "Nameless" .'
    here, there = (imported(city, blank, source=source) for source in ("here", "there"))
    assert here[1]["address"] != there[1]["address"]
    assert here[1]["outcome"] == there[1]["outcome"] == "new"

    with pytest.raises(Refusal, match="imported from"):
        client.publish({"fields": described(of_a["https://a.example/set/1"].rpartition("/")[2])})


def test_twice_in_a_file_and_about_our_own_assets(city: Running, client: HansaClient) -> None:
    twice = HEAD + "".join(
        f'[] a dcat:Dataset ; dct:identifier "same" ; dct:title "{title}" .\n' for title in ("One", "Two")
    )
    events = imported(city, twice, source="twice")
    assert sorted(event["outcome"] for event in events[1:-1]) == ["new", "refused"]

    ours = client.publish({"fields": described("ours")})["iri"]
    stolen = HEAD + f'<{ours}> a dcat:Dataset ; dct:title "Taken over" .'
    assert imported(city, stolen)[1]["error"] == "it is an asset of this node itself"
    document = HEAD + (
        f'<https://c.example/d> a dcat:Dataset ; dct:title "C" ; dct:relation <{ours}#x> .'
        f'<{ours}#x> dct:title "Mine" .'
    )
    assert "states something about" in imported(city, document)[1]["error"]
    assert client.record(ours)["version"] == 1


def test_the_audience_is_the_importers_and_stays(city: Running, client: HansaClient) -> None:
    text = HEAD + '<https://quiet.example/d> a dcat:Dataset ; dct:title "Quiet" .'
    address = imported(city, text, audience="internal")[1]["address"]
    with city.http() as http:
        assert http.get(address, headers={"Accept": "text/turtle"}).status_code == 404
        imported(city, text.replace("Quiet", "Still quiet"))
        assert client.record(address)["audience"] == "internal"
        assert http.get(address, headers={"Accept": "text/turtle"}).status_code == 404
        imported(city, text, audience="public")
        assert http.get(address, headers={"Accept": "text/turtle"}).status_code == 200
        headers = {**city.person(), "Content-Type": "text/turtle"}
        unknown = http.post("/api/imports", content=text, headers=headers, params={"audience": "martians"})
    assert unknown.status_code == 400
    assert "martians" in unknown.json()["detail"]


def test_slips_of_syntax_are_mended_and_told(city: Running) -> None:
    text = HEAD.replace("terms/> .", "terms/>") + (
        '<https://slip.example/d> a dcat:Dataset ; dct:title "Slip" ; adms:status <https://slip.example/s> ; '
        "dcat:landingPage <https://slip.example/a b> ."
    )
    events = imported(city, text)
    assert events[0]["notes"] == ["added the dot that ends 1 @prefix line", "declared the prefix adms"]
    assert events[1]["outcome"] == "new"
    assert events[1]["syntaxRepairs"] == ["encoded spaces in addresses"]


def test_repairs_are_made_where_asked_told_and_taken_back(
    city: Running,
    client: HansaClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    file, iri = tmp_path / "worn.ttl", "https://worn.example/d"
    file.write_text(
        HEAD + f'<{iri}> a dcat:Dataset ; dct:title "Worn"@en ; dct:description "Worn by use."@en ;'
        ' dct:language "nl-BE" ; dct:issued "27/6/2019" ; dcat:theme "transporte" .',
        "utf-8",
    )
    assert run(["import", str(file), "--repair"]) == 0
    printed = capsys.readouterr().out
    assert "1 record, 3 changes" in printed
    assert "27/6/2019" in printed
    assert run(["--json", "import", str(file), "--repair", "--rule", "title-as-description"]) == 0
    report = json.loads(capsys.readouterr().out)
    record = report["records"][0]
    assert (record["outcome"], record["conforms"], report["repaired"]) == ("unchanged", True, 1)
    told = {one["rule"]: (one["before"], one["after"]) for one in record["repairs"]}
    assert told["date"] == ("27/6/2019", "2019-06-27")
    assert client.record(record["address"])["themes"] == ["TRAN"]
    assert run(["--json", "import", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["records"][0]["outcome"] == "changed"
    with city.http() as http:
        kept = http.get(record["address"], headers={"Accept": "application/n-triples"}).content
    as_it_came = parse(file.read_bytes(), "text/turtle", base=iri)
    assert canonical(as_it_came) == canonical(parse(kept, "application/n-triples", base=iri))
    assert run(["import", str(file), "--rule", "magic"]) == REFUSED
    assert "there is no rule 'magic'" in capsys.readouterr().err


def test_a_repair_that_changes_only_the_form_says_so(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    file, sheet = tmp_path / "alike.ttl", tmp_path / "alike.csv"
    file.write_text(
        HEAD + '<https://a.example/d> a dcat:Dataset ; dct:title "Alike"@en ; dcat:distribution [ '
        'dcat:byteSize 13800.0 ; dcat:accessURL "https://a.example/d.csv" ; dct:issued "2019-06-27" ] .',
        "utf-8",
    )
    assert run(["import", str(file), "--repair", "--csv", str(sheet)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "https://a.example/d.csv (text) https://a.example/d.csv (link)" in printed
    assert "2019-06-27 (text) 2019-06-27 (xsd:date)" in printed
    assert "https://a.example/d.csv (text) → https://a.example/d.csv (link)" in sheet.read_text("utf-8")


def test_the_page_of_an_imported_record_sends_to_its_source(city: Running, client: HansaClient) -> None:
    text = CATALOGUE.replace("brugge", "aalst").replace('"Bomen"@nl', '"Lindes"@nl')
    address = addresses(imported(city, text))["https://aalst.example/set/trees"]
    bare = HEAD + '<https://bare.example/d> a dcat:Dataset ; dct:title "Bare" .'
    without = addresses(imported(city, bare, name="stad"))["https://bare.example/d"]
    with city.http() as http:
        page = http.get(address, headers={"Accept": "text/html"}).text
        page_without = http.get(without, headers={"Accept": "text/html"}).text
    for shown in (page, page_without):
        assert "Available at the source" in shown
        assert "hansa get" not in shown
        assert "Not offered" not in shown
        assert "First published." not in shown
    assert "First imported from Brugge." in page
    assert 'href="https://aalst.example/catalogue"' in page
    assert "the file “stad”" in page_without
    assert 'href="https://bare.example/d"' in page_without


def test_two_imports_of_the_same_file_at_once_enter_each_record_once(city: Running) -> None:
    text = HEAD + "".join(
        f'<https://busy.example/{number}> a dcat:Dataset ; dct:title "Busy {number}" .\n' for number in range(100)
    )
    with ThreadPoolExecutor(2) as pool:
        reports = [events[-1] for events in pool.map(lambda _: imported(city, text, source="busy"), range(2))]
    assert sum(report["new"] for report in reports) == 100
    assert sum(report["unchanged"] for report in reports) == 100


def test_strangers_import_nothing_and_junk_is_refused(city: Running) -> None:
    with city.http() as http:
        assert http.post("/api/imports", content=b"x", headers={"Content-Type": "text/turtle"}).status_code == 401
        headers = {**city.person(), "Content-Type": "text/turtle"}
        for body, words in ((b"this is no Turtle", "Turtle"), (HEAD.encode(), "no dataset"), (b"", "no body")):
            answer = http.post("/api/imports", content=body, headers=headers)
            assert answer.status_code == 400
            assert words in answer.json()["detail"]
        answer = http.post("/api/imports", content=b"x", headers={**headers, "Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_an_import_that_is_interrupted_goes_on(city: Running) -> None:
    text = HEAD + "".join(
        f'<https://many.example/{number}> a dcat:Dataset ; dct:title "Many {number}" .\n' for number in range(120)
    )
    headers = {**city.person(), "Content-Type": "text/turtle"}
    with (
        city.http() as http,
        http.stream("POST", "/api/imports?source=many", content=text.encode(), headers=headers) as answer,
    ):
        lines = []
        for line in answer.iter_lines():
            lines.append(json.loads(line))
            if len(lines) == 30:
                break
    counts = imported(city, text, source="many")[-1]
    assert counts["unchanged"] >= 29
    assert counts["unchanged"] + counts["new"] == 120
    assert not counts["refused"]


def test_the_terminal_imports_and_reports(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    file, sheet = tmp_path / "oostende.ttl", tmp_path / "report.csv"
    file.write_text(CATALOGUE.replace("brugge", "oostende").replace('"Bomen"', '"=Bomen()"'), "utf-8")
    assert run(["import", str(file), "--check"]) == 0
    assert "3 of 4 records checked" in capsys.readouterr().out
    assert run(["import", str(file), "--csv", str(sheet)]) == 0
    printed = capsys.readouterr()
    assert "✓ 3 of 4 records imported" in printed.out
    assert "0 of 3 break no obligation" in printed.out
    assert "Brugge (https://oostende.example/catalogue)" in printed.out
    assert "2 Catalog (10 statements)" in printed.out
    assert "it has no title" in printed.err
    assert run(["import", str(file), "--check", "--lang", "nl"]) == 0
    assert "het heeft geen titel" in capsys.readouterr().err
    rows = list(csv.DictReader(sheet.read_text("utf-8").splitlines()))
    assert [row["outcome"] for row in rows] == ["new", "new", "new", "refused"]
    assert rows[0]["title"] == "'=Bomen()"
    assert "licence" in rows[0]["faults"]
    assert run(["--json", "import", str(file)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["unchanged"] == 3
    assert len(report["records"]) == 4
    file.write_text(HEAD + '[] a dcat:Dataset ; dct:title "Anonymous" .', "utf-8")
    assert run(["import", str(file)]) == REFUSED
    printed = capsys.readouterr()
    assert "neither an IRI nor an identifier" in printed.err
    assert "✗ 0 of 1 record imported: all refused" in printed.err
    assert "✓" not in printed.out
    assert run(["import", str(sheet)]) == REFUSED


@pytest.mark.parametrize("name", ["us-datajson-samples", "fr-udata-fixtures"])
def test_real_files_with_slips_enter(city: Running, name: str) -> None:
    files = {
        "us-datajson-samples": ("ckanext/datajson/tests/datajson-samples/usda.gov.data.json", "application/ld+json"),
        "fr-udata-fixtures": ("udata/harvest/tests/csw_dcat/geonetwork-dcat-page-3.xml", "application/rdf+xml"),
    }
    path, media_type = files[name]
    body = data(f"catalogues/{name}/{path}").read_text("utf-8")
    events = imported(city, body, media_type=media_type, name=quote(name))
    assert events[0]["notes"]
    assert events[-1]["refused"] == 0
    assert events[-1]["new"] >= 2


def test_the_folder_of_a_data_package_is_imported(
    city: Running,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    fields = [{"name": "species", "type": "string"}, {"name": "height", "type": "number"}]
    resource = {"name": "trees", "path": "trees.csv", "schema": {"fields": fields}}
    package = {"name": "street-trees", "title": "Street trees", "resources": [resource]}
    (tmp_path / "datapackage.json").write_text(json.dumps(package), "utf-8")
    base = "https://trees.example/street/datapackage.json"
    assert run(["--json", "import", str(tmp_path), "--base", base]) == 0
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert record["iri"] == base
    with city.http() as http:
        page = http.get(record["address"], headers={"Accept": "text/html"}).text
    assert page.index("species") < page.rindex("height")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(["import", str(empty)]) == REFUSED
    assert "is not a file" in capsys.readouterr().err
