"""From fields to a checked description of a dataset, through the whole room."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import NamedNode

from node.base.errors import InvalidInput
from node.semantics.description.cage_client import unpack_description as unpack
from node.semantics.documents import canonical
from node.semantics.model import Finding, Submission
from node.semantics.triples import first_text, iris, literals, nodes, types
from node.vocab.namespaces import ADMS, DCAT, DCT, FOAF, HANSA, RDFS, SPDX, VCARD
from tests.unit.semantics.descriptions import (
    BASE,
    GOOD,
    ME,
    NAME,
    described,
    fields,
    file,
    graph,
    of_fields,
    refusals,
    rules,
)

EU = "http://publications.europa.eu/resource/authority"


async def test_a_good_description_has_nothing_to_mend() -> None:
    description = await of_fields(GOOD, "counts.csv")
    assert [f for f in description.findings if f.severity != "info"] == []
    assert description.iri == f"{BASE}/datasets/traffic-counts"
    assert description.kind == "dataset"
    assert description.titles == {"nl": "Verkeerstellingen", "en": "Traffic counts"}
    assert description.descriptions == {"nl": "Tellingen per kwartier"}
    assert (description.publisher, description.publisher_name) == (ME, NAME)
    assert description.keywords == ("telling", "verkeer")
    assert description.themes == ("TRAN",)
    assert description.bbox == (3.58, 50.97, 3.86, 51.19)
    assert description.conditions is None
    assert description.audience is None


async def test_the_record_is_canonical_and_hashed() -> None:
    description = await of_fields(GOOD, "counts.csv")
    again = await of_fields(GOOD, "counts.csv")
    assert canonical(graph(description)) == (description.nquads, description.sha256)
    assert description.nquads == again.nquads
    assert description.nquads.splitlines() == sorted(description.nquads.splitlines())


async def test_the_record_in_rdf() -> None:
    description = await of_fields(GOOD, "counts.csv")
    data, asset = graph(description), NamedNode(description.iri)
    assert types(data, asset) == {f"{DCAT}Dataset"}
    assert iris(data, asset, f"{DCAT}theme") == [f"{EU}/data-theme/TRAN"]
    assert iris(data, asset, f"{DCT}language") == [f"{EU}/language/NLD"]
    assert iris(data, asset, f"{DCT}accessRights") == [f"{EU}/access-right/PUBLIC"]
    assert [text.value for text in literals(data, asset, f"{DCT}identifier")] == [description.iri]
    (contact,) = nodes(data, asset, f"{DCAT}contactPoint")
    assert iris(data, contact, f"{VCARD}hasEmail") == ["mailto:mobiliteit@gent.example"]
    assert first_text(data, NamedNode(ME), f"{FOAF}name") == NAME
    (distribution,) = nodes(data, asset, f"{DCAT}distribution")
    assert iris(data, distribution, f"{DCAT}accessURL") == [description.iri]
    assert iris(data, distribution, f"{DCAT}downloadURL") == [f"{description.iri}/files/counts.csv"]
    assert iris(data, distribution, f"{DCT}license") == [f"{EU}/licence/CC_BY_4_0"]
    assert iris(data, distribution, f"{DCT}format") == [f"{EU}/file-type/CSV"]
    (size,) = literals(data, distribution, f"{DCAT}byteSize")
    assert (size.value, size.datatype.value.rpartition("#")[2]) == ("1234", "nonNegativeInteger")
    (checksum,) = nodes(data, distribution, f"{SPDX}checksum")
    assert [text.value for text in literals(data, checksum, f"{SPDX}checksumValue")] == ["ab" * 32]


async def test_the_refused_description_of_the_demonstration() -> None:
    """The first session of the terminal: a licence is missing, and a theme is not an EU theme."""
    text = """
    kind: dataset
    id: bicycle-counters
    title: Bicycle counters, hourly
    description: Counts of passing bicycles
    theme: traffic
    keywords: [bicycle]
    contact: {name: Open data, email: opendata@gent.example}
    spatial: Gent
    temporal: 2026
    files: [{path: counters.csv}]
    __lines__: {theme: 6, files: 11, files.0: 12}
    """
    found = await of_fields(text, "counters.csv")
    theme, licence = refusals(found)
    assert (licence.message, licence.line, licence.field) == ("licence is missing", 12, "files.0.license")
    assert licence.why == "Others cannot lawfully use the data without one."
    assert licence.remedy == "add: license: CC-BY-4.0"
    assert (theme.message, theme.line) == ('theme "traffic" is not an EU data theme', 6)
    assert theme.remedy == "did you mean TRAN (Transport)?"
    assert theme.translations["nl"]["remedy"] == "bedoelt u TRAN (Vervoer)?"
    assert theme.translations["cs"]["remedy"] == "mysleli jste TRAN (Doprava)?"


async def test_a_contract_stands_in_for_a_licence_but_open_conditions_do_not() -> None:
    text = GOOD.replace("license: CC-BY-4.0\n", "")
    assert rules(await of_fields(text, "counts.csv")) == {"Licensed"}
    assert rules(await of_fields(text + "conditions: open", "counts.csv")) == {"Licensed"}
    description = await of_fields(
        text + "conditions: {template: members, region: 'did:web:vlaanderen.example'}", "counts.csv"
    )
    assert refusals(description) == []
    assert description.conditions == {"template": "members", "region": "did:web:vlaanderen.example"}
    data = graph(description)
    assert iris(data, NamedNode(description.iri), f"{DCT}accessRights") == [f"{EU}/access-right/RESTRICTED"]
    assert b"hasPolicy" not in description.nquads


async def test_conditions_may_be_an_odrl_policy() -> None:
    found = await of_fields(GOOD + "conditions: {permission: [{action: odrl:use}]}", "counts.csv")
    assert refusals(found) == []
    assert found.conditions == {"offer": {"permission": [{"action": "odrl:use"}]}}
    prefixed = await of_fields(GOOD + "conditions: {odrl:prohibition: [{action: odrl:sell}]}", "counts.csv")
    assert prefixed.conditions == {"offer": {"odrl:prohibition": [{"action": "odrl:sell"}]}}


async def test_what_stays_in_the_house_needs_no_licence() -> None:
    found = await of_fields(GOOD.replace("license: CC-BY-4.0\n", "") + "audience: internal\n", "counts.csv")
    assert refusals(found) == []
    assert iris(graph(found), NamedNode(found.iri), f"{DCT}accessRights") == [f"{EU}/access-right/NON_PUBLIC"]


async def test_conditions_and_audience_of_the_submission_win() -> None:
    submission = Submission(
        fields=fields(GOOD + "conditions: open\naudience: members\n"),
        files=(file("counts.csv"),),
        conditions={"template": "members"},
        audience="internal",
    )
    description = await described(submission)
    assert description.conditions == {"template": "members"}
    assert description.audience == "internal"
    assert iris(graph(description), NamedNode(description.iri), f"{DCT}accessRights") == [
        f"{EU}/access-right/NON_PUBLIC"
    ]
    assert b"audience" not in description.nquads


@pytest.mark.parametrize(
    ("line", "rule", "field", "message"),
    [
        ("titel: x", "field:unknown-field", "titel", 'the field "titel" is not known for a dataset'),
        ("xyzzy: x", "field:unknown-field", "xyzzy", 'the field "xyzzy" is not known for a dataset'),
        ("issued: soon", "field:wrong-type", "issued", '"issued" must be a date: 2026-11-20'),
        ("issued: '2026-02-30'", "field:wrong-type", "issued", '"issued" must be a date: 2026-11-20'),
        ("landing_page: our site", "field:wrong-type", "landing_page", None),
        ("landing_page: 'javascript:alert(1)'", "field:wrong-type", "landing_page", None),
        ("provenance: [a, b]", "field:wrong-type", "provenance", '"provenance" must be one value, not a list'),
        ("version: [1, 2]", "field:wrong-type", "version", '"version" must be one value, not a list'),
        ("frequency: now and then", "field:not-a-code", "frequency", None),
        ("crs: Lambert", "field:wrong-type", "crs", None),
        (
            "resolution: {time: often}",
            "field:wrong-type",
            "resolution.time",
            '"resolution.time" must be a duration: PT15M',
        ),
        ("resolution: 25", "field:wrong-type", "resolution", '"resolution" must be a set of fields'),
        ("quality: {nots: x}", "field:unknown-field", "quality.nots", None),
        ("conditions: [a]", "field:wrong-type", "conditions", None),
        ("conditions: {permit: use}", "field:wrong-type", "conditions", None),
        ("audience: 7", "field:wrong-type", "audience", '"audience" must be text'),
        ("related: [datasets/a, not a link]", "field:wrong-type", "related.1", None),
        ("creator: {name: x, emial: y}", "field:unknown-field", "creator.emial", None),
        ("provenance: {dutch: x}", "field:wrong-type", "provenance", None),
    ],
)
async def test_what_does_not_fit_is_told_by_field(line: str, rule: str, field: str, message: str | None) -> None:
    found = await of_fields(GOOD + line, "counts.csv")
    (finding,) = refusals(found)
    assert (finding.rule, finding.field) == (rule, field)
    assert message is None or finding.message == message
    assert finding.translations.keys() == {"nl", "cs", "fr", "de"}


@pytest.mark.parametrize(
    ("line", "replaced", "rule"),
    [
        ("spatial: [3.86, 50.97, 3.58, 51.19]", "spatial: Gent", "field:bad-rectangle"),
        ("spatial: [3.58, 50.97, 3.86, 151]", "spatial: Gent", "field:bad-rectangle"),
        ("spatial: {nowhere: 1}", "spatial: Gent", "field:wrong-type"),
        (
            "temporal: {from: 2026-10-31, to: 2026-10-01}",
            "temporal: {from: 2026-10-01, to: 2026-10-31}",
            "field:backwards",
        ),
        ("temporal: {since: whenever}", "temporal: {from: 2026-10-01, to: 2026-10-31}", "field:wrong-type"),
        (
            "contact: {email: nobody}",
            "contact: {name: Mobiliteitsbedrijf, email: mobiliteit@gent.example}",
            "field:wrong-type",
        ),
        ("theme: [TRAN, trafic]", "theme: TRAN", "field:not-a-code"),
        ("license: my own", "license: CC-BY-4.0", "field:not-a-code"),
        ("language: klingon", "language: nl", "field:not-a-code"),
        ("title: ''", "title: {nl: Verkeerstellingen, en: Traffic counts}", "title-required"),
        ("title: {nl: ''}", "title: {nl: Verkeerstellingen, en: Traffic counts}", "field:wrong-type"),
    ],
)
async def test_mistakes_in_the_place_of_good_values(line: str, replaced: str, rule: str) -> None:
    assert replaced in GOOD
    found = await of_fields(GOOD.replace(replaced, line), "counts.csv")
    assert rule in rules(found)


async def test_an_unknown_place_is_kept_with_a_warning() -> None:
    description = await of_fields(GOOD.replace("spatial: Gent", "spatial: Gand-lez-Bois"), "counts.csv")
    assert refusals(description) == []
    assert "field:unknown-place" in rules(description, "warning")
    assert description.bbox is None
    (place,) = nodes(graph(description), NamedNode(description.iri), f"{DCT}spatial")
    assert first_text(graph(description), place, f"{RDFS}label") == "Gand-lez-Bois"


@pytest.mark.parametrize(
    ("spatial", "box"),
    [
        ("[3.58, 50.97, 3.86, 51.19]", (3.58, 50.97, 3.86, 51.19)),
        ("[Gent, Brugge]", (3.14, 50.97, 3.86, 51.37)),
        ("[[3.5, 50.9, 3.6, 51], [3.7, 51, 3.9, 51.2]]", (3.5, 50.9, 3.9, 51.2)),
        ("{name: Here, bbox: [3.5, 50.9, 3.6, 51.0]}", (3.5, 50.9, 3.6, 51.0)),
        ("https://sws.geonames.org/3068160/", (13.26, 49.67, 13.51, 49.82)),
        ("Pilsen", (13.26, 49.67, 13.51, 49.82)),
        ("{west: 3.5, south: 50.9, east: 3.6, north: 51}", (3.5, 50.9, 3.6, 51.0)),
    ],
)
async def test_places_as_people_write_them(spatial: str, box: tuple[float, ...]) -> None:
    found = await of_fields(GOOD.replace("spatial: Gent", f"spatial: {spatial}"), "counts.csv")
    assert refusals(found) == []
    assert found.bbox == box


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("{from: 2026-10-01, to: 2026-10-31}", {"from": "2026-10-01", "to": "2026-10-31"}),
        ("2026-10-01/2026-10-31", {"from": "2026-10-01", "to": "2026-10-31"}),
        ("{start: 2026-10-01}", {"from": "2026-10-01"}),
        ("2026-10-01/..", {"from": "2026-10-01"}),
        ("2026", {"from": "2026", "to": "2026"}),
        ("{from: 2026-10, to: 2026-11}", {"from": "2026-10", "to": "2026-11"}),
        ("{from: 2026-10-01T06:00:00Z}", {"from": "2026-10-01T06:00:00Z"}),
    ],
)
async def test_periods_as_people_write_them(text: str, period: dict[str, str]) -> None:
    description = await of_fields(
        GOOD.replace("temporal: {from: 2026-10-01, to: 2026-10-31}", f"temporal: {text}"), "counts.csv"
    )
    assert refusals(description) == []
    assert description.extra is not None
    told = {end: moment.replace("+00:00", "Z") for end, moment in description.extra["temporal"][0].items()}
    assert told == period


async def test_names_of_fields_are_taken_as_people_write_them() -> None:
    text = GOOD.replace("license:", "licence:").replace("keywords:", "tags:") + "landing-page: https://stad.gent/\n"
    description = await of_fields(text, "counts.csv")
    assert refusals(description) == []
    assert description.keywords == ("telling", "verkeer")
    assert iris(graph(description), NamedNode(description.iri), f"{DCAT}landingPage") == ["https://stad.gent/"]


async def test_two_names_of_one_field_are_refused() -> None:
    assert rules(await of_fields(GOOD + "licence: CC0\n", "counts.csv")) == {"field:twice"}


async def test_texts_without_a_language_are_in_that_of_the_dataset() -> None:
    text = GOOD.replace("{nl: Verkeerstellingen, en: Traffic counts}", "Verkeerstellingen")
    assert (await of_fields(text, "counts.csv", language="en")).titles == {"nl": "Verkeerstellingen"}
    bare = text.replace("language: nl\n", "")
    assert (await of_fields(bare, "counts.csv", language="cs")).titles == {"cs": "Verkeerstellingen"}


async def test_quality_gaps_and_samples() -> None:
    text = (
        GOOD.replace("open: true}]", "open: true}, {name: sample.csv, open: yes, sample: true, license: CC0}]")
        + """
