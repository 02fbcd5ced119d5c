"""Other people's text, as bad as it gets, in every place where a page shows it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from node.catalogue.browse import Connections
from node.catalogue.model import Record
from node.identity.model import ApplicationState
from node.semantics.kinds import KINDS
from node.semantics.model import File
from node.vocab.namespaces import (
    ADMS,
    DCAT,
    DCT,
    HANSA,
    HANSA_MODEL,
    IT6,
    OWL,
    QUDT,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    VCARD,
)
from tests.artefacts import data
from tests.fakes.portal.content import GENT, Graph, record
from tests.fakes.portal.data_sources import data_sources, streams
from tests.fakes.portal.harvests import schedules
from tests.fakes.portal.node import AGREEMENT, BASE, NOW, TRANSFER, FakeNode
from tests.fakes.stores.drafts import DRAFT, add_draft
from tests.unit.portal.conftest import browser, token
from tests.unit.portal.page import Page, is_data, troubles

MARKUP = (
    "<script>window.__xss=1</script>",
    '"><script>window.__xss=1</script>',
    "'><img src=x onerror=window.__xss=1>",
    "<img src=x onerror=window.__xss=1>",
    "<svg/onload=window.__xss=1>",
    "</textarea><script>window.__xss=1</script>",
    "</title><script>window.__xss=1</script>",
    "</code></pre><script>window.__xss=1</script>",
    "<!--<script>window.__xss=1</script>",
    "]]><script>window.__xss=1</script>",
    "{{ 7*7 }}{% raw %}${7*7}#{7*7}",
    "javascript:window.__xss=1",
    '" onmouseover="window.__xss=1',
    "' autofocus onfocus='window.__xss=1",
    "&lt;script&gt;window.__xss=1&lt;/script&gt;",
    '<a href="javascript:window.__xss=1">x</a>',
    "<style>@import 'https://evil.test'</style>",
    "<base href=https://evil.test/>",
    "\u202e<script>\u202c",
    "«<script>window.__xss=1</script>»",
    "a\u2028b\u2029c\u0000d\x1b[31m",
)


def naughty() -> list[str]:
    ours = json.loads(data("naughty/naughty-dataspace.json").read_text("utf-8"))
    theirs = json.loads(data("naughty/blns.json").read_text("utf-8"))
    strings = [*MARKUP, *theirs, *(text for texts in ours.values() for text in _strings(texts))]
    return [text.encode("utf-8", errors="replace").decode("utf-8") for text in strings]


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [text for one in value.values() for text in _strings(one)] if isinstance(value, dict) else []


def hostile(kind: str, text: str, number: int = 0) -> Record:
    """An asset that says ``text`` wherever a description can say anything."""
    iri = f"{BASE}/{KINDS[kind].plural}/hostile{number}"
    graph = Graph(iri)
    texts = {"en": text, "nl": text}
    plain = {"": text}
    for prop in (
        f"{ADMS}versionNotes",
        f"{HANSA_MODEL}method",
        f"{IT6}intendedUse",
        f"{HANSA}goal",
        f"{HANSA}text",
        f"{HANSA}qualityNote",
        f"{DCT}provenance",
        "https://example.org/ns#unknown",
    ):
        graph.add(prop, texts).add(prop, plain)
    for prop in (f"{HANSA}definition", f"{HANSA}changes", f"{DCAT}keyword"):
        graph.add(prop, plain)
    graph.add(f"{DCT}issued", (text, "date")).add(f"{DCAT}temporalResolution", (text, "duration"))
    graph.add(f"{DCAT}landingPage", (text, "anyURI")).add(f"{DCAT}spatialResolutionInMeters", (text, "decimal"))
    graph.node(f"{DCAT}contactPoint", {f"{VCARD}fn": texts, f"{VCARD}hasEmail": plain, f"{VCARD}hasURL": plain})
    graph.node(f"{DCT}temporal", {f"{DCAT}startDate": plain, f"{DCAT}endDate": plain})
    graph.node(f"{DCT}spatial", {f"{SKOS}prefLabel": texts, f"{DCAT}bbox": plain})
    graph.node(f"{DCAT}distribution", {f"{DCT}title": texts, f"{DCAT}downloadURL": plain, f"{DCT}format": plain})
    graph.node(
        f"{HANSA_MODEL}hasParameter",
        {
            f"{SCHEMA}valueName": plain,
            f"{DCT}description": texts,
            f"{QUDT}ucumCode": plain,
            f"{SCHEMA}defaultValue": plain,
        },
    )
    graph.node(f"{HANSA}hasInput", {f"{HANSA}role": plain})
    graph.node(f"{HANSA}hasBinding", {f"{HANSA}role": plain, f"{HANSA}boundTo": "<javascript:window.__xss=1>"})
    graph.node(f"{HANSA}hasCredentialType", {f"{HANSA}credentialType": plain})
    for predicate in (f"{DCT}license", f"{DCT}conformsTo", f"{DCT}source", f"{DCAT}endpointURL"):
        graph.add(predicate, "<javascript:window.__xss=1>").add(predicate, "<data:text/html,x>")
    graph.add(f"{RDF}type", f"<{OWL}Class>", f"<{iri}#a>").add(f"{RDFS}label", texts, f"<{iri}#a>")
    hostile_record = record(
        iri,
        kind,
        GENT,
        graph,
        texts,
        texts,
        policy="members",
        publisher_name=text,
        keywords=(text,),
        files=(
            File(name=text.strip() or "x", media_type=text, size=1, sha256="0" * 64, format=text, open=True),
            File(name="t.csv", media_type="text/csv", size=10**6, sha256="0" * 64, open=True),
        ),
        warnings=({"message": text, "remedy": text},),
    )
    return replace(hostile_record, publisher=text or "x", themes=(text,), entry=text, audience="public")


class Hostile(FakeNode):
    """A node with an asset for each hostile text, whose open files say ``rows``."""

    def __init__(self, texts: list[str], kind: str) -> None:
        known = kind if kind in KINDS else "dataset"
        # Without offers: they hold none of the texts, and judging hundreds of them takes long.
        made = [hostile(known, text, number) for number, text in enumerate(texts)]
        super().__init__([replace(record, kind=kind, offer=None) for record in made])
        self.rows = ""

    async def copies(self, *_: object) -> list[Record]:
        return []

    async def connections(self, *_: object) -> Connections:
        return Connections()

    async def head(self, *_: object) -> bytes:
        return f"{self.rows},b\n{self.rows},{self.rows}\n".encode(errors="replace")


_SCRIPTS = (
    ["copy.js"],
    ["copy.js", "kinds.js"],
    ["copy.js", "suggest.js"],
    ["check.js", "choose.js", "copy.js", "extent.js", "suggest.js"],
)
"""The scripts of a page, in alphabetical order."""


def unsafe(page: Page) -> list[str]:
    """What hostile text must never become: an element of its own, a handler, an address that runs."""
    faults = troubles(page)
    scripts = [script["src"] for script in page.all("script") if not is_data(script)]
    names = sorted(source.rpartition("/")[2] for source in scripts if source.startswith("/portal/"))
    if len(names) != len(scripts) or names not in _SCRIPTS:
        faults.append(f"scripts {scripts}")
    for element in page.elements:
        if element.tag in ("style", "base", "iframe", "object", "math"):
            faults.append(f"<{element.tag} {element.attributes}>")
        if element.tag == "img" and not element["src"].startswith("/portal/"):
            faults.append(f"img {element['src']}")
        if any(
            name.startswith("on") or not name.replace("-", "").replace(":", "").isalnum()
            for name in element.attributes
        ):
            faults.append(f"attributes {element.attributes}")
    return faults + [f"comment {comment}" for comment in page.comments]


@pytest.mark.parametrize(
    "kind", ["dataset", "model", "ontology", "schema", "scenario", "rulebook", "service", "novelty"]
)
def test_markup_stays_text_on_asset_pages(kind: str) -> None:
    node = Hostile(list(MARKUP), kind)
    with browser(node) as client:
        for number, (iri, text) in enumerate(zip(node.records, MARKUP, strict=True)):
            node.rows = text
            answer = client.get(f"/record?iri={iri}")
            assert answer.status_code == 200, number
            page = Page(answer.text)
            assert unsafe(page) == [], text
            title = " ".join(page.element("h1").text.split())
            assert all(part in title for part in text.split() if "\x00" not in part), text
            for block in page.all("script", type="application/ld+json"):
                assert text.split()[0][:20] in json.loads(block.text)["name"], text
            links = answer.headers["link"]
            assert links.count("<") == links.count(">") == links.count("; rel="), links


def test_every_naughty_string_in_every_literal() -> None:
    """All strings of the lists: every one through results, every sixth through an asset page."""
    texts = naughty()
    assert len(texts) > 500
    node = Hostile(texts, "model")
    with browser(node) as client:
        for iri, text in list(zip(node.records, texts, strict=True))[::6]:
            node.rows = text
            answer = client.get(f"/record?iri={iri}")
            assert answer.status_code == 200
            assert unsafe(Page(answer.text)) == [], text
        for number in range(1, len(texts) // 20 + 2):
            assert unsafe(Page(client.get(f"/search?page={number}").text)) == []
        assert unsafe(Page(client.get("/").text)) == []
        assert "<script" not in client.get("/search.rss").text


def test_naughty_strings_in_the_address(visitor: TestClient) -> None:
    for text in naughty()[::6]:
        in_the_address(text, visitor)


def in_the_address(text: str, visitor: TestClient) -> None:
    for path, name in (
        ("/search", "q"),
        ("/search", "keyword"),
        ("/sparql", "query"),
        ("/record", "iri"),
        ("/sign-in", "next"),
    ):
        answer = visitor.get(path, params={name: text})
        assert answer.status_code in (200, 400, 404, 503), (path, name)
        assert unsafe(Page(answer.text)) == []


@pytest.mark.parametrize("text", MARKUP)
def test_markup_stays_text_on_working_pages(text: str, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"en": text, text: text}
    asked = node.pending[0]
    node.pending[0] = replace(
        asked,
        titles=texts,
        conditions=(text,),
        iri="javascript:window.__xss=1",
        decision=replace(
            asked.decision, peer_name=text, peer=text, summary=texts, details={text: text, "purpose": text}
        ),
    )
    node.pending[1] = replace(
        node.pending[1], decision=replace(node.pending[1].decision, reason=text, decided_by=text)
    )
    applied = node.applied[0]
    node.applied[0] = replace(
        applied,
        name=text,
        application=replace(applied.application, accession={"legalName": text, text: text}, credential_type=text),
    )
    node.applied[1] = replace(
        node.applied[1],
        application=replace(
            node.applied[1].application, state=ApplicationState.REJECTED, reason=text, decided_by=text
        ),
    )
    held = node.credentials[0]
    node.credentials[0] = replace(
        held, name=text, credential=replace(held.credential, revoked_at=NOW, revoked_why=text, type=text)
    )
    node.ring = [replace(key, reason=text, handover=text, jwk={"crv": text, "x": text}) for key in node.ring]
    agreed = node.contracts[0]
    node.contracts[0] = replace(
        agreed,
        title=texts,
        provider_name=text,
        consumer_name=text,
        agreement=replace(agreed.agreement, ended=NOW, ended_why=text, signatures={text: text}, entry=text),
    )
    node.stuck = [replace(node.stuck[0], last_error=text, lane=text, topic=text, headers={})]
    for place, conversation in enumerate(node.running):
        process = replace(
            conversation.process, peer=text, reason=[text, {"text": texts}, {"@value": text}, 7, None], code=text
        )
        exchanges = tuple(
            replace(e, message=text, body=text.encode(), answer=text.encode()) for e in conversation.exchanges
        )
        node.running[place] = replace(
            conversation, process=process, exchanges=exchanges, titles=texts, peer_name=text
        )
    node.facts = replace(node.facts, name=text, operator=text, contact=text, rulebook="javascript:window.__xss=1")

    node.schedules = schedules(NOW, "https://gent.example", text)
    node.data_sources, node.try_data_source = data_sources(NOW, text)
    node.streams, node.broker_subscriptions = streams(NOW, node.data_sources, text)
    add_draft(node.drafts, NOW, text)

    async def document(*_: object) -> str:
        return f"<h1>{text}</h1><p lang='{text}' class=\"{text}\">{text}<a href='{text}'>x</a>"

    monkeypatch.setattr(node, "agreement_document", document)
    with browser(node) as client:
        client.cookies.set("hansa_session", "els-session")
        for path in (
            "/decisions",
            "/applications",
            "/issued",
            "/region",
            "/region/leave",
            "/rulebook",
            "/rulebook/templates",
            "/rulebook/templates?name=mobility-two-years",
            "/members",
            "/members/block?did=did:web:mallory.example",
            "/keys",
            "/agreements",
            f"/agreements/{AGREEMENT}?check=now",
            "/processes",
            f"/processes/{TRANSFER}",
            "/deliveries",
            "/imports/ghent",
            "/sources",
            f"/publish/{DRAFT}",
            f"/publish/{DRAFT}/preview",
            "/imports/ghent?run=urn:run:2",
            "/about?check=now",
            "/",
        ):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert unsafe(Page(answer.text)) == [], path
        refused = ("license", "theme", "frequency", "language", "from", "until", "west", "south", "east", "north")
        fields = {"csrf": token(client, "/publish"), "title": text, **dict.fromkeys(refused, text)}
        answer = client.post(f"/publish/{DRAFT}", data=fields, headers={"Origin": BASE})
        assert answer.status_code == 422
        assert unsafe(Page(answer.text)) == []


def test_formulas_do_not_run_in_spreadsheets() -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("https://evil.test")'):
        with browser(FakeNode([hostile("dataset", text)])) as client:
            cells = client.get("/search.csv").text
            assert f",{text[:2]}" not in cells.replace(",'", "")
