"""Ontologies of others get in: from their address on the web or from a file, by API, terminal and page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from pyoxigraph import Dataset, NamedNode, RdfFormat, parse

from node.cage.model import Limits
from node.cli.exits import REFUSED
from node.semantics.description.cage_client import LARGE
from node.semantics.description.ontology_headers import read_header
from node.semantics.triples import first_text, iris, literals, nodes
from node.vocab.namespaces import DCAT, DCT, FOAF
from tests.integration.meaning.test_imports import HEAD, TERM, client
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in
from tests.terminal import asked, typed

NS = "https://vocabularies.example/ns"
BARE = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> . @prefix : <https://vocabularies.example/ns/poles#> .
<https://vocabularies.example/ns/poles> a owl:Ontology ; dct:title "Poles"@en ; dct:description "Poles."@en .
:Pole a owl:Class ; rdfs:label "pole"@en ; rdfs:comment "It stands."@en .
"""


def turtle(name: str, *terms: str) -> bytes:
    return (HEAD.format(iri=f"{NS}/{name}", title=name) + "".join(TERM.format(name=term) for term in terms)).encode()


class Web(BaseHTTPRequestHandler):
    """Vocabularies as others serve them; ``pages``: path → status, media type, body."""

    pages: ClassVar[dict[str, tuple[int, str, bytes]]] = {}
    goes_on: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow.ttl":
            self.goes_on.wait(50)
        status, media_type, body = self.pages.get(self.path, (404, "text/html", b"no"))
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", body.decode())
        if media_type:
            self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    Web.pages = {
        "/lamps": (302, "", b"/files/lamps.ttl"),
        "/files/lamps.ttl": (200, "text/turtle; charset=utf-8", turtle("lamps", "Lamp")),
        "/raw/masts.ttl": (200, "application/octet-stream", turtle("masts", "Mast")),
        "/page": (200, "text/html", b"<html>about</html>"),
        "/page.ttl": (200, "text/html", b"<html>about</html>"),
        "/broken.ttl": (200, "text/turtle", b"this is no turtle"),
        "/poles.ttl": (200, "text/turtle", BARE.encode()),
        "/large.ttl": (200, "text/turtle", b"#" * (17 << 20)),
    }
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def order(city: Running, **members: Any) -> httpx2.Response:
    with client(city) as http:
        return http.post("/api/ontologies", json=members)


