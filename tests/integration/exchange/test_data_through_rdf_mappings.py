"""Mappings in RML and YARRRML in an exchange and in a run: the same input, the same bytes, recorded, and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.main import run as hansa
from node.client import Refusal
from node.scenarios.transformations import on_the_way
from tests.integration.catalogue.test_edit_page import record_of
from tests.integration.exchange.test_conversions import agreed, content, manifest, share
from tests.integration.exchange.test_data_through_transformations import address, get
from tests.nodes import Running, described, running
from tests.runs import publish_streets, run

COUNTS = b"hour,intensity,keeper\n7,40,Anna\n8,3,Ben\n"
SCHEMAS = {
    "counts": {"hour": "integer", "intensity": "integer", "keeper": "string"},
    "resources": {"id": "string", "hour": "integer", "total": "integer"},
}
HEAD = """
@prefix rml: <http://w3id.org/rml/> .
[] rml:logicalSource [ rml:source "input" ; rml:referenceFormulation rml:CSV ] ;
"""
OBJECTS = """
  rml:predicateObjectMap [ rml:predicate to:hour ; rml:objectMap [ rml:reference "hour" ; rml:datatype xsd:integer ] ] ;
  rml:predicateObjectMap [ rml:predicate to:total ; rml:objectMap [ rml:reference "intensity" ; rml:datatype xsd:integer ] ] .
