"""Every kind of asset from the fields of a steward: what is asked of it, and what pages get to show."""

from __future__ import annotations

import json

import pytest
from pyoxigraph import NamedNode

from node.semantics.kinds import KINDS, kind_named, kind_of, kinds_like
from node.semantics.model import Submission
from node.semantics.triples import first_text, iris, literals, nodes, types
from node.texts.catalogue import Catalogue
from node.vocab.namespaces import ADMS, DCAT, DCT, HANSA, HANSA_MODEL, IT6, OWL, PROV, QUDT, SCHEMA
from tests.unit.semantics.descriptions import BASE, described, fields, file, graph, of_fields, refusals, rules
from tests.unit.semantics.texts import BROKEN, KIND_TEXTS, MODEL, submission


@pytest.mark.parametrize("kind", KIND_TEXTS)
async def test_a_good_description_of_each_kind_is_accepted(kind: str) -> None:
    description = await described(submission(kind))
    assert refusals(description) == []
    assert description.kind == kind
    assert description.iri.startswith(f"{BASE}/{KINDS[kind].plural}/")
    assert types(graph(description), NamedNode(description.iri)) >= set(KINDS[kind].written_classes)
    json.dumps(description.extra)


@pytest.mark.parametrize(("kind", "piece", "instead", "broken"), BROKEN)
async def test_what_each_kind_cannot_do_without(kind: str, piece: str, instead: str, broken: set[str]) -> None:
    assert piece in KIND_TEXTS[kind]
    found = await described(submission(kind, KIND_TEXTS[kind].replace(piece, instead, 1)))
    assert rules(found) == broken
    for finding in refusals(found):
        assert finding.message
        assert finding.remedy
        assert finding.translations["nl"]["message"]
        assert finding.translations["cs"]["message"]


async def test_a_model_in_rdf() -> None:
    description = await of_fields(MODEL)
    data, model = graph(description), NamedNode(description.iri)
    assert types(data, model) == {f"{HANSA_MODEL}Model", f"{DCAT}Resource"}
    by_name = {
        first_text(data, node, f"{SCHEMA}valueName"): node
        for node in nodes(data, model, f"{HANSA_MODEL}hasParameter")
    }
    assert by_name.keys() == {"demandFactor", "closedSegments", "period"}
    assert first_text(data, by_name["demandFactor"], f"{QUDT}ucumCode") == "1"
    assert first_text(data, by_name["closedSegments"], f"{SCHEMA}defaultValue") == "[]"
    (calibration,) = nodes(data, model, f"{HANSA_MODEL}calibration")
    assert iris(data, calibration, f"{HANSA_MODEL}calibratedOn") == [f"{BASE}/datasets/noise-measurements"]
    assert PROV not in description.nquads.decode()


async def test_facts_of_a_model_for_pages() -> None:
    facts = (await of_fields(MODEL)).extra
    assert facts is not None
    parameters = {parameter["name"]: parameter for parameter in facts["parameters"]}
    assert (parameters["demandFactor"]["minimum"], parameters["demandFactor"]["default"]) == (0, "1.0")
    assert parameters["closedSegments"]["default"] == []
    assert parameters["period"]["values"] == ["day", "evening", "night"]
    flows = next(port for port in facts["inputs"] if port["role"] == "flows")
    assert {v["name"]: v["unit"] for v in flows["variables"]} == {"light": "{veh}/h", "speed": "km/h"}
    assert facts["endpoint"] == "https://noise.plzen.example/processes/road-noise"
    assert facts["deterministic"] is True
    assert facts["risk"][0]["level"]["code"] == "low"
    assert facts["access"] == "restricted"
    assert facts["resolution"] == {"space": "5", "time": "PT1H"}


async def test_a_learned_model_is_also_asked_what_mldcat_ap_asks() -> None:
    learned = MODEL + "machine_learned: true\nfiles: [{name: model.onnx, format: BIN}]\n"
    sent = Submission(fields=fields(learned), files=(file("model.onnx", "application/octet-stream"),))
    assert rules(await described(sent)) == {"ml-created-required", "ml-training-required"}
    more = learned + "created: 2026-05-01\ntrained_on: datasets/counts-2025\n"
    found = await described(Submission(fields=fields(more), files=sent.files))
    assert refusals(found) == []
    data, model = graph(found), NamedNode(found.iri)
    assert f"{IT6}MachineLearningModel" in types(data, model)
    assert nodes(data, model, f"{IT6}hasFile") == nodes(data, model, f"{DCAT}distribution")


