"""What a description says, as values, cards and changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.catalogue.model import Record
from node.portal.codes import words_of_code
from node.portal.description.cards import card
from node.portal.description.changes import timeline
from node.portal.description.content import distributions, facts, lineage, remaining, values
from node.portal.description.plans import PLANS
from node.portal.description.triples import Description
from node.semantics.codelists.lookup import EU
from node.semantics.description.fields import FILE, fields_of
from node.semantics.kinds import KINDS
from node.vocab.namespaces import CSVW, DCAT, DCT, HANSA, PROV
from tests.fakes.portal.content import Graph, demo_records, say

RECORDS = {record.version_iri.rsplit("/", 1)[-1]: record for record in demo_records()}


def described(name: str) -> tuple[Record, Description]:
    record = RECORDS[name]
    return record, Description.read(record.nquads)


def test_a_description_is_read_by_subject_and_predicate() -> None:
    record, description = described("traffic-counts#v3")
    assert description.texts(record.iri, f"{DCT}title") == record.titles
    assert description.value(record.iri, f"{DCAT}temporalResolution") == "PT15M"
    assert description.terms(record.iri, f"{DCT}nothing") == []


def test_a_broken_description_shows_what_precedes_the_fault() -> None:
    good = b'<urn:a> <http://purl.org/dc/terms/title> "x" .\n'
    description = Description.read(good + b"this is no statement\n" + good.replace(b"urn:a", b"urn:b"))
    assert description.subjects() == ["urn:a"]
    assert Description.read(b"\xff\xfe").subjects() == []


def test_a_format_without_an_iri_is_called_by_its_label() -> None:
    def file(statements: str) -> Description:
        text = f"<urn:a> <{DCAT}distribution> _:f .\n_:f <{DCT}format> _:t .\n{statements}"
        return Description.read(text.encode())

    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    value = f'_:t <{rdf}value> "application/xlsx" .\n'
    label = '_:t <http://www.w3.org/2000/01/rdf-schema#label> "XLSX" .\n'
    assert distributions(file(value + label), "urn:a")[0].format == "XLSX"
    assert distributions(file(value), "urn:a")[0].format == "application/xlsx"
    assert distributions(file(f"_:t <{rdf}type> <urn:c> .\n"), "urn:a")[0].format == ""


@pytest.mark.parametrize(
    ("iri", "names"),
    [
        (f"{EU}language/CAT", {"en": "Catalan", "nl": "Catalaans", "fr": "catalan", "cs": "katalánština"}),
        (f"{EU}language/NLD", {"en": "Dutch", "nl": "Nederlands", "fr": "néerlandais", "de": "Niederländisch"}),
        ("http://id.loc.gov/vocabulary/iso639-1/eu", {"en": "Basque", "de": "Baskisch"}),
        (f"{EU}language/ZZZ", {"en": "ZZZ"}),
    ],
)
def test_languages_are_named_in_the_language_of_the_reader(iri: str, names: dict[str, str]) -> None:
    assert {language: words_of_code(iri, language) for language in names} == names


def test_lists_are_unrolled_even_where_they_bite_their_tail() -> None:
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    looped = (
        f"<urn:a> <urn:p> _:c0 .\n_:c0 <{rdf}first> <urn:1> .\n_:c0 <{rdf}rest> _:c1 .\n"
        f"_:c1 <{rdf}first> <urn:2> .\n_:c1 <{rdf}rest> _:c0 .\n"
    )
    assert [term.value for term in Description.read(looped.encode()).terms("urn:a", "urn:p")] == ["urn:1", "urn:2"]


def test_facts_know_what_they_are() -> None:
    record, description = described("traffic-counts#v3")
    facts_by_label = {fact.label: fact.values for fact in facts(description, record.iri)}
    assert list(facts_by_label) == [
        "licence",
        "access",
        "temporal",
        "frequency",
        "step",
        "spatial",
        "conforms",
        "language",
        "issued",
        "contact",
    ]
    assert facts_by_label["temporal"][0].shape == "period"
    assert facts_by_label["step"][0].shape == "duration"
    assert facts_by_label["issued"][0].shape == "day"
    assert (facts_by_label["spatial"][0].shape, facts_by_label["spatial"][0].texts["nl"]) == ("place", "Gent")
    assert (facts_by_label["contact"][0].shape, facts_by_label["contact"][0].mail) == (
        "contact",
        "mailto:mobiliteit@stad.gent.example",
    )


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (("2026-11-20", "date"), "day"),
        (("2026-11-20T10:00:00Z", "dateTime"), "moment"),
        (("not a date", "date"), "text"),
        (("12", "integer"), "number"),
        (("1e400", "double"), "text"),
        (("NaN", "double"), "text"),
        (("true", "boolean"), "flag"),
        (("P1D", "duration"), "duration"),
        (("https://x.example/", "anyURI"), "iri"),
        ("plain", "text"),
        (say(nl="a", en="b"), "text"),
        ("<https://x.example/>", "iri"),
    ],
)
def test_a_value_has_the_shape_of_its_datatype(value: object, shape: str) -> None:
    graph = Graph("urn:a").add("urn:p", value)
    found = values(Description.read(graph.nquads()), "urn:a", "urn:p")
    assert [one.shape for one in found] == [shape]


def test_nested_things_end_somewhere() -> None:
    deep = (
        "".join(f"_:c{n} <urn:p> _:c{n + 1} .\n" for n in range(40))
        + "<urn:a> <urn:p> _:c0 .\n_:c40 <urn:p> _:c0 .\n"
    )
    level = values(Description.read(deep.encode()), "urn:a", "urn:p")
    depth = 0
    while level and level[0].shape == "nested":
        level = level[0].facts[0].values
        depth += 1
    assert 0 < depth <= 4


def test_what_has_no_place_is_shown_all_the_same() -> None:
    graph = Graph("urn:a").add(f"{DCT}title", say(en="t")).add("http://example.org/ns#odd", "x")
    graph.add(f"{DCT}license", "<urn:l>").add(f"{PROV}wasDerivedFrom", "<urn:b>")
    description = Description.read(graph.nquads())
    assert [(fact.name, fact.values[0].plain) for fact in remaining(description, "urn:a")] == [("odd", "x")]
    assert [fact.label for fact in lineage(description, "urn:a")] == ["source"]


def test_the_licence_of_the_distributions_counts_where_there_is_no_other() -> None:
    graph = Graph("urn:a")
    graph.node(f"{DCAT}distribution", {f"{DCT}license": "<urn:l>", f"{DCAT}accessURL": "<https://x.example/>"})
    description = Description.read(graph.nquads())
    assert facts(description, "urn:a")[0].values[0].plain == "urn:l"
    assert distributions(description, "urn:a")[0].address == "https://x.example/"


def test_a_model_card_has_its_parameters_with_units_and_its_range() -> None:
    record, description = described("road-noise#v1")
    model = card("model", description, record.iri)
    sheets = {sheet.label: sheet for sheet in model.sheets}
    assert list(sheets) == ["validity", "risks", "inputs", "outputs", "parameters", "calibration"]
    assert sheets["parameters"].columns == ("name", "meaning", "unit", "default", "lowest", "highest")
    names = [row.cells[0][0].plain for row in sheets["parameters"].rows]
    assert names == ["carSpeed", "heavyShare", "heavySpeed"]
    assert {fact.label for fact in model.paragraphs} >= {"use", "method", "limits", "guideline", "owner"}
    variables = sheets["inputs"].rows[0].cells[sheets["inputs"].columns.index("variables")]
    assert {value.texts[""] for value in variables} == {"light, veh/h", "heavy, veh/h"}


def test_a_scenario_keeps_the_order_of_its_chain() -> None:
    record, description = described("contributiebrug#v1")
    sheets = {sheet.label: sheet for sheet in card("scenario", description, record.iri).sheets}
    assert [row.cells[0][0].number for row in sheets["chain"].rows] == [1, 2, 3]
    assert "roles" not in sheets, "roles that say nothing but their names are told by their bindings"
    assert sheets["bindings"].rows[0].cells[1][0].plain.endswith("#v2")


def test_an_ontology_lists_its_terms_by_name() -> None:
    record, description = described("mobility#v1")
    sheets = {sheet.label: sheet for sheet in card("ontology", description, record.iri).sheets}
    names = [row.cells[0][0].texts["en"] for row in sheets["classes"].rows]
    assert names == sorted(names)
    assert len(names) == 7
    assert sheets["concepts"].rows[0].iri.endswith("#lorry")
    assert record.iri not in {row.iri for sheet in sheets.values() for row in sheet.rows}


def test_a_schema_shows_its_members() -> None:
    record, description = described("traffic-flow-observed#v1")
    schema_card = card("schema", description, record.iri)
    members = next(sheet for sheet in schema_card.sheets if sheet.label == "members")
    assert [row.cells[0][0].texts[""] for row in members.rows][:2] == ["refRoadSegment", "dateObservedFrom"]
    assert [row.cells[3][0].plain for row in members.rows] == ["yes", "no", "yes", "no"]
    assert schema_card.sources[0][1].startswith("{\n")


@pytest.mark.parametrize("source", ["{", "[" * 5000, '{"properties": []}', '{"properties": {"a": 1}}', "[]", "null"])
def test_an_odd_schema_shows_no_members(source: str) -> None:
    graph = Graph("urn:a").add("https://w3id.org/hansa/ns#definition", source)
    assert card("schema", Description.read(graph.nquads()), "urn:a").sheets == ()


def test_a_kind_without_a_plan_has_no_card() -> None:
    assert not card("novelty", Description.read(b""), "urn:a")


def test_plans_are_for_kinds_and_properties_that_exist() -> None:
    assert set(PLANS) <= set(KINDS)
    for kind, plan in PLANS.items():
        known = {field.property for field in fields_of(kind)}
        known |= {inner.property for field in (*fields_of(kind), *FILE) for inner in field.fields}
        # What nodes derive from the definition of a schema.
        known |= {f"{HANSA}schemaLanguage", f"{CSVW}column"} if kind == "schema" else set()
        for label, predicates in plan.paragraphs:
            assert set(predicates) & known, (kind, label)
        for sheet in plan.sheets:
            assert not sheet.rows or set(sheet.rows) & known, (kind, sheet.label)


def test_the_time_line_says_what_changed() -> None:
    versions = sorted((r for r in demo_records() if r.iri.endswith("traffic-counts")), key=lambda r: -r.version)
    steps = timeline(versions)
    assert [step.record.version for step in steps] == [3, 2, 1]
    assert [(change.what, change.label or change.name) for change in steps[1].changes] == [
        ("file-changed", "traffic-counts.csv"),
        ("property", "fact.temporal"),
    ]
    assert steps[0].notes["en"].startswith("The broken sensor")
    assert steps[2].changes == ()


def test_conditions_audience_and_files_are_changes_too() -> None:
    old = RECORDS["road-network#v1"]
    assert old.offer is not None
    new = replace(
        old,
        version=2,
        offer={**old.offer, "@id": "other", "prohibition": [{"action": "odrl:distribute"}]},
        audience="members",
        files=(replace(old.files[0], name="roads.geojson"),),
    )
    changes = [change.what for change in timeline([new, old])[0].changes]
    assert changes == ["file-removed", "file-added", "file-opened", "conditions", "audience"]
    same = replace(old, version=2, offer={**old.offer, "@id": "another id"})
    assert timeline([same, old])[0].changes == ()
    hidden = replace(old, version=2, sha256="0" * 64)
    assert [change.what for change in timeline([hidden, old])[0].changes] == ["details"]
