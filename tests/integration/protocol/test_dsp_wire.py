"""What a standards engineer sees of the protocol's doors: errors, methods, media types, the catalogue as DCAT-AP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pyshacl
import pytest
import rdflib
import rdflib.compare
from pyld import jsonld

from tests.artefacts import data
from tests.conformance.dsp import faults
from tests.integration.hostile import routes
from tests.nodes import Pair, publish

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")

DSP = "/dsp/2025-1"
PID = "urn:uuid:00000000-0000-4000-8000-000000000000"
TERMINATION = {
    "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
    "@type": "ContractNegotiationTerminationMessage",
    "code": "x",
}


@pytest.fixture(scope="module")
def offered(pair: Pair) -> dict[str, Any]:
    return publish(pair.provider, "wire-counts")


@pytest.mark.parametrize(
    ("path", "members", "ids"),
    [
        (f"/negotiations/{PID}/termination", {"providerPid": "urn:a", "consumerPid": "urn:b"}, ("urn:a", "urn:b")),
        (f"/negotiations/{PID}/offers", {}, ("", PID)),
        (f"/negotiations/{PID}/request", {}, (PID, "")),
        (f"/negotiations/{PID}", None, (PID, "")),
    ],
    ids=["both stated", "a consumer's door", "a provider's door", "nothing stated"],
)
def test_an_error_has_the_id_of_each_side_in_its_own_place(
    pair: Pair, path: str, members: dict[str, str] | None, ids: tuple[str, str]
) -> None:
    with pair.provider.http(headers=pair.consumer.as_participant(pair.provider)) as http:
        body = None if members is None else {**TERMINATION, **members}
        answer = http.get(DSP + path) if body is None else http.post(DSP + path, json=body)
    assert 400 <= answer.status_code < 500
    assert faults(answer.json()) == []
    assert (answer.json()["providerPid"], answer.json()["consumerPid"]) == ids


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "allow"),
    [
        ("GET", "/nowhere", 404, "CatalogError", None),
        ("POST", f"/negotiations/{PID}/nowhere", 404, "ContractNegotiationError", None),
        ("POST", f"/transfers/{PID}/nowhere", 404, "TransferError", None),
        ("DELETE", f"/negotiations/{PID}", 405, "ContractNegotiationError", "GET, HEAD"),
        ("GET", "/catalog/request", 405, "CatalogError", "POST"),
        ("PUT", f"/transfers/{PID}/start", 405, "TransferError", "POST"),
    ],
)
@pytest.mark.parametrize("version", ["2025-1", "2024-1"])
def test_what_the_protocol_does_not_have_is_refused_in_its_own_objects(
    pair: Pair, version: str, method: str, path: str, status: int, kind: str, allow: str | None
) -> None:
    with pair.provider.http() as http:
        answer = http.request(method, f"/dsp/{version}{path}")
    assert answer.status_code == status, answer.text
    assert answer.headers.get("allow") == allow
    assert answer.json()["@type"].removeprefix("dspace:") == kind
    assert version != "2025-1" or faults(answer.json()) == []


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("path", ["/catalog/request", "/negotiations/request", "/transfers/request"])
def test_messages_are_json(pair: Pair, path: str, media_type: str) -> None:
    with pair.provider.http(
        headers={**pair.consumer.as_participant(pair.provider), "Content-Type": media_type}
    ) as http:
        answer = http.post(DSP + path, content=b"{}")
    assert answer.status_code == 415, answer.text
    assert faults(answer.json()) == []


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/ld+json", ""])
def test_both_names_of_json_are_taken(pair: Pair, media_type: str) -> None:
    message = {"@context": TERMINATION["@context"], "@type": "CatalogRequestMessage"}
    headers = {**pair.consumer.as_participant(pair.provider), **({"Content-Type": media_type} if media_type else {})}
    with pair.provider.http(headers=headers) as http:
        assert http.post(f"{DSP}/catalog/request", content=json.dumps(message).encode()).status_code == 200


def test_head_is_taken_wherever_get_is(pair: Pair, offered: dict[str, Any]) -> None:
    """A law: every address that can be read can be asked about without its body."""
    missing = []
    with pair.provider.http(follow_redirects=False) as http:
        for path in sorted({path for method, path in routes(pair.provider) if method == "GET"}):
            address = re.sub(r"\{[^}]+\}", "0", path)
            answer = http.head(address)
            if answer.status_code == 405 or answer.content:
                missing.append((address, answer.status_code))
        for path in ("/feed", "/feed/index", "/feed/pages/0", "/sparql?query=ASK%7B%7D"):
            answer = http.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path
    assert missing == []


def test_the_catalogues_own_iri_answers(pair: Pair, offered: dict[str, Any]) -> None:
    with pair.provider.http() as http:
        answer = http.get("/dsp/catalog")
        catalog = answer.json()
        assert answer.headers["content-type"].startswith("application/ld+json")
        assert faults(catalog) == []
        assert catalog["@id"].endswith("/dsp/catalog")
        assert offered["iri"] in [one["@id"] for one in catalog["dataset"]]
        assert http.get("/.well-known/did.json").headers["content-type"] == "application/did+ld+json"


def test_the_catalogue_is_dcat_ap_but_for_end_points_that_are_text(pair: Pair, offered: dict[str, Any]) -> None:
    """By the official shapes. The official context of the protocol makes ``endpointURL`` a literal."""
    with pair.provider.http() as http:
        catalog = http.get("/dsp/catalog").json()
    contexts = {
        "https://w3id.org/dspace/2025/1/context.jsonld": data("dsp/context/dspace.jsonld"),
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld": data("dsp/context/odrl.jsonld"),
    }

    def load(url: str, _: Any) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": json.loads(contexts[url].read_text("utf-8"))}

    nquads = jsonld.to_rdf(catalog, {"documentLoader": load, "format": "application/n-quads"})
    graph = rdflib.Graph().parse(data=nquads, format="nquads")
    shapes = rdflib.Graph().parse(data("shapes/dcat-ap/3.0.1/html/shacl/shapes.ttl"))
    _, report, text = pyshacl.validate(graph, shacl_graph=shapes, advanced=True)
    found = set(violations(report))
    assert found <= {"http://www.w3.org/ns/dcat#endpointURL"}, text


def violations(report: rdflib.Graph) -> Iterator[str]:
    """The paths of what a report calls a violation."""
    sh = rdflib.Namespace("http://www.w3.org/ns/shacl#")
    for result in report.subjects(sh.resultSeverity, sh.Violation):
        yield str(report.value(result, sh.resultPath))


def test_a_feed_page_without_graphs_has_an_address_of_its_own(pair: Pair, offered: dict[str, Any]) -> None:
    """What two syntaxes say under one address is the same; Turtle cannot hold named graphs, and says where it is."""
    with pair.provider.http() as http:

        def graph(path: str, media_type: str, name: str) -> tuple[rdflib.Graph, str | None]:
            answer = http.get(path, headers={"Accept": media_type})
            assert answer.status_code == 200, answer.text
            made = rdflib.Dataset(default_union=True).parse(data=answer.text, format=name)
            return rdflib.compare.to_canonical_graph(_union(made)), answer.headers.get("content-location")

        quads, nowhere = graph("/feed/pages/0", "application/n-quads", "nquads")
        turtle, versions = graph("/feed/pages/0", "text/turtle", "turtle")
        assert nowhere is None
        assert versions is not None
        assert versions.endswith("/feed/pages/0?form=versions")
        assert set(quads) != set(turtle)
        path = "/feed/pages/0?form=versions"
        for media_type, name in (("application/n-quads", "nquads"), ("application/trig", "trig")):
            same, _ = graph(path, media_type, name)
            assert set(same) == set(turtle), media_type
        assert http.get("/feed/pages/0?form=other").status_code == 400


def _union(dataset: Any) -> rdflib.Graph:
    graph = rdflib.Graph()
    for one in dataset.quads():
        graph.add(one[:3])
    return graph
