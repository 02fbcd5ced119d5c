"""RDF documents as submissions: what they are about, where they come to live, and what they may not say."""

from __future__ import annotations

import pytest
from pyoxigraph import NamedNode

from node.base.errors import InvalidInput, UnsupportedMediaType
from node.semantics.model import Submission
from node.semantics.triples import first_text, iris, literals, nodes, objects, types
from node.vocab.namespaces import ADMS, DCAT, DCT, IT6, ODRL, OWL, SKOS, SPDX
from tests.unit.semantics.descriptions import BASE, ME, described, fields, file, graph, of_turtle, refusals, rules

PREFIXES = """
@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix hz: <https://w3id.org/hansa/policy#> .
@prefix it6: <http://data.europa.eu/it6/> .
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix spdx: <http://spdx.org/rdf/terms#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
DATASET = """
<https://old.example/dataset/parking> a dcat:Dataset ;
  dct:title "Parking garages"@en ;
  dct:description "Free places"@en ;
  dcat:theme <http://publications.europa.eu/resource/authority/data-theme/TRAN> ;
  dcat:distribution <https://old.example/dataset/parking/csv> .
<https://old.example/dataset/parking/csv> a dcat:Distribution ;
  dct:title "parking.csv"@en ;
  dcat:accessURL <https://old.example/parking> ;
  dct:license <https://creativecommons.org/licenses/by/4.0/> .