def test_an_ontology_is_read_from_its_address(city: Running, web: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert order(city, url=f"{web}/lamps#Lamp", dryRun=True).status_code == 201
    with client(city) as http:
        assert http.get("/api/catalogue/terms", params={"q": "Lamp"}).json()["total"] == 0, "a dry run saves nothing"
    status, shown = typed(city, capsys, "publish", f"{web}/lamps", "--check")
    assert (status, "no errors" in shown) == (0, True), shown
    status, shown = typed(city, capsys, "publish", f"{web}/lamps")
    assert status == 0, shown
    assert "ontology published   version 1" in shown
    with client(city) as http:
        (term,) = http.get("/api/catalogue/terms", params={"q": "Lamp"}).json()["terms"]
    assert term["iri"] == f"{NS}/lamps#Lamp"
    again = asked(city, capsys, "publish", f"{web}/lamps")
    assert again["version"] == 1, "the same document makes no new version"
    assert order(city, url=f"{web}/raw/masts.ttl").json()["kind"] == "ontology", "known by its ending"


def test_a_large_document_is_read_within_the_limits_of_large_ones(
    city: Running, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vocabulary of thousands of classes takes longer to read than a description: its limits are others."""
    terms = turtle("buildings", *(f"Room{number}" for number in range(7000)))
    assert len(terms) > LARGE
    Web.pages["/buildings.ttl"] = (200, "text/turtle", terms)
    monkeypatch.setattr("node.semantics.description.cage_client.PARSE", Limits(cpu=1, wall=0.01))
    answer = order(city, url=f"{web}/buildings.ttl", dryRun=True)
    assert answer.status_code == 201, answer.text[:500]


def test_what_the_document_does_not_say_is_added(city: Running, web: str, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = order(city, url=f"{web}/poles.ttl")
    assert refusal.status_code == 422, refusal.text
    status, shown = typed(city, capsys, "publish", f"{web}/poles.ttl")
    assert status == REFUSED
    assert "nothing was saved" in shown
    additions = ["license=CC-BY-4.0", "version=1", "contact.name=Poles", "contact.email=poles@example.org"]
    words = [word for addition in additions for word in ("--set", addition)]
    status, shown = typed(city, capsys, "publish", f"{web}/poles.ttl", *words)
    assert (status, "ontology published" in shown) == (0, True), shown
    status, shown = typed(city, capsys, "publish", f"{web}/poles.ttl", "--set", "license")
    assert (status != 0, "license=CC-BY-4.0" in shown) == (True, True), shown
    status, shown = typed(city, capsys, "publish", "pyproject.toml", "--set", "license=CC-BY-4.0")
    assert (status != 0, "address" in shown) == (True, True), shown


def test_what_a_file_does_not_say_is_added(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "masts.trig"
    file.write_text(BARE.replace("/poles", "/tall-poles").replace('; dct:description "Poles."@en', ""), "utf-8")
    status, shown = typed(city, capsys, "publish", str(file))
    assert status == REFUSED
    assert shown.count("description is missing") == 1, shown
    assert "file is missing" not in shown
    additions = ["description=Poles.", "version=1", "contact.name=Poles", "contact.email=poles@example.org"]
    words = [word for addition in additions for word in ("--set", addition)]
    status, shown = typed(city, capsys, "publish", str(file), *words)
    assert (status, "ontology published" in shown) == (0, True), shown
    assert "file is missing" not in shown, "the ontology is its own file"


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/nowhere", 400, "404"),
        ("/page", 400, "text/html"),
        ("/page.ttl", 400, "text/html"),
        ("/broken.ttl", 400, "line 1"),
        ("/large.ttl", 413, ""),
    ],
)
def test_what_is_no_ontology_is_refused_with_the_reason(
    city: Running, web: str, path: str, status: int, word: str
) -> None:
    answer = order(city, url=web + path)
    assert (answer.status_code, word in answer.text) == (status, True), answer.text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x.example/a.ttl", "lamps", "http://", "http://[::1"])
def test_other_addresses_are_refused(city: Running, url: str) -> None:
    assert 400 <= order(city, url=url).status_code < 500


def test_only_publishers_make_the_node_read_an_address(city: Running, web: str) -> None:
    with client(city, stranger=True) as http:
        assert http.post("/api/ontologies", json={"url": f"{web}/lamps"}).status_code == 401


def test_many_at_once_are_read_or_told_to_wait(city: Running, web: str) -> None:
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda _: order(city, url=f"{web}/lamps", dryRun=True).status_code, range(64)))
    assert set(statuses) <= {201, 429}
    assert statuses.count(201) >= 16


def test_a_person_publishes_an_ontology_in_the_browser(city: Running, web: str) -> None:
    with signed_in(city) as browser:
        assert "/ontology/publish" in browser.get("/terms").text
        assert "/ontology/publish" in browser.get("/publish").text
        page = browser.get("/ontology/publish")
        assert page.status_code == 200
        fields = {"csrf": csrf_of(page.text), "url": "", "audience": "internal"}

        def send(name: str = "", body: bytes = b"", **more: str) -> httpx2.Response:
            return browser.post("/ontology/publish", data={**fields, **more}, files={"file": (name, body)})

        refused = send(url=f"{web}/page")
        assert refused.status_code == 400
        assert "text/html" in refused.text
        assert f"{web}/page" in refused.text, "what was typed stays"
        refused = send("poles.ttl", BARE.replace("/poles", "/more-poles").encode())
        assert refused.status_code == 422
        assert "contact" in refused.text
        additions = {
            "version": "1.0",
            "license": "CC-BY-4.0",
            "contact.name": "Poles",
            "contact.email": "poles@example.org",
        }
        answer = send("poles.ttl", BARE.replace("/poles", "/more-poles").encode(), **additions)
        assert answer.status_code == 303, answer.text
        checked = send("bollards.ttl", turtle("bollards", "Bollard"), check="yes")
        assert "Nothing was saved." in checked.text
        answer = send("bollards.ttl", turtle("bollards", "Bollard"), open="yes")
        assert answer.status_code == 303
        assert browser.get(answer.headers["location"]).status_code == 200
        # A change that breaks is published only if the person says so.
        refused = send("bollards.ttl", turtle("bollards", "Post"))
        assert 'name="breaking"' in refused.text
        assert send("bollards.ttl", turtle("bollards", "Post"), breaking="yes").status_code == 303
    with client(city, stranger=True) as http:
        assert http.get("/api/catalogue/terms", params={"q": "Post"}).json()["total"] == 0, "it is internal"


def test_addresses_in_a_document_are_those_of_where_it_stands(city: Running, web: str) -> None:
    head = HEAD.replace("<{iri}#>", "<#>").replace("<{iri}>", "<>").format(title="boxes")
    Web.pages["/boxes.ttl"] = (200, "text/turtle", (head + TERM.format(name="Box")).encode())
    answer = order(city, url=f"{web}/boxes.ttl")
    assert answer.status_code == 201, answer.text
    with client(city) as http:
        (term,) = http.get("/api/catalogue/terms", params={"q": "Box"}).json()["terms"]
    assert term["iri"] == f"{web}/boxes.ttl#Box"


def test_the_conditions_are_those_that_are_named(city: Running, web: str) -> None:
    Web.pages["/terms.ttl"] = (200, "text/turtle", turtle("conditions", "Term"))
    first = order(city, url=f"{web}/terms.ttl").json()
    with client(city) as http:
        assert http.get("/api/catalogue/record", params={"iri": first["iri"]}).json()["access"] == "none"
    order(city, url=f"{web}/terms.ttl", conditions="open")
    with client(city) as http:
        assert http.get("/api/catalogue/record", params={"iri": first["iri"]}).json()["access"] == "open"
    Web.pages["/terms.ttl"] = (200, "text/turtle", turtle("conditions", "Term", "Other"))
    order(city, url=f"{web}/terms.ttl")
    with client(city) as http:
        assert http.get("/api/catalogue/record", params={"iri": first["iri"]}).json()["access"] == "none"


@pytest.mark.parametrize("header", ["text/\xff", "x" * 7000, "", "a/b\x7f"])
def test_a_strange_media_type_is_not_repeated(city: Running, web: str, header: str) -> None:
    Web.pages["/strange"] = (200, header, b"x")
    answer = order(city, url=f"{web}/strange")
    assert answer.status_code == 400
    assert "of an unknown type" in answer.json()["detail"]


def test_a_slow_server_holds_up_nobody_else(city: Running, web: str) -> None:
    Web.pages["/slow.ttl"] = (200, "text/turtle", turtle("slow", "Slow"))
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(order, city, url=f"{web}/slow.ttl", dryRun=True) for _ in range(4)]
        assert order(city, url=f"{web}/lamps", dryRun=True).status_code == 201
        assert not any(one.done() for one in slow), "they are still being read"
        Web.goes_on.set()
        assert {one.result().status_code for one in slow} == {201}


HEADER = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix s: <https://schema.org/> . @prefix mod: <https://w3id.org/mod#> .
@prefix : <https://vocabularies.example/ns/kerbs#> .
<https://vocabularies.example/ns/kerbs> a owl:Ontology ; s:name "Kerbs"@en ; s:description "Kerbs of roads."@en ;
  {licence} ; owl:versionInfo "3.1" ; s:keywords "kerb"@en ;
  owl:priorVersion <https://vocabularies.example/ns/kerbs/3.0> ;
  mod:status <http://purl.org/adms/status/Completed> ; s:dateModified "2026-03-01" ;
  dct:creator [ foaf:name "Nobody" ] , [ foaf:name "Kerb desk" ; foaf:mbox <mailto:kerbs@example.org> ] .
:Kerb a owl:Class ; rdfs:label "kerb"@en ; rdfs:comment "It bounds a road."@en .
"""
"""An ontology that says everything of itself in words of other vocabularies than DCAT."""


def test_the_header_becomes_the_description(city: Running, web: str, capsys: pytest.CaptureFixture[str]) -> None:
    body = HEADER.format(licence='s:license "https://creativecommons.org/licenses/by/4.0/"')
    Web.pages["/kerbs.ttl"] = (200, "text/turtle", body.encode())
    with signed_in(city) as browser:
        fields = {"csrf": csrf_of(browser.get("/ontology/publish").text), "url": f"{web}/kerbs.ttl", "check": "yes"}
        page = browser.post("/ontology/publish", data={**fields, "audience": ""}, files={"file": ("", b"")})
        assert page.status_code == 200, page.text
        for value in ("CC-BY-4.0", "3.1", "Kerb desk", "kerbs@example.org"):
            assert f'value="{value}"' in page.text, value
    status, shown = typed(city, capsys, "publish", f"{web}/kerbs.ttl")
    assert (status, "ontology published" in shown) == (0, True), shown
    with client(city) as http:
        iri = http.get("/api/catalogue/terms", params={"q": "kerb"}).json()["terms"][0]["ontology"]["iri"]
        text = http.get(iri, params={"format": "nt"}).text
    own = {line.split(" ", 2)[1]: line.split(" ", 2)[2] for line in text.splitlines() if line.startswith(f"<{iri}> ")}
    assert "authority/licence/CC_BY_4_0" in own["<http://purl.org/dc/terms/license>"]
    assert "kerbs/3.0" in own["<http://www.w3.org/ns/dcat#previousVersion>"]
    assert "Completed" in own["<http://www.w3.org/ns/adms#status>"]
    assert '"2026-03-01"' in own["<http://purl.org/dc/terms/modified>"]
    assert '"kerb"@en' in own["<http://www.w3.org/ns/dcat#keyword>"]


OWL_XML = (
    '<?xml version="1.0"?>\n<!-- by an editor -->\n'
    '<Ontology xmlns="http://www.w3.org/2002/07/owl#" ontologyIRI="https://vocabularies.example/ns/o"/>\n'
)


@pytest.mark.parametrize(
    ("name", "text"), [("a.ofn", "Ontology(<http://x.example>)"), ("a.omn", "Class: A"), ("a.owl", OWL_XML)]
)
def test_other_syntaxes_of_owl_are_refused_with_a_way_out(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    status, shown = typed(city, capsys, "publish", str(file))
    assert (status != 0, "Turtle" in shown, "Protégé" in shown) == (True, True, True), shown
    assert [path.name for path in tmp_path.iterdir()] == [name], "it is not taken for a table"


LOOSE = """@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix : <https://vocabularies.example/ns/ramps#> .
<https://vocabularies.example/ns/ramps> a owl:Ontology ; dct:title "Ramps"@en ; dct:description "Ramps."@en ;
  dct:creator "Ann Able" , "Working group of ramps"@en , "https://people.example/ann" ; dct:publisher "Ramp desk" ;
  dct:source "Standard 12: ramps"@en , "https://standards.example/12" ; dct:rights "All rights reserved." ;
  dct:issued "2012" , "2013-04-24"^^xsd:date ; dct:modified "2019" , "2020-11-30"^^xsd:date , "2021-09-14T10:00:00Z" ;
  owl:versionInfo "Kopie van 2.0"@nl , "Copy of 2.0"@en , "Copia di 2.0"@it .
:Ramp a owl:Class ; rdfs:label "ramp"@en ; rdfs:comment "It slopes."@en .
"""
"""A header with texts where records have links, and with several versions and dates, as headers of standards are."""


def test_texts_of_a_header_become_links(city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ramps.ttl"
    file.write_text(LOOSE, "utf-8")
    status, shown = typed(city, capsys, "publish", str(file))
    assert (status, "ontology published" in shown) == (0, True), shown
    with client(city) as http:
        iri = http.get("/api/catalogue/terms", params={"q": "ramp"}).json()["terms"][0]["ontology"]["iri"]
        dataset = Dataset(parse(http.get(iri, params={"format": "ttl"}).content, format=RdfFormat.TURTLE))
    subject = NamedNode(iri)
    agents = nodes(dataset, subject, f"{DCT}creator")
    assert literals(dataset, subject, f"{DCT}creator") == []
    names = {first_text(dataset, agent, f"{FOAF}name") for agent in agents}
    assert names == {"Ann Able", "Working group of ramps", ""}
    assert NamedNode("https://people.example/ann") in agents
    (publisher,) = nodes(dataset, subject, f"{DCT}publisher")
    assert first_text(dataset, publisher, f"{FOAF}name") == "Ramp desk"
    assert iris(dataset, subject, f"{DCT}source") == ["https://standards.example/12"]
    assert first_text(dataset, subject, "http://purl.org/dc/elements/1.1/source") == "Standard 12: ramps"
    (version,) = literals(dataset, subject, f"{DCAT}version")
    assert version.value == "Copy of 2.0"
    assert first_text(dataset, subject, f"{DCT}issued") == "2013-04-24"
    assert first_text(dataset, subject, f"{DCT}modified") == "2021-09-14"


@pytest.mark.parametrize(
    "licence",
    [
        'dct:rights "All rights reserved."',
        "s:license <urn:x>",
        's:license "ask us"',
        's:license "https://licences.example/a b"',
    ],
)
def test_a_statement_that_is_no_licence_is_none(licence: str) -> None:
    dataset = Dataset(parse(HEADER.format(licence=licence).encode(), format=RdfFormat.TURTLE))
    subject = NamedNode(f"{NS}/kerbs")
    read_header(dataset, subject)
    assert iris(dataset, subject, f"{DCT}license") == []
    assert first_text(dataset, subject, f"{DCT}title") == "Kerbs"