"""  # noqa: E501
SHORT = {
    "mappings": {
        "count": {
            "s": "https://gent.example/hour/$(hour)",
            "po": [["to:hour", "$(hour)", "xsd:integer"], ["to:total", "$(intensity)", "xsd:integer"]],
        }
    }
}
MANY = {
    "mappings": {
        "count": {
            "s": "https://gent.example/hour/$(hour)",
            "po": {
                "p": "to:total",
                "o": {
                    "mapping": "other",
                    "condition": {
                        "function": "equal",
                        "parameters": [["str1", "$(keeper)"], ["str2", "$(keeper)"]],
                    },
                },
            },
        },
        "other": {"s": "https://gent.example/other/$(hour)", "po": [["to:total", "$(intensity)"]]},
    }
}
NOSY = {"mappings": {"count": {"s": "https://gent.example/$(keeper)", "po": [["to:hour", "$(hour)"]]}}}
STEPS: dict[str, tuple[str, Any]] = {
    "linked": ("RML", f'{HEAD} rml:subjectMap [ rml:template "https://gent.example/hour/{{hour}}" ] ;{OBJECTS}'),
    "nameless": ("RML", f"{HEAD} rml:subjectMap [ rml:termType rml:BlankNode ] ;{OBJECTS}"),
    "short": ("YARRRML", json.dumps(SHORT)),
    "nosy": ("YARRRML", json.dumps(NOSY)),
    "many": ("YARRRML", json.dumps(MANY)),
}


def prepare(node: Running) -> None:
    with node.client() as client:
        for name, columns in SCHEMAS.items():
            properties = {column: {"type": kind} for column, kind in columns.items()}
            schema = {"type": "object", "properties": properties}
            fields = {**described(name, definition=schema, version="1"), "kind": "schema"}
            client.publish({"kind": "schema", "fields": fields, "conditions": "open"})
        for name, (language, definition) in STEPS.items():
            fields = described(name, language=language, definition=definition, version="1")
            fields |= {"kind": "transformation", "from": "schema/counts", "to": "schema/resources"}
            client.publish({"kind": "transformation", "fields": fields, "conditions": "open"})


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("through-rml")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        prepare(city)
        yield city, partner


def offer(city: Running, slug: str, *names: str, data: bytes = COUNTS, **more: Any) -> str:
    through = [f"transformation/{name}" for name in names]
    return share(city, slug, data=data, formats=[], conforms_to=["schema/counts"], through=through, **more)


def test_a_partner_gets_what_a_mapping_makes_and_its_provenance(
    nodes: tuple[Running, Running], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    iri = offer(city, "linked", "linked", "short", "nameless")
    agreement = agreed(partner, iri)
    texts, hashes = {}, {}
    for name in ("linked", "short", "nameless"):
        transfers = [get(partner, agreement, through=[address(city, name)]) for _ in range(2)]
        assert [transfer["state"] for transfer in transfers] == ["COMPLETED"] * 2, transfers
        texts[name] = content(partner, transfers[0], tmp_path).read_text()
        manifests = [manifest(partner, transfer, tmp_path) for transfer in transfers]
        assert manifests[0].sha256 == manifests[1].sha256, "the same input makes the same bytes"
        (step,) = manifests[0].conversion["steps"]
        assert (step["transformation"], step["language"], step["rows"]) == (address(city, name), STEPS[name][0], 2)
        assert [one.conversion["steps"] for one in manifests] == [[step], [step]]
        hashes[name] = step["output"]
    assert texts["linked"] == "hour,id,total\n7,https://gent.example/hour/7,40\n8,https://gent.example/hour/8,3\n"
    assert texts["short"] == texts["linked"]
    assert hashes["short"] == hashes["linked"], "both languages mean the same"
    assert sorted(texts["nameless"].splitlines()) == ["7,40", "8,3", "hour,total"]
    output = tmp_path / "linked.csv"
    command = ["get", iri, "--yes", "--node", str(partner.folder), "-o", str(output)]
    assert hansa([*command, "--through", address(city, "linked")]) == 0
    assert f"{address(city, 'linked')}, version 1: 2 rows" in "".join(capsys.readouterr())
    graph = json.loads((tmp_path / "linked.csv.prov.jsonld").read_text())["@graph"]
    plans = [node["prov:qualifiedAssociation"]["prov:hadPlan"]["@id"] for node in graph if "prov:used" in node]
    assert plans == [address(city, "linked")]


def test_mappings_that_the_data_do_not_bear_are_refused_in_words(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    part = {"columns": ["hour", "intensity"]}
    agreement = agreed(partner, offer(city, "part", "nosy", conditions={"template": "open", "part": part}))
    nosy = get(partner, agreement, through=[address(city, "nosy")])
    assert nosy["state"] == "TERMINATED"
    assert "there is no column keeper" in str(nosy["reason"])
    assert "Anna" not in str(nosy)
    data = b"hour,intensity,keeper\n" + b"".join(b"%d,1,A\n" % row for row in range(2100))
    agreement = agreed(partner, offer(city, "joined", "many", "linked", data=data))
    many = get(partner, agreement, through=[address(city, "many")])
    assert many["state"] == "TERMINATED"
    assert "narrower join" in str(many["reason"])
    assert get(partner, agreement, through=[address(city, "linked")])["state"] == "COMPLETED"


def test_a_large_file_is_refused_in_words_before_it_is_read(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    city, partner = nodes
    monkeypatch.setattr(on_the_way, "LARGEST", 1 << 20)
    data = b"hour,intensity,keeper\n" + b"7,40,Anna\n" * 200_000
    agreement = agreed(partner, offer(city, "large", "linked", data=data))
    large = get(partner, agreement, through=[address(city, "linked")])
    assert large["state"] == "TERMINATED"
    assert "up to 1 MB go through a transformation" in str(large["reason"])


def test_what_reads_anything_but_its_input_is_not_published(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    for source in ("/etc/passwd", "jdbc:postgresql://db/x", "http://169.254.169.254/"):
        fields = described(
            "reads", language="RML", version="1", definition=STEPS["linked"][1].replace("input", source)
        )
        fields |= {"kind": "transformation", "from": "schema/counts", "to": "schema/resources"}
        with city.client() as client, pytest.raises(Refusal) as refused:
            client.publish({"kind": "transformation", "fields": fields, "conditions": "open"})
        assert "a mapping reads its input, and nothing else" in str(refused.value.problem)


HOURS = [{"name": "hour", "description": {"en": "Hour."}}]


def scenario(name: str, transformation: str) -> dict[str, Any]:
    figure = {
        "definition": {"of": "linked.counts", "sum": "total"},
        "better": "lower",
        "unit": "1",
        "title": {"en": "Total"},
    }
    return {
        **described(name),
        "kind": "scenario",
        "version": "1",
        "goal": {"en": "Fewer cars."},
        "inputs": [
            {"role": "counts", "title": {"en": "Counts"}, "description": {"en": "Counts."}, "variables": HOURS}
        ],
        "indicators": [{"name": "total", **figure}],
        "chain": [
            {"name": "linked", "uses": transformation, "inputs": {"counts": "counts"}, "position": 1},
        ],
    }


def test_a_run_is_fed_by_a_mapping(nodes: tuple[Running, Running]) -> None:
    city, _ = nodes
    publish_streets(city, COUNTS, "counts")
    with city.client() as client:
        for name in ("linked", "nosy"):
            client.publish({"fields": scenario(f"with-{name}", f"transformation/{name}"), "conditions": "open"})
    outcomes = [
        run(city, {"scenario": "scenario/with-linked", "inputs": {"counts": "dataset/counts"}}) for _ in range(2)
    ]
    assert [one["state"] for one in outcomes] == ["successful"] * 2
    assert outcomes[0]["indicators"][0]["after"] == 43
    with city.client() as client:
        rows = [json.loads(client.scenarios.output(one["pid"], "after", "linked.counts")) for one in outcomes]
    assert rows[0][0] == {"hour": 7, "id": "https://gent.example/hour/7", "total": 40}
    assert rows[0] == rows[1]
    hashes = [one["steps"][0]["outputs"]["counts"]["sha256"] for one in outcomes]
    assert hashes[0] == hashes[1]
    with city.client() as client:
        bound = outcomes[0]["binding"]["steps"]["linked"]
        assert bound["sha256"] == client.record(address(city, "linked"))["sha256"]
        crate = client.scenarios.publish(outcomes[0]["pid"], {"id": "linked-result"})
    assert address(city, "linked") in record_of(city, crate["iri"]).nquads.decode()
    publish_streets(city, b"hour,intensity\n7,40\n", "bare")
    failed = run(city, {"scenario": "scenario/with-nosy", "inputs": {"counts": "dataset/bare"}})
    assert failed["state"] == "failed"
    assert "there is no column keeper" in failed["error"]["detail"]