async def test_steps_of_a_scenario_keep_their_order() -> None:
    facts = (await described(submission("scenario"))).extra
    assert facts is not None
    assert [step["uses"].rpartition("/")[2] for step in facts["chain"]] == ["traffic-assignment", "q", "road-noise"]
    assert facts["chain"][1]["inputs"] == {"flows": "traffic.flows"}
    assert facts["bindings"] == {"network": f"{BASE}/datasets/road-network#v3"}
    assert facts["changes"] == [{"layer": "closure", "set": {"capacity": 0}}]


async def test_a_scenario_from_a_template_may_leave_the_chain_to_it() -> None:
    text = KIND_TEXTS["scenario"]
    start, end = text.index("inputs:"), text.index("bindings:")
    bound = text[:start] + text[end:] + "template: https://data.plzen.example/scenarios/quiet-zone\n"
    assert refusals(await described(submission("scenario", bound))) == []


async def test_a_binding_without_version_is_a_warning() -> None:
    text = KIND_TEXTS["scenario"].replace("road-network#v3", "road-network")
    found = await described(submission("scenario", text))
    (warning,) = [f for f in found.findings if f.rule.endswith("binding-pinned")]
    assert (warning.severity, warning.field) == ("warning", "bindings.network")


async def test_facts_of_a_rulebook() -> None:
    facts = (await described(submission("rulebook"))).extra
    assert facts is not None
    assert facts["valid_from"] == "2026-12-01"
    assert [(a["name"], a["credentials"]) for a in facts["audiences"]] == [("members", ["MembershipCredential"])]
    assert [(c["type"], c["issuers"]) for c in facts["credentials"]] == [
        ("MembershipCredential", ["did:web:vlaanderen.example"])
    ]
    assert {purpose["iri"] for purpose in facts["purposes"]} >= {"https://w3id.org/dpv#X"}
    assert [template["name"] for template in facts["templates"]] == ["members", "mobility-partners"]


async def test_a_rulebook_is_not_asked_where_and_when() -> None:
    found = await described(submission("rulebook"))
    asked = {finding.field for finding in found.findings if finding.severity != "info"}
    assert not asked & {"spatial", "temporal", "theme"}


async def test_a_schema_keeps_its_definition() -> None:
    description = await described(submission("schema"))
    (definition,) = literals(graph(description), NamedNode(description.iri), f"{HANSA}definition")
    assert json.loads(definition.value)["properties"] == {"intensity": {"type": "integer"}}
    assert first_text(graph(description), NamedNode(description.iri), f"{DCAT}version") == "2"


async def test_a_protocol_is_a_standard() -> None:
    found = await described(submission("service"))
    assert iris(graph(found), NamedNode(found.iri), f"{DCT}conformsTo") == ["https://uri.etsi.org/ngsi-ld"]


def test_special_kinds_come_before_general_ones() -> None:
    ontology = kind_of([f"{DCAT}Dataset", f"{OWL}Ontology"])
    assert ontology is KINDS["ontology"]
    assert kind_of([f"{ADMS}SemanticAsset"]) is KINDS["ontology"]
    assert kind_of([f"{IT6}MachineLearningModel", f"{DCAT}Dataset"]) is KINDS["model"]
    assert kind_of([f"{DCAT}Catalog"]) is None


def test_kinds_by_name() -> None:
    assert kind_named(" Datasets ") is KINDS["dataset"]
    assert kind_named("thing") is None
    assert kinds_like("ontologie") == ("ontology",)


def test_every_kind_has_its_words_and_shapes() -> None:
    for kind in KINDS.values():
        names = Catalogue("portal").in_all(f"kind.{kind.name}")
        assert names.keys() == {"en", "nl", "cs", "fr", "de"}
        assert all(names.values())
        assert kind.classes
    assert len({Catalogue("portal").say("en", f"kind.{name}") for name in KINDS}) == len(KINDS)
