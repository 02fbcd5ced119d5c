"""The rules that repair harvested records: each on its own, undone, and all of them on real catalogues."""

from __future__ import annotations

import pytest
from pyoxigraph import Dataset, NamedNode, RdfFormat, parse

from node.base.errors import InvalidInput
from node.semantics.codelists.lookup import EU
from node.semantics.documents import canonical
from node.semantics.harvest.examination import _parse
from node.semantics.harvest.rules.model import Record
from node.semantics.harvest.rules.own_values import own_values
from node.semantics.harvest.rules.table import RULES, SAFE, repair, rules_named, undo
from node.semantics.harvest.rules.value_fields import field_named
from node.semantics.harvest.rules.values import date_form, whole_bytes
from tests import import_report
from tests.artefacts import data

PREFIXES = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix adms: <http://www.w3.org/ns/adms#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix schema: <http://schema.org/> . @prefix spdx: <http://spdx.org/rdf/terms#> .
@prefix locn: <http://www.w3.org/ns/locn#> . @prefix gsp: <http://www.opengis.net/ont/geosparql#> .
@prefix eu: <http://publications.europa.eu/resource/authority/> . @prefix a: <http://a.example/> .
@prefix iana: <https://www.iana.org/assignments/media-types/> .
"""
CASES = {
    "own-value": ('a:d dcat:theme "bomen", [ skos:prefLabel "groen"@nl ], a:trees .', "a:d dcat:theme a:nature ."),
    "empty": ('a:d dct:rights "" .', ""),
    "hollow": ("a:d dct:spatial [ a dct:Location ] .", ""),
    "link": ('a:f dcat:accessURL "http://x.example/" .', "a:f dcat:accessURL <http://x.example/> ."),
    "mail": ('a:c vcard:hasEmail "me@x.example" .', "a:c vcard:hasEmail <mailto:me@x.example> ."),
    "phone": ('a:c vcard:hasTelephone "+32 (9) 1" .', "a:c vcard:hasTelephone <tel:+3291> ."),
    "language": ('a:d dct:language "nl-BE", "fre" .', "a:d dct:language <eu:NLD>, <eu:FRA> ."),
    "theme": ('a:d dcat:theme "transporte" .', "a:d dcat:theme <eu:TRAN> ."),
    "format": ('a:f dct:format "Shapefile" .', "a:f dct:format <eu:SHP> ."),
    "media-type": ('a:f dcat:mediaType "CSV" .', "a:f dcat:mediaType <iana:text/csv> ."),
    "package": ('a:f dcat:compressFormat "application/zip" .', "a:f dcat:compressFormat <iana:application/zip> ."),
    "frequency": ('a:d dct:accrualPeriodicity "R/P1Y" .', "a:d dct:accrualPeriodicity <eu:ANNUAL> ."),
    "access-right": ('a:d dct:accessRights "public" .', "a:d dct:accessRights <eu:PUBLIC> ."),
    "licence": ('a:f dct:license "CC BY 4.0" .', "a:f dct:license <eu:CC_BY_4_0> ."),
    "number": ('a:f dcat:byteSize 12.0 .', 'a:f dcat:byteSize "12"^^xsd:nonNegativeInteger .'),
    "date": ('a:d dct:issued "27/6/2019" .', 'a:d dct:issued "2019-06-27"^^xsd:date .'),
    "period": ('a:t schema:startDate "x" .', 'a:t dcat:startDate "x" .'),
    "period-text": (
        'a:d dct:temporal "2019/2020-02" .',
        'a:d dct:temporal [ a dct:PeriodOfTime ; dcat:startDate "2019"^^xsd:gYear ;'
        ' dcat:endDate "2020-02"^^xsd:gYearMonth ] .',
    ),
    "checksum": ('a:s spdx:checksumValue "9f86" .', 'a:s spdx:checksumValue "9f86"^^xsd:hexBinary .'),
    "place": ('a:d dct:spatial "Gent"@nl .', 'a:d dct:spatial [ a dct:Location ; skos:prefLabel "Gent"@nl ] .'),
    "keyword": ('a:d dcat:theme "bomen"@nl .', 'a:d dcat:keyword "bomen"@nl .'),
    "theme-node": ('a:d dcat:theme [ skos:prefLabel "bomen" ] .', 'a:d dcat:keyword "bomen" .'),
    "wrap": ('a:d dct:rights "free" .', 'a:d dct:rights [ a dct:RightsStatement ; rdfs:label "free" ] .'),
    "identifier": ("a:d dct:identifier <urn:x:1> .", 'a:d dct:identifier "urn:x:1" .'),
    "other-identifier": (
        'a:d adms:identifier "1" .',
        'a:d adms:identifier [ a adms:Identifier ; skos:notation "1" ] .',
    ),
    "title": ('a:d rdfs:label "T" .', 'a:d rdfs:label "T" ; dct:title "T" .'),
    "description": ('a:d dct:abstract "D" .', 'a:d dct:abstract "D" ; dct:description "D" .'),
    "agent": (
        'a:d dct:publisher a:p . a:p skos:prefLabel "P" .',
        'a:d dct:publisher a:p . a:p skos:prefLabel "P" ; foaf:name "P" .',
    ),
    "access-address": (
        "a:d dcat:distribution a:f . a:f dcat:downloadURL a:x .",
        "a:d dcat:distribution a:f . a:f dcat:downloadURL a:x ; dcat:accessURL a:x .",
    ),
    "one-date": ('a:d dct:modified "2019", "2020" .', 'a:d dct:modified "2020" .'),
    "one-geometry": (
        'a:l locn:geometry "POINT(1 2)"^^gsp:wktLiteral, "{}"^^gsp:geoJSONLiteral .',
        'a:l locn:geometry "POINT(1 2)"^^gsp:wktLiteral .',
    ),
    "record-topic": ("a:r a dcat:CatalogRecord .", "a:r a dcat:CatalogRecord ; foaf:primaryTopic a:d ."),
    "record-aside": (
        'a:d dct:title "T" . a:r a dcat:CatalogRecord ; foaf:primaryTopic a:d ; dct:conformsTo a:1, a:2 .',
        'a:d dct:title "T" .',
    ),
    "stub": ("a:d dcat:theme a:x . a:x a skos:Concept .", "a:d dcat:theme a:x ."),
    "one-of-many": ("a:f dct:license a:1, a:2 .", "a:f dct:license a:1 ."),
    "landing-page": (
        "a:d dcat:landingPage a:x ; dcat:distribution a:f . a:f a dcat:Distribution .",
        "a:d dcat:landingPage a:x ; dcat:distribution a:f . a:f a dcat:Distribution ; dcat:accessURL a:x .",
    ),
    "title-as-description": ('a:d dct:title "T" .', 'a:d dct:title "T" ; dct:description "T" .'),
    "catalogue-licence": ('a:d dct:title "T" .', 'a:d dct:title "T" ; dct:license a:l .'),
}  # fmt: skip
KEPT = (
    'a:f dcat:accessURL "see the web site", "http://x.example/{id}" .',
    'a:f dcat:byteSize "about 3 MB", "1.5" .',
    'a:d dct:issued "03/04/2019" . a:e dct:issued "2019-02-30" . a:g dct:issued "last week" .',
    'a:d dct:license "CC BY" .',
    'a:d dct:language "Klingon" .',
    'a:d dct:spatial "{{extent}}", "[[1, 2], [3, 4]]" .',
)
TREES = ("bomen", "groen", "http://a.example/trees")
NATURE = "http://a.example/nature"
_LISTS = {
    "language": "language", "theme": "data-theme", "format": "file-type", "frequency": "frequency",
    "access-right": "access-right", "licence": "licence",
}  # fmt: skip


def record(text: str, rule: str = "") -> Record:
    full = text.replace("<iana:", "<https://www.iana.org/assignments/media-types/")
    full = full.replace("<eu:", f"<http://publications.europa.eu/resource/authority/{_LISTS.get(rule, '')}/")
    statements = Dataset(parse((PREFIXES + full).encode(), format=RdfFormat.TURTLE))
    inherited = Dataset(parse((PREFIXES + "a:c dct:license a:l .").encode(), format=RdfFormat.TURTLE))
    return Record(statements, NamedNode("http://a.example/d"), inherited, {"theme": dict.fromkeys(TREES, NATURE)})


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_a_rule_repairs_once_tells_it_and_can_be_undone(name: str) -> None:
    before, after = (record(text, name) for text in CASES[name])
    rules = rules_named([name])
    original = canonical(before.dataset)
    repairs = repair(before, rules)
    assert canonical(before.dataset) == canonical(after.dataset)
    assert {done.to_json()["rule"] for done in repairs} == {name}
    assert repair(before, rules) == [], "a second time there is nothing to repair"
    undo(before, repairs)
    assert canonical(before.dataset) == original


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_certain_stays(text: str) -> None:
    names = [rule.name for rule in RULES if rule.safe and rule.name not in ("wrap", "catalogue-licence")]
    kept = record(text)
    assert repair(kept, rules_named(names)) == []


def test_values_on_no_list_are_a_source_s_own() -> None:
    statements = record(
        'a:d dcat:theme "transporte", "wonen in de wijk", [ skos:prefLabel "groen"@nl ], <eu:REGI>, a:trees ;'
        ' dct:license "CC BY 4.0", "vrij gebruik" ; dct:language "Klingon", "nl" ; dct:accrualPeriodicity "soms" .'
        f' a:f dct:format "CSV", "wiskidata" ; dcat:mediaType "wiski", <iana:text/csv> ; dct:license "{"x" * 301}" .'
    )
    assert own_values(statements.dataset) == [
        ("format", "wiskidata"),
        ("frequency", "soms"),
        ("language", "Klingon"),
        ("license", "vrij gebruik"),
        ("mediaType", "wiski"),
        ("theme", "groen"),
        ("theme", "http://a.example/trees"),
        ("theme", "wonen in de wijk"),
    ]


@pytest.mark.parametrize(
    ("field", "text", "iri"),
    [
        ("theme", "ENVI", f"{EU}data-theme/ENVI"),
        ("theme", "milieu", f"{EU}data-theme/ENVI"),
        ("theme", f"{EU}data-theme/TRAN", f"{EU}data-theme/TRAN"),
        ("license", "https://ghent.example/licence", "https://ghent.example/licence"),
        ("mediaType", "application/vnd.wiski", "https://www.iana.org/assignments/media-types/application/vnd.wiski"),
    ],
)
def test_a_steward_chooses_by_code_label_or_iri(field: str, text: str, iri: str) -> None:
    assert field_named(field).choice(text) == iri


@pytest.mark.parametrize(
    ("field", "text"), [("theme", "https://ghent.example/theme"), ("theme", "xyz"), ("mediaType", "x")]
)
def test_what_is_on_no_list_is_no_choice(field: str, text: str) -> None:
    with pytest.raises(InvalidInput, match="is no value of the field") as refusal:
        field_named(field).choice(text)
    assert refusal.value.remedy
    with pytest.raises(InvalidInput, match="there is no field"):
        field_named(text)


def test_lossy_rules_are_applied_only_by_name() -> None:
    safe = rules_named([SAFE])
    assert all(rule.safe for rule in safe)
    assert [rule.name for rule in rules_named(["title-as-description", "empty"])] == ["empty", "title-as-description"]
    with pytest.raises(InvalidInput, match="there is no rule 'magic'"):
        rules_named(["magic"])


@pytest.mark.parametrize(
    ("text", "size"),
    [("12", 12), ("12.0", 12), ("1,5 kB", 1500), ("2 KiB", 2048), ("10 bytes", 10), ("1.5", None), ("x", None)],
)
def test_sizes_are_read_with_their_units(text: str, size: int | None) -> None:
    assert whole_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2019-06-27 12:41:27", ("2019-06-27T12:41:27", "dateTime")),
        ("2019-06-27T12:41+0200", ("2019-06-27T12:41:00+02:00", "dateTime")),
        ("2019-06-27", ("2019-06-27", "date")),
        ("27.06.2019", ("2019-06-27", "date")),
        ("2019", ("2019", "gYear")),
        ("06/05/2019", None),
        ("2019-13-01", None),
        ("2019-06-27T25:00:00", None),
    ],
)
def test_dates_are_read_where_they_are_certain(text: str, form: tuple[str, str] | None) -> None:
    assert date_form(text) == form


def test_real_catalogues_come_back_as_they_were() -> None:
    data("catalogues/faults.tsv")
    rules = rules_named([SAFE])
    for file in list(import_report.real_files())[:25]:
        for piece in import_report.pieces(file)[:12]:
            if "{" in piece.subject:
                continue
            dataset, subject, _ = _parse(piece.subject, "".join(piece.lines))
            before = set(dataset)
            changed = Record(dataset, subject)
            undo(changed, repair(changed, rules))
            assert set(changed.dataset) == before, file