"""
LICENSED = "dct:license <https://creativecommons.org/licenses/by/4.0/>"


def doc(text: str) -> str:
    return PREFIXES + text


async def test_a_foreign_dataset_is_adopted() -> None:
    description = await of_turtle(doc(DATASET))
    assert description.iri == f"{BASE}/datasets/parking"
    assert refusals(description) == []
    assert "field:adopted" in rules(description, "info")
    data, asset = graph(description), NamedNode(description.iri)
    assert [text.value for text in literals(data, asset, f"{DCT}identifier")] == [
        "https://old.example/dataset/parking"
    ]
    (identifier,) = nodes(data, asset, f"{ADMS}identifier")
    (notation,) = literals(data, identifier, f"{SKOS}notation")
    assert (notation.value, notation.datatype.value.rpartition("#")[2]) == (
        "https://old.example/dataset/parking",
        "anyURI",
    )
    assert not list(data.quads_for_subject(NamedNode("https://old.example/dataset/parking")))
    assert description.publisher == ME


async def test_an_address_of_this_node_is_kept() -> None:
    found = await of_turtle(doc(DATASET.replace("https://old.example/dataset/parking>", f"{BASE}/datasets/p1>")))
    assert found.iri == f"{BASE}/datasets/p1"
    assert "field:adopted" not in rules(found, "info")


async def test_an_address_of_this_node_for_another_kind_is_refused() -> None:
    found = await of_turtle(doc(DATASET.replace("https://old.example/dataset/parking>", f"{BASE}/models/p1>")))
    assert rules(found) == {"field:wrong-address"}


@pytest.mark.parametrize("subject", ["<>", "_:b", "[]"])
async def test_a_subject_without_address_gets_one_from_its_title(subject: str) -> None:
    text = f'{subject} a dcat:Dataset ; dct:title "Bicycle counts"@en ; dct:description "x"@en .'
    description = await of_turtle(doc(text))
    assert description.iri == f"{BASE}/datasets/bicycle-counts"
    assert "document.invalid" not in description.nquads.decode()
    assert [text.value for text in literals(graph(description), NamedNode(description.iri), f"{DCT}identifier")] == [
        description.iri
    ]


async def test_relative_addresses_stay_with_their_subject() -> None:
    text = DATASET.replace("<https://old.example/dataset/parking>", "<parking>").replace(
        "<https://old.example/dataset/parking/csv>", "<#csv>"
    )
    description = await of_turtle(doc(text))
    assert description.iri == f"{BASE}/datasets/parking"
    assert iris(graph(description), NamedNode(description.iri), f"{DCAT}distribution") == [f"{description.iri}#csv"]
    assert "document.invalid" not in description.nquads.decode()


async def test_no_name_to_be_had() -> None:
    assert rules(await of_turtle(doc("[] a dcat:Dataset ."))) == {"field:no-name"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("<https://x.example/a> a foaf:Person .", "field:no-subject"),
        ("", "field:no-subject"),
        (DATASET + DATASET.replace("parking", "tolls"), "field:many-subjects"),
    ],
)
async def test_documents_about_nothing_or_too_much(text: str, rule: str) -> None:
    assert rules(await of_turtle(doc(text))) == {rule}


async def test_a_vocabulary_that_is_only_named_is_no_second_subject() -> None:
    header = "<https://other.example/ns> a owl:Ontology ."
    prefix = "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
    found = await of_turtle(prefix + doc(DATASET + header))
    assert (found.kind, found.iri) == ("dataset", f"{BASE}/datasets/parking")
    terms = header + "<https://other.example/ns#Tree> a owl:Class ."
    assert rules(await of_turtle(prefix + doc(DATASET + terms))) == {"field:many-subjects"}


async def test_several_licences_of_a_dataset_are_not_copied_to_its_files() -> None:
    licences = "<https://l.example/1>, <https://l.example/2>"
    text = (
        '<https://old.example/d> a dcat:Dataset ; dct:title "D"@en ; dct:description "D."@en ;'
        f" dct:license {licences} ;"
        " dcat:distribution [ a dcat:Distribution ; dcat:accessURL <https://old.example/d.csv> ] ."
    )
    description = await of_turtle(doc(text))
    assert refusals(description) == []
    description = await of_turtle(doc(text.replace(", <https://l.example/2>", "")))
    assert refusals(description) == []
    assert description.nquads.count(b"https://l.example/1") == 2
    description = await of_turtle(doc(text.replace(f"dct:license {licences} ;", "")))
    assert [finding.message for finding in refusals(description)] == ["licence is missing"]


async def test_one_of_several_can_be_named() -> None:
    text = doc(DATASET + DATASET.replace("parking", "tolls"))
    description = await described(
        Submission(
            document=text.encode(), media_type="text/turtle", fields={"iri": "https://old.example/dataset/tolls"}
        )
    )
    assert description.iri == f"{BASE}/datasets/tolls"
    assert "parking" not in description.nquads.decode()


async def test_the_subject_is_what_nothing_else_refers_to() -> None:
    text = (
        DATASET
        + """
    <https://old.example/api> a dcat:DataService ; dct:title "API"@en ; dcat:endpointURL <https://old.example/api> ;
      dcat:servesDataset <https://old.example/dataset/parking> .
    """
    )
    found = await of_turtle(doc(text))
    assert found.kind == "service"
    chosen = await described(Submission(document=doc(text).encode(), media_type="text/turtle", kind="dataset"))
    assert chosen.kind == "dataset"
    assert "endpointURL" not in chosen.nquads.decode()


async def test_statements_about_other_records_are_left_out() -> None:
    text = (
        DATASET
        + f'<{BASE}/datasets/other> dct:title "Hijacked"@en .'
        + (
            f"<https://old.example/dataset/parking> dct:relation <{BASE}/datasets/other> ."
            '<https://old.example/cat> a dcat:Catalog ; dct:title "A catalogue"@en .'
        )
    )
    description = await of_turtle(doc(text))
    assert refusals(description) == []
    assert "field:left-out" in rules(description, "info")
    assert b"Hijacked" not in description.nquads
    assert b"A catalogue" not in description.nquads
    assert iris(graph(description), NamedNode(description.iri), f"{DCT}relation") == [f"{BASE}/datasets/other"]


async def test_unknown_statements_about_the_asset_are_kept() -> None:
    text = DATASET + '<https://old.example/dataset/parking> <https://own.example/ns#mark> "kept" .'
    assert b'<https://own.example/ns#mark> "kept"' in (await of_turtle(doc(text))).nquads


async def test_files_join_the_distributions_that_speak_of_them() -> None:
    description = await of_turtle(doc(DATASET), "parking.csv")
    data, asset = graph(description), NamedNode(description.iri)
    (distribution,) = nodes(data, asset, f"{DCAT}distribution")
    (size,) = literals(data, distribution, f"{DCAT}byteSize")
    assert size.value == "1234"
    assert nodes(data, distribution, f"{SPDX}checksum")
    assert [f.name for f in description.files] == ["parking.csv"]
    two = await of_turtle(doc(DATASET), "parking.csv", "extra.geojson")
    assert len(nodes(graph(two), NamedNode(two.iri), f"{DCAT}distribution")) == 2
    assert rules(two) == {"Licensed"}


async def test_what_the_bytes_say_of_themselves_wins() -> None:
    text = DATASET.replace(
        'dct:title "parking.csv"@en ;', 'dct:title "parking.csv"@en ; dcat:byteSize "7"^^xsd:nonNegativeInteger ;'
    )
    found = await of_turtle(doc(text), "parking.csv")
    (distribution,) = nodes(graph(found), NamedNode(found.iri), f"{DCAT}distribution")
    assert [text.value for text in literals(graph(found), distribution, f"{DCAT}byteSize")] == ["1234"]


async def test_unsafe_files_beside_a_document() -> None:
    assert "field:unsafe-name" in rules(await of_turtle(doc(DATASET), "../up.csv"))


async def test_fields_beside_a_document_win() -> None:
    description = await described(
        Submission(
            document=doc(DATASET).encode(),
            media_type="text/turtle",
            fields=fields(
                "id: garages\ntitle: {nl: Parkeergarages}\nkeywords: {nl: [parking]}\nconditions: members\n"
            ),
        )
    )
    assert description.iri == f"{BASE}/datasets/garages"
    assert description.titles == {"nl": "Parkeergarages"}
    assert description.descriptions == {"en": "Free places"}
    assert description.keywords == ("parking",)
    assert description.conditions == {"template": "members"}


@pytest.mark.parametrize(
    ("text", "field", "guess"),
    [
        (
            DATASET.replace("<http://publications.europa.eu/resource/authority/data-theme/TRAN>", '"traffic"'),
            "theme",
            "TRAN (Transport)",
        ),
        (DATASET.replace('dct:title "Parking garages"@en ;', ""), "title", "add: title"),
        (DATASET.replace(LICENSED, 'dct:license "free"'), "license", "write: license"),
        (DATASET.replace("dcat:accessURL <https://old.example/parking> ;", ""), "access_url", "add: access_url"),
        (DATASET.replace("<https://old.example/parking>", "<javascript:alert(1)>"), "access_url", "https://"),
    ],
)
async def test_shapes_speak_of_the_same_fields(text: str, field: str, guess: str) -> None:
    (finding,) = refusals(await of_turtle(doc(text)))
    assert finding.field == field
    assert guess in finding.remedy
    assert finding.focus


async def test_a_theme_that_is_no_eu_theme_is_a_warning_in_rdf() -> None:
    text = DATASET.replace(
        "http://publications.europa.eu/resource/authority/data-theme/TRAN", "https://x.example/traffic"
    )
    description = await of_turtle(doc(text))
    assert refusals(description) == []
    assert "Themed" in rules(description, "warning")
    assert description.themes == ("https://x.example/traffic",)


OFFER = """
<https://old.example/dataset/parking> odrl:hasPolicy <https://old.example/offer> .
<https://old.example/offer> a odrl:Offer ; odrl:target <https://old.example/dataset/parking> ;
  odrl:permission [ odrl:action odrl:use ; odrl:constraint
    [ odrl:leftOperand odrl:purpose ; odrl:operator odrl:isAnyOf ;
      odrl:rightOperand <https://w3id.org/dpv#PublicPolicyMaking>, <https://w3id.org/dpv#ResearchAndDevelopment> ],
    [ odrl:leftOperand odrl:dateTime ; odrl:operator odrl:lteq ; odrl:rightOperand "2027-12-31"^^xsd:date ] ] ;
  odrl:obligation [ odrl:action odrl:delete ] .
"""


async def test_a_policy_in_the_document_becomes_the_conditions() -> None:
    description = await of_turtle(doc(DATASET.replace(f" ;\n  {LICENSED}", "") + OFFER))
    assert refusals(description) == []
    assert description.conditions is not None
    offer = description.conditions["offer"]
    assert offer["@type"] == "Offer"
    assert "target" not in offer
    (permission,) = offer["permission"]
    assert permission["action"] == "odrl:use"
    by_operand = {constraint["leftOperand"]: constraint for constraint in permission["constraint"]}
    assert by_operand["odrl:dateTime"]["rightOperand"] == {"@value": "2027-12-31", "@type": "xsd:date"}
    assert by_operand["odrl:purpose"]["operator"] == "isAnyOf"
    assert len(by_operand["odrl:purpose"]["rightOperand"]) == 2
    assert offer["obligation"] == [{"action": "odrl:delete"}]
    assert ODRL.encode() not in description.nquads


@pytest.mark.parametrize(
    ("piece", "instead"),
    [
        ("odrl:action odrl:delete", "odrl:action [ odrl:refinement [] ]"),
        ("odrl:action odrl:delete", "odrl:action odrl:delete, odrl:use"),
        ("odrl:operator odrl:lteq ;", ""),
        ('"2027-12-31"^^xsd:date', "[ skos:note 1 ]"),
        ("a odrl:Offer", "a odrl:Ticket"),
        ("odrl:obligation [ odrl:action odrl:delete ]", "skos:note 'x'"),
        ("<https://old.example/offer> a odrl:Offer", "<https://old.example/elsewhere> a odrl:Offer"),
    ],
)
async def test_a_policy_that_would_lose_meaning_is_refused(piece: str, instead: str) -> None:
    assert piece in OFFER
    found = await of_turtle(doc(DATASET + OFFER.replace(piece, instead, 1)))
    assert "field:policy-not-understood" in rules(found)
    assert found.conditions is None


async def test_a_policy_that_bites_its_own_tail_is_refused() -> None:
    text = (
        OFFER
        + "_:d odrl:action odrl:delete ; odrl:consequence _:d . <https://old.example/offer> odrl:obligation _:d ."
    )
    assert "field:policy-not-understood" in rules(await of_turtle(doc(DATASET + text)))


async def test_two_kinds_of_conditions_are_refused() -> None:
    description = await described(
        Submission(document=doc(DATASET + OFFER).encode(), media_type="text/turtle", fields={"conditions": "members"})
    )
    assert rules(description) == {"field:twice"}


ONTOLOGY = """
<https://gent.example/ns/mobility> a owl:Ontology ; dct:title "Mobiliteit"@nl ; rdfs:comment "Termen"@nl ;
  owl:versionInfo "1.0" ; dct:license <http://creativecommons.org/licenses/by/4.0/> .
<https://gent.example/ns/mobility#RoadSegment> a owl:Class ; rdfs:label "wegsegment"@nl ; rdfs:comment "Stuk weg"@nl .
<https://gent.example/ns/mobility#Bridge> a owl:Class ; rdfs:label "brug"@nl ;
  rdfs:subClassOf <https://gent.example/ns/mobility#RoadSegment>,
    [ a owl:Restriction ; owl:onProperty <https://gent.example/ns/mobility#spans> ; owl:minCardinality 1 ] .
"""


async def test_a_pure_ontology_file() -> None:
    description = await of_turtle(doc(ONTOLOGY), "mobility.ttl")
    assert description.kind == "ontology"
    assert refusals(description) == []
    assert "DefinedTerm" in rules(description, "warning")
    data, asset = graph(description), NamedNode(description.iri)
    assert description.iri == f"{BASE}/ontologies/mobility"
    assert first_text(data, asset, f"{DCAT}version") == "1.0"
    assert description.descriptions == {"nl": "Termen"}
    assert types(data, NamedNode("https://gent.example/ns/mobility#Bridge")) == {f"{OWL}Class"}
    assert description.extra is not None
    assert [term["iri"].rpartition("#")[2] for term in description.extra["terms"]] == ["Bridge", "RoadSegment"]
    assert description.extra["term_count"] == 2


async def test_a_model_of_mldcat_ap_3_0_keeps_its_version() -> None:
    text = """
    <https://ml.example/m1> a it6:MachineLearningModel ; dct:identifier "m1" ; dct:title "M"@en ;
      dct:created "2026-01-01"^^xsd:date ; it6:version "2" ; it6:hasFile <https://ml.example/f> ;
      it6:trainedOn <https://ml.example/d> .
    """
    description = await of_turtle(doc(text))
    assert description.kind == "model"
    assert refusals(description) == []
    data, asset = graph(description), NamedNode(description.iri)
    assert first_text(data, asset, f"{DCAT}version") == "2"
    assert types(data, asset) == {f"{IT6}MachineLearningModel", f"{DCAT}Resource"}


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<a> <b> .", "text/turtle"),
        (b"{", "application/ld+json"),
        (b"<rdf:RDF>", "application/rdf+xml"),
        (b"\xff\xfe", "application/n-triples"),
    ],
)
async def test_broken_documents_are_refused_at_the_door(body: bytes, media_type: str) -> None:
    with pytest.raises(InvalidInput):
        await described(Submission(document=body, media_type=media_type))


async def test_an_unknown_media_type() -> None:
    with pytest.raises(UnsupportedMediaType):
        await described(Submission(document=b"x", media_type="text/html"))


async def test_the_same_description_in_json_ld() -> None:
    body = b"""{"@context": {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"},
      "@id": "https://old.example/x", "@type": "dcat:Dataset",
      "dct:title": {"@value": "X", "@language": "en"}, "dct:description": {"@value": "Y", "@language": "en"}}"""
    found = await described(Submission(document=body, media_type="application/ld+json"))
    assert found.titles == {"en": "X"}
    assert refusals(found) == []


async def test_texts_without_a_language_are_undetermined() -> None:
    found = await of_turtle(doc(DATASET.replace('"Parking garages"@en', '"Parking garages"')))
    assert found.titles == {"und": "Parking garages"}
    assert objects(graph(found), NamedNode(found.iri), f"{DCT}title")


async def test_blank_nodes_that_cannot_be_made_canonical_are_refused() -> None:
    knot = " ".join(f"_:n{a} dct:relation _:n{b} ." for a in range(9) for b in range(9) if a != b)
    many = f"<https://old.example/dataset/parking> dct:relation {', '.join(f'_:n{n}' for n in range(9))} . {knot}"
    with pytest.raises(InvalidInput):
        await described(
            Submission(document=doc(DATASET + many).encode(), media_type="text/turtle", files=(file("a.csv"),))
        )
