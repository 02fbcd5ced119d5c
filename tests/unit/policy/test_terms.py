"""The term tables against their definitions: our profile, the ODRL core profile, the JSON-LD context of DSP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rdflib import RDF, Graph, Literal, Namespace, URIRef

from node.policy import labels, terms
from node.policy.operands import OPERANDS
from node.policy.terms import ACTIONS, DUTIES, INCLUDED_IN, LOGICAL, OPERATORS, VALUE_TYPES, includes
from node.vocab.namespaces import DPV, HANSA_POLICY, ODRL
from tests.artefacts import data

PROFILE = Path(__file__).parents[3] / "policies" / "terms" / "profile.ttl"
TERMS = Namespace(ODRL)
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")


def test_our_operands_are_those_of_the_profile() -> None:
    graph = Graph().parse(PROFILE)
    defined = {str(term) for term in graph.subjects(RDF.type, TERMS.LeftOperand)}
    assert defined == {iri for iri in OPERANDS if iri.startswith(HANSA_POLICY)}
    for term in graph.subjects(RDF.type, SKOS.Concept):
        assert {"en", "nl", "cs"} <= {label.language for label in graph.objects(term, SKOS.prefLabel)}
        assert graph.value(term, SKOS.definition) is not None
    for iri in defined:
        note = str(graph.value(URIRef(iri), SKOS.note))
        named = set(
            note.replace(".", ",")
            .replace(";", ",")
            .replace("Operators:", ",")
            .replace("Operator:", ",")
            .replace(" and ", ",")
            .replace(" compare versions of one rulebook", "")
            .replace(" ", "")
            .split(",")
        )
        assert set(OPERANDS[iri].operators) == named & OPERATORS


def test_our_purpose_has_the_label_of_the_profile() -> None:
    graph = Graph().parse(PROFILE)
    task = HANSA_POLICY + "PublicTask"
    for language in ("en", "nl", "cs"):
        label = Literal(labels.purpose_label(task, language), lang=language)
        assert (URIRef(task), SKOS.prefLabel, label) in graph
    assert DPV + "PublicBenefit" in labels.wider_purposes(task)


def test_operators_and_actions_are_those_of_odrl() -> None:
    graph = Graph().parse(data("odrl-tests/w3c-odrl-formal-semantics/core-profile/odrl-core-profile-22.ttl"))
    core = {str(term).removeprefix(ODRL) for term in graph.objects(None, SKOS.member)}
    assert OPERATORS - {"term-lteq"} <= core
    assert set(LOGICAL) <= core
    assert {"use", "transfer", "prohibit", "perm", "invalid"} <= core


def test_bare_words_are_those_that_dsp_maps() -> None:
    context = json.loads(data("dsp/context/odrl.jsonld").read_text())["@context"]
    mapped = {name for name, value in context.items() if isinstance(value, str)}
    assert {name for name in mapped if ODRL + name in ACTIONS} == terms.DSP_BARE_TERMS
    assert not {name for name in mapped if ODRL + name in OPERANDS}
    schema = json.loads(data("dsp/negotiation/contract-schema.json").read_text())
    assert set(schema["definitions"]["Operator"]["enum"]) == OPERATORS


def test_the_tables_fit_one_another() -> None:
    assert set(VALUE_TYPES) == set(OPERANDS)
    assert all(set(row.operators) <= OPERATORS for row in OPERANDS.values())
    assert DUTIES <= ACTIONS
    assert all(includes(terms.USE, action) or includes(terms.TRANSFER, action) for action in INCLUDED_IN)
    assert set(terms.ALIASES.values()) <= ACTIONS


def test_action_inclusion_is_not_symmetric() -> None:
    assert includes(terms.USE, terms.DISTRIBUTE)
    assert not includes(terms.DISTRIBUTE, terms.USE)
    assert includes(terms.REPRODUCE, ODRL + "extract")
    assert not includes(terms.USE, ODRL + "sell")
    assert includes("https://x.example/a", "https://x.example/a")


@pytest.mark.parametrize(
    ("term", "expanded"),
    [
        ("dpv:Marketing", DPV + "Marketing"),
        ("infra:RoadManagement", "https://w3id.org/dpv/sector/infra#RoadManagement"),
        ("did:web:x", "did:web:x"),
        ("https://x.example/y", "https://x.example/y"),
        ("geo:51.05,3.72", "geo:51.05,3.72"),
        ("hz://host/x", "hz://host/x"),
        ("plain", "plain"),
    ],
)
def test_expansion(term: str, expanded: str) -> None:
    assert terms.expand(term) == expanded


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("https://w3id.org/dpv#Marketing", "Marketing"),
        ("http://data.europa.eu/nuts/code/BE2", "BE2"),
        ("https://x.example/a/", "a"),
        ("did:web:x.example", "x.example"),
        ("word", "word"),
        ("", ""),
    ],
)
def test_local_names(iri: str, name: str) -> None:
    assert terms.local_name(iri) == name


def test_purposes_and_their_names() -> None:
    assert labels.purposes("mobility-planning") == (
        DPV + "ImproveTransportMobility",
        terms.DPV_INFRA + "RoadTrafficManagement",
        terms.DPV_INFRA + "RoadInfrastructurePlanning",
    )
    # DPV's infrastructure purposes are not below improving transport: templates list both.
    assert DPV + "ImproveTransportMobility" not in labels.wider_purposes(terms.DPV_INFRA + "RoadTrafficManagement")
    for iri in labels.known_purposes():
        names = {labels.purpose_label(iri, language) for language in ("en", "nl", "cs", "fr", "de")}
        assert all(names)
    assert labels.purpose_label("https://x.example/ns#Gossip", "nl") == "Gossip"
    assert labels.credential_label("MobilityPartnerCredential", "sv") == "Mobility partner"
    assert labels.role_of("MobilityPartnerCredential") == "MobilityPartner"