quality:
  notes: {nl: Twee sensoren ontbreken}
  missing_sensors: [{sensor: MP-12, from: 2026-10-03, reason: {nl: defect}}, MP-17]
crs: [EPSG:31370, "http://www.opengis.net/def/crs/EPSG/0/4326"]
conforms_to: schemas/traffic-flow
resolution: {time: 15 min, space: 25}
sample_of: datasets/all-counts
frequency: every 15 minutes
"""
    )
    description = await of_fields(text, "counts.csv", "sample.csv")
    assert refusals(description) == []
    data, asset = graph(description), NamedNode(description.iri)
    assert {first_text(data, gap, f"{DCT}identifier") for gap in nodes(data, asset, f"{HANSA}hasGap")} == {
        "MP-12",
        "MP-17",
    }
    assert iris(data, asset, f"{HANSA}sampleOf") == [f"{BASE}/datasets/all-counts"]
    (sample,) = nodes(data, asset, f"{ADMS}sample")
    assert iris(data, sample, f"{DCT}license") == [f"{EU}/licence/CC0"]
    assert description.extra is not None
    assert description.extra["crs"] == ["EPSG:31370", "EPSG:4326"]
    assert description.extra["conforms_to"] == [f"{BASE}/schemas/traffic-flow"]
    assert description.extra["resolution"] == {"space": "25", "time": "PT15M"}
    assert description.extra["frequency"]["code"] == "15MIN"
    assert [gap["sensor"] for gap in description.extra["quality"]["missing_sensors"]] == ["MP-12", "MP-17"]
    assert description.extra["score"]["band"] in ("good", "excellent")
    json.dumps(description.extra)


async def test_files_that_are_missing_elsewhere_or_not_mentioned() -> None:
    bare = GOOD.partition("files:")[0]
    assert rules(await of_fields(GOOD)) == {"field:missing-file"}
    elsewhere = await of_fields(bare + "files: [{name: far.csv, access_url: 'https://far.example/far.csv'}]")
    assert refusals(elsewhere) == []
    assert elsewhere.files == ()
    unmentioned = await of_fields(bare, "extra.geojson")
    assert refusals(unmentioned) == []
    assert [f.format for f in unmentioned.files] == ["GEOJSON"]
    plain = await of_fields(bare + "files: counts.csv", "counts.csv")
    assert [(f.name, f.open) for f in plain.files] == [("counts.csv", False)]


@pytest.mark.parametrize(
    "name",
    [
        "../up.csv",
        "a/b.csv",
        "a\\b.csv",
        ".hidden",
        "",
        "con\x00.csv",
        "x" * 300,
        "tab\t.csv",
        "end.",
        "a:b.csv",
        "q?.csv",
    ],
)
async def test_file_names_that_play_tricks_are_refused(name: str) -> None:
    found = await described(Submission(fields=fields(GOOD.partition("files:")[0]), files=(file(name),)))
    assert rules(found) & {"field:unsafe-name", "field:missing-file"}
    assert found.files == ()


async def test_paths_are_the_stewards_own_business() -> None:
    found = await of_fields(GOOD.replace("name: counts.csv", "path: data/out/counts.csv"), "counts.csv")
    assert refusals(found) == []
    windows = await of_fields(GOOD.replace("name: counts.csv", r"path: 'C:\data\counts.csv'"), "counts.csv")
    assert refusals(windows) == []


@pytest.mark.parametrize(
    ("name", "iri"),
    [
        ("id: traffic-counts", "/datasets/traffic-counts"),
        ("id: Čítání kol 2026", "/datasets/citani-kol-2026"),
        ("name: Fietsen & co", "/datasets/fietsen-co"),
        ("id: https://data.gent.example/datasets/x1", "/datasets/x1"),
        ("id: https://other.example/dataset/4711", "/datasets/4711"),
        ("", "/datasets/traffic-counts"),
        ("id: ../../etc", "/datasets/etc"),
    ],
)
async def test_addresses(name: str, iri: str) -> None:
    found = await of_fields(GOOD.replace("id: traffic-counts", name), "counts.csv")
    assert found.iri == BASE + iri
    assert refusals(found) == []


@pytest.mark.parametrize(
    "iri",
    [
        f"{BASE}/models/x",
        f"{BASE}/datasets/",
        f"{BASE}/datasets/a/b",
        f"{BASE}/datasets/a#v1",
        f"{BASE}/datasets/a?x",
        "https://other.example/datasets/a",
    ],
)
async def test_addresses_that_are_none_of_ours_are_refused(iri: str) -> None:
    found = await described(Submission(fields=fields(GOOD), files=(file("counts.csv"),), iri=iri))
    assert rules(found) == {"field:wrong-address"}
    assert found.iri == ""


@pytest.mark.parametrize(
    ("fields", "rule"),
    [({}, "field:no-kind"), ({"kind": "datset"}, "field:unknown-kind"), ({"kind": "dataset"}, "field:no-name")],
)
async def test_submissions_broken_beyond_recognition(fields: dict[str, str], rule: str) -> None:
    found = await described(Submission(fields=fields))
    assert rules(found) == {rule}
    assert (found.iri, found.nquads) == ("", b"")


async def test_a_kind_that_is_nearly_right_is_guessed() -> None:
    (told,) = refusals(await described(Submission(fields={"kind": "datset"})))
    assert told.remedy == "did you mean dataset?"


async def test_neither_document_nor_fields() -> None:
    with pytest.raises(InvalidInput):
        await described(Submission())


async def test_fields_that_are_not_json() -> None:
    with pytest.raises(InvalidInput):
        await described(Submission(fields={"kind": "dataset", "title": float("nan")}))


async def test_a_publisher_of_another_name_is_another() -> None:
    found = await of_fields(GOOD + "publisher: Polis Brussel\n", "counts.csv")
    assert found.publisher == f"{BASE}/datasets/traffic-counts#publisher-polis-brussel"
    assert found.publisher_name == "Polis Brussel"
    named = await of_fields(GOOD + "publisher: stad gent\n", "counts.csv")
    assert named.publisher == ME
    known = await of_fields(
        GOOD + "publisher: {name: VMM, iri: 'https://data.vlaanderen.be/id/organisatie/OVO000101'}\n", "counts.csv"
    )
    assert known.publisher == "https://data.vlaanderen.be/id/organisatie/OVO000101"


async def test_a_publisher_without_an_iri_is_not_this_node() -> None:
    document = (
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . "
        "@prefix foaf: <http://xmlns.com/foaf/0.1/> . "
        '[] a dcat:Dataset ; dct:title "Trees"@en ; dct:publisher [ a foaf:Agent ; foaf:name "%s" ] .'
    )
    parks, own, nameless = [
        await described(Submission(document=(document % name).encode(), media_type="text/turtle"))
        for name in ("Park service", NAME.upper(), "")
    ]
    assert (parks.publisher, parks.publisher_name) == ("Park service", "Park service")
    assert own.publisher == nameless.publisher == ME


async def test_flanders_has_nothing_to_say_about_a_record_that_a_dutch_steward_writes() -> None:
    text = GOOD.replace("{name: Mobiliteitsbedrijf", "{name: {nl: Mobiliteitsbedrijf}")
    found = await of_fields(text, "counts.csv", enforced=["dcat-ap-vl"])
    assert [f for f in found.findings if "dcat-ap-vl" in f.rule] == []


async def test_profiles_are_advice_or_law_as_the_settings_say() -> None:
    text = GOOD + "conditions: members\n"
    advised = await of_fields(text, "counts.csv", advised=["dcat-ap-vl"])
    assert "access-public-or-not" in rules(advised, "info")
    assert refusals(advised) == []
    enforced = await of_fields(text, "counts.csv", enforced=["dcat-ap-vl"])
    assert rules(enforced) == {"access-public-or-not"}


async def test_the_same_finding_about_many_files_is_told_once() -> None:
    names = [f"part-{number}.csv" for number in range(5)]
    text = GOOD.partition("license:")[0] + "language: en\nkeywords: x\nspatial: Gent\ntemporal: 2026\ntheme: TRAN\n"
    found = await of_fields(text, *names)
    (told,) = refusals(found)
    assert told.count == 5
    assert Finding.from_json(told.to_json()) == told


async def test_a_value_that_was_refused_is_not_said_to_be_missing_too() -> None:
    found = await of_fields(GOOD.replace("theme: TRAN", "theme: trafic"), "counts.csv")
    assert [f.rule for f in found.findings if f.field == "theme"] == ["field:not-a-code"]


def test_the_answer_travels_as_json() -> None:
    from node.semantics import in_cage
    from node.semantics.description.cage_client import _as_json

    message = {
        "submission": _as_json(Submission(fields=fields(GOOD), files=(file("counts.csv"),))),
        "base": BASE,
        "me": ME,
        "myName": NAME,
        "language": "en",
        "advised": [],
        "enforced": [],
    }
    answer, blobs = in_cage.describe(json.loads(json.dumps(message)), [])
    found = unpack(json.loads(json.dumps(answer)), blobs[0])
    assert found.titles["en"] == "Traffic counts"
    assert found.bbox == (3.58, 50.97, 3.86, 51.19)


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
_NAMES = [
    "title",
    "publisher",
    "contact",
    "license",
    "theme",
    "keywords",
    "language",
    "spatial",
    "temporal",
    "frequency",
    "issued",
    "version",
    "conforms_to",
    "access",
    "files",
    "landing_page",
    "provenance",
    "quality",
    "crs",
    "resolution",
    "id",
    "iri",
    "name",
    "kind",
    "conditions",
    "audience",
    "machine_learned",
    "__lines__",
]


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(_NAMES), value=_ANYTHING)
async def test_nothing_that_a_steward_writes_breaks_the_room(name: str, value: object) -> None:
    found = await described(Submission(fields={**fields(GOOD), name: value}, files=(file("counts.csv"),)))
    assert found.iri == "" or found.iri.startswith(f"{BASE}/")
    assert all(f.message and f.rule for f in found.findings)
