"""What one may not see is answered, at every door, exactly as what does not exist; and nothing public tells of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.hostile import routes, who
from tests.nodes import Pair, Running, offer_of, publish, running

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
HIDDEN, ABSENT = "zqhid-rota-x1", "zqabs-rota-x1"
Door = Callable[[httpx2.Client, Mapping[str, str], str], httpx2.Response]


def _get(path: str, accept: str = "*/*", **params: str) -> Door:
    def call(http: httpx2.Client, headers: Mapping[str, str], slug: str) -> httpx2.Response:
        said = {name: value.replace("SLUG", slug) for name, value in params.items()}
        return http.get(path.replace("SLUG", slug), params=said, headers={**headers, "Accept": accept})

    return call


def _offer(http: httpx2.Client, headers: Mapping[str, str], slug: str) -> httpx2.Response:
    iri = f"{http.base_url}/datasets/{slug}".replace("//datasets", "/datasets")
    body = {
        "@context": CONTEXT,
        "@type": "ContractRequestMessage",
        "consumerPid": "urn:uuid:c",
        "callbackAddress": "http://127.0.0.1:1/dsp",
        "offer": {
            "@id": f"{iri}#offer-OFFER",
            "@type": "Offer",
            "target": iri,
            "permission": [{"action": "odrl:use"}],
        },
    }
    return http.post("/dsp/2025-1/negotiations/request", json=body, headers=dict(headers))


def _catalogue(http: httpx2.Client, headers: Mapping[str, str], slug: str) -> httpx2.Response:
    wanted = {"@context": CONTEXT, "@type": "CatalogRequestMessage", "filter": [{"text": slug.partition("-")[0]}]}
    return http.post("/dsp/2025-1/catalog/request", json=wanted, headers=dict(headers))


def _memento(http: httpx2.Client, headers: Mapping[str, str], slug: str) -> httpx2.Response:
    return http.get(f"/datasets/{slug}", headers={**headers, "Accept-Datetime": "Fri, 20 Nov 2026 12:00:00 GMT"})


DOORS: dict[str, Door] = {
    **{
        f"address as {accept}": _get("/datasets/SLUG", accept)
        for accept in ("text/html", "text/turtle", "application/ld+json", "application/json", "application/n-quads")
    },
    "address, version 1": _get("/datasets/SLUG", "text/turtle", version="1"),
    "address, as of now": _get("/datasets/SLUG", "text/turtle", asOf="2030-01-01"),
    "address, in Croissant": _get("/datasets/SLUG", format="croissant"),
    "address by its time": _memento,
    "its TimeMap": _get("/datasets/SLUG/timemap"),
    "sitemap": _get("/sitemap.xml"),
    "its file": _get("/datasets/SLUG/files/SLUG.csv"),
    "record": _get("/api/catalogue/record", iri="BASE/datasets/SLUG"),
    "record, version 1": _get("/api/catalogue/record", iri="BASE/datasets/SLUG", version="1"),
    "versions": _get("/api/catalogue/versions", iri="BASE/datasets/SLUG"),
    "changes": _get("/api/catalogue/changes", iri="BASE/datasets/SLUG"),
    "page of changes": _get("/record/changes", "text/html", iri="BASE/datasets/SLUG"),
    "story": _get("/api/catalogue/story", iri="BASE/datasets/SLUG"),
    "page of a story": _get("/record/story", "text/html", iri="BASE/datasets/SLUG"),
    "story in a frame": _get("/record/story/embed", "text/html", iri="BASE/datasets/SLUG"),
    "story as a file": _get("/record/story.html", "text/html", iri="BASE/datasets/SLUG"),
    "catalogue for portals": _get("/catalog"),
    "search": _get("/api/catalogue/search", q="SLUG"),
    "search by title": _get("/api/catalogue/search", q="rota"),
    "SPARQL ASK": _get("/sparql", "application/sparql-results+json", query="ASK { <BASE/datasets/SLUG> ?p ?o }"),
    "SPARQL in graphs": _get(
        "/sparql", "application/sparql-results+json", query="SELECT * { GRAPH ?g { <BASE/datasets/SLUG> ?p ?o } }"
    ),
    "SPARQL as of": _get(
        "/sparql", "application/sparql-results+json", query="ASK { <BASE/datasets/SLUG> ?p ?o }", asOf="2030-01-01"
    ),
    "SPARQL DESCRIBE": _get("/sparql", "text/turtle", query="DESCRIBE <BASE/datasets/SLUG>"),
    "page by IRI": _get("/record", "text/html", iri="BASE/datasets/SLUG"),
    "page as Turtle": _get("/record.ttl", iri="BASE/datasets/SLUG"),
    "search page": _get("/search", "text/html", q="SLUG"),
    "DSP dataset": _get("/dsp/2025-1/catalog/datasets/BASE/datasets/SLUG"),
    "DSP catalogue": _catalogue,
    "DSP offer": _offer,
}


@pytest.fixture(scope="module")
def hiding(pair: Pair) -> Pair:
    """The provider has a dataset for its own people only; the consumer is somebody, but none of them."""
    publish(pair.provider, HIDDEN, audience="internal")
    return pair


@pytest.mark.parametrize("caller", ["anonymous", "participant"])
@pytest.mark.parametrize("door", DOORS)
def test_hidden_and_absent_are_the_same_bytes(hiding: Pair, door: str, caller: str) -> None:
    """Threats 33 to 35, door by door: status, headers and body."""
    node, answers = hiding.provider, []
    real = _real_offer(hiding)
    with node.http(follow_redirects=False) as http:
        for slug in (HIDDEN, ABSENT):
            headers = hiding.consumer.as_participant(node) if caller == "participant" else {}
            patched = _patched(http, node, real)
            answer = DOORS[door](patched, headers, slug)
            answers.append(_neutral_answer(answer, slug, real))
    assert answers[0] == answers[1]
    assert HIDDEN not in json.dumps(answers[0][2])


def _real_offer(hiding: Pair) -> str:
    offer = offer_of(hiding.provider, f"{hiding.provider.url}/datasets/{HIDDEN}")
    return str(offer["@id"]).rpartition("#offer-")[2]


def _patched(http: httpx2.Client, node: Running, offer: str) -> Any:
    """A client that writes this node's address and the hidden asset's own offer id where a door says so."""

    class Patched:
        base_url = node.url

        def _sent(self, method: str, url: str, **options: Any) -> httpx2.Response:
            text = json.dumps(options.get("json"))
            if options.get("json") is not None:
                options["json"] = json.loads(text.replace("OFFER", offer))
            options["params"] = {
                name: value.replace("BASE", node.url) for name, value in options.get("params", {}).items()
            }
            return http.request(method, url.replace("BASE", node.url), **options)

        def get(self, url: str, **options: Any) -> httpx2.Response:
            return self._sent("GET", url, **options)

        def post(self, url: str, **options: Any) -> httpx2.Response:
            return self._sent("POST", url, **options)

    return Patched()


def _neutral_answer(answer: httpx2.Response, slug: str, offer: str) -> tuple[int, dict[str, str], str]:
    def neutral(text: str) -> str:
        text = text.replace(slug, "SLUG").replace(slug.split("-", maxsplit=1)[0], "WORD").replace(offer, "OFFER")
        return re.sub(r'(nonce[-="\']+)[\w+/=-]+', r"\1N", text)

    headers = {name: neutral(value) for name, value in answer.headers.items() if name not in ("date", "set-cookie")}
    return answer.status_code, headers, neutral(answer.text)


def test_our_own_people_do_see_it(hiding: Pair) -> None:
    """The control: it is there."""
    with hiding.provider.http(headers=hiding.provider.person()) as http:
        assert http.get(f"/datasets/{HIDDEN}", headers={"Accept": "text/turtle"}).status_code == 200


def test_a_consumers_people_learn_nothing(hiding: Pair) -> None:
    """Through a node of their own: conditions, negotiation, both as for nothing at all."""
    with hiding.consumer.http(headers=hiding.consumer.person()) as http:
        told_by = []
        for slug in (HIDDEN, ABSENT):
            iri = f"{hiding.provider.url}/datasets/{slug}"
            answers = [
                http.get("/api/conditions", params={"iri": iri}),
                http.post("/api/negotiations", json={"dataset": iri}),
            ]
            told_by.append([_neutral_answer(answer, slug, "-") for answer in answers])
    assert told_by[0] == told_by[1]


def test_what_is_hidden_changes_nothing_that_is_public(tmp_path: Path, sqlite_template: Path) -> None:
    """Threat 35: every public answer, counts and feeds included, before and after."""
    with running(tmp_path / "quiet", template=sqlite_template) as node:
        publish(node, "public-data", keywords=["traffic"])
        before = _public_answers(node)
        publish(node, HIDDEN, audience="internal", keywords=["traffic", "secret"])
        after = _public_answers(node)
        assert len(before) > 20
        assert {path for path in before if before[path] != after[path]} == set()
        assert not [path for path, answer in after.items() if re.search(r"\brota\b", answer[1])]


def test_no_anonymous_answer_tells_how_much_a_node_does(tmp_path: Path, sqlite_template: Path) -> None:
    """The size of the ledger is nobody's business: every GET route, whoever it is for, asked by nobody, answers the
    same bytes before and after things that happen unseen. No route is exempt."""
    with running(tmp_path / "busy", template=sqlite_template) as node:
        publish(node, "public-data", keywords=["traffic"])
        grown = _size(node)
        before = _anonymous_answers(node)
        for number in range(3):
            publish(node, f"unseen-{number}", audience="internal")
        with node.http(headers=node.person()) as http:
            assert http.delete("/api/records", params={"iri": f"{node.url}/datasets/unseen-1"}).status_code == 200
        grown = _size(node) - grown
        after = _anonymous_answers(node)
    assert grown >= 4
    assert len(before) > 80
    assert {path for path in before if before[path] != after[path]} == set()


def _size(node: Running) -> int:
    with node.http(headers=node.person()) as http:
        return int(http.get("/api/node").json()["ledger"])


def _anonymous_answers(node: Running) -> dict[str, tuple[int, str]]:
    values = {"path": "public-data", "slug": "public-data", "name": "public-data.csv", "language": "nl"}
    answers = {}
    with node.http(follow_redirects=False) as http:
        for method, path in routes(node):
            if method != "GET":
                continue
            address = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: values.get(match[1], "1"), path)
            for query in ("", "?size=2&entry=urn:uuid:1&old=1&new=2", "?size=5&old=1&new=5"):
                answer = http.get(address + query)
                answers[address + query] = (answer.status_code, _steady(answer.text))
    return answers


def _steady(text: str) -> str:
    text = re.sub(r'(nonce[-="\']+)[\w+/=-]+', r"\1N", text)
    return re.sub(r'name="csrf" value="\w+"', "", text)


def _public_answers(node: Running) -> dict[str, tuple[int, str]]:
    answers: dict[str, tuple[int, str]] = {}
    queries = {
        "/api/catalogue/search": ["", "?q=traffic", "?keyword=traffic", "?kind=dataset"],
        "/search": ["", "?q=traffic"],
        "/sparql": ["?query=SELECT%20(COUNT(*)%20AS%20%3Fn)%20%7B%3Fs%20%3Fp%20%3Fo%7D"],
        "/feed/index": [""],
    }
    with node.http(follow_redirects=False) as http:
        for method, path in routes(node):
            if method != "GET" or "{" in path or who(method, path) != "everybody":
                continue
            for query in queries.get(path, [""]):
                answer = http.get(path + query)
                answers[path + query] = (answer.status_code, _steady(answer.text))
        for link in sorted(set(re.findall(rf"<({re.escape(node.url)}/feed/[^>]+)>", http.get("/feed").text))):
            answer = http.get(link)
            answers[link] = (answer.status_code, answer.text)
    return answers
