"""The event stream as a client of other people's making reads it: LDES 1.0 and TREE, in every syntax."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import httpx2
import pytest
from rdflib import Dataset, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, RDF, XSD

from node.catalogue.envelope import open_record
from node.catalogue.feed import chains, pages
from node.catalogue.feed.heads import open_head
from node.catalogue.model import INTERNAL
from node.catalogue.representations import FEED_TYPES
from tests.artefacts import data
from tests.fakes.catalogue import MEMBER, CatalogueNode
from tests.fakes.catalogue_http import Visitor, application, client
from tests.fakes.keys import public_jwk

# RDFLib's own parsers use what RDFLib calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")

TREE = "https://w3id.org/tree#"
LDES = "https://w3id.org/ldes#"
HANSA = "https://w3id.org/hansa/ns#"
FORMATS = {
    "application/n-quads": "nquads",
    "application/trig": "trig",
    "application/ld+json": "json-ld",
    "text/turtle": "turtle",
    "application/n-triples": "nt",
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three members a page, two pages a group."""
    monkeypatch.setattr(chains, "PAGE", 3)
    monkeypatch.setattr(chains, "GROUP", 2)


@dataclass
class Served:
    node: CatalogueNode
    http: httpx2.AsyncClient

    def visitor(self, name: str | None = None) -> Visitor:
        return Visitor(self.http, name)


@pytest.fixture
async def gent() -> AsyncIterator[Served]:
    node = CatalogueNode(base="https://gent.example")
    app = application(node, {"member": MEMBER, "steward": node.steward})
    async with client(app, node.base) as http:
        yield Served(node, http)


@dataclass
class Client:
    """A plain LDES client, by the rules for clients: finds the one view, emits each member once, keeps a frontier."""

    visitor: Visitor
    media_type: str = "application/n-quads"
    members: dict[str, Graph] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)
    frontier: dict[str, str] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)
    requests: int = 0

    async def run(self, url: str = "https://gent.example/feed") -> None:
        """In ordered mode: the page with the earliest lower bound on the time of its members goes first."""
        todo, seen, first = {url: ""}, set(), True
        while todo:
            page_url = min(todo, key=lambda one: (todo[one], one))
            del todo[page_url]
            if page_url in seen or page_url in self.immutable:
                continue
            seen.add(page_url)
            page = await self._page(page_url)
            if page is None:
                continue
            node = URIRef(page_url)
            if first:
                views = list(page.subjects(URIRef(f"{TREE}view"), node))
                assert len(views) == 1, "exactly one stream has the root as its view"
                first = False
            for relation in page.objects(node, URIRef(f"{TREE}relation")):
                targets = list(page.objects(relation, URIRef(f"{TREE}node")))
                paths = list(page.objects(relation, URIRef(f"{TREE}path")))
                values = list(page.objects(relation, URIRef(f"{TREE}value")))
                assert (len(targets), len(paths), len(values)) == (1, 1, 1)
                assert isinstance(targets[0], URIRef)
                todo.setdefault(str(targets[0]), "")
                lower = (relation, RDF.type, URIRef(f"{TREE}GreaterThanOrEqualToRelation")) in page
                if lower and paths[0] == PROV.generatedAtTime:
                    todo[str(targets[0])] = str(values[0])

    async def _page(self, url: str) -> Graph | None:
        self.requests += 1
        answer = await self.visitor.get(url, accept=self.media_type)
        assert answer.status_code in (200, 410), url
        if answer.status_code == 410:
            return None
        assert answer.headers["content-type"].partition(";")[0] == self.media_type
        assert "Accept" in answer.headers["vary"]
        assert answer.headers["etag"]
        named = self.media_type in ("application/n-quads", "application/trig", "application/ld+json")
        dataset = Dataset(default_union=True) if named else Graph()
        dataset.parse(data=answer.content, format=FORMATS[self.media_type], publicID=url)
        default = dataset.default_graph if isinstance(dataset, Dataset) else dataset
        if (URIRef(url), URIRef(f"{LDES}immutable"), Literal(True)) in default:
            self.immutable.add(url)
            assert "immutable" in answer.headers["cache-control"]
        self.frontier[url] = answer.headers["etag"]
        members = []
        for member in default.objects(None, URIRef(f"{TREE}member")):
            assert isinstance(member, URIRef), "members have IRIs"
            times = list(default.objects(member, PROV.generatedAtTime))
            assert len(times) == 1
            assert len(list(default.objects(member, DCTERMS.isVersionOf))) == 1
            position = default.value(member, URIRef(f"{HANSA}position"))
            assert isinstance(position, Literal)
            assert position.datatype == XSD.integer
            members.append((int(position), str(member), str(times[0])))
            if str(member) not in self.members:
                graph = dataset.graph(member) if isinstance(dataset, Dataset) else dataset
                copy = Graph()
                for triple in graph if named else graph.triples((member, None, None)):
                    copy.add(triple[:3])
                self.members[str(member)] = copy
        for _, iri, time in sorted(members):
            if iri not in self.times:
                self.order.append(iri)
                self.times[iri] = time
        return default


async def publish_many(node: CatalogueNode, count: int, **more: object) -> None:
    for number in range(count):
        await node.publish(f"set-{number}", description={"en": f"nr {number}", "nl": 'met "tekens"\n'}, **more)


@pytest.mark.parametrize("media_type", FEED_TYPES)
@pytest.mark.usefixtures("small")
async def test_every_syntax_gives_every_member_once_in_order(gent: Served, media_type: str) -> None:
    await publish_many(gent.node, 8, notes=("Els", "Jan"))
    await gent.node.publish("set-3", description={"en": "corrected"})
    reader = Client(gent.visitor(), media_type)
    await reader.run()
    assert len(reader.members) == 9
    times = [reader.times[iri] for iri in reader.order]
    assert times == sorted(times), "the stream never goes back in time"
    graph = reader.members["https://gent.example/datasets/set-3#v2"]
    texts = {str(value) for value in graph.objects(None, DCTERMS.description)}
    assert texts == {"corrected"}, "versions of one asset do not run into one another"


@pytest.mark.usefixtures("small")
async def test_a_member_is_the_signed_record(gent: Served) -> None:
    record = await gent.node.publish("counts", notes=("Els", "Jan"), conditions={"template": "members"})
    text = (await gent.visitor().get("/feed/pages/0")).text
    envelope = re.search(r'ns#envelope> "([^"]*)"', text)
    assert envelope
    end = f" <{record.version_iri}> ."
    lines = [one for one in text.split("\n") if one.endswith(end) and "tree#member" not in one]
    bare = [one.removesuffix(end) + " .\n" for one in lines]
    nquads = "".join(bare).replace("_:m0c14n", "_:c14n")
    opened = open_record(envelope.group(1), nquads.encode(), public_jwk(gent.node.keys))
    assert opened.sha256 == record.sha256
    assert opened.titles == record.titles


@pytest.mark.usefixtures("small")
async def test_full_pages_never_change_and_are_not_asked_for_again(gent: Served) -> None:
    await publish_many(gent.node, 7)
    reader = Client(gent.visitor())
    await reader.run()
    before = {url: (await gent.visitor().get(url)).content for url in reader.immutable}
    assert {url.rpartition("/feed/")[2] for url in before} == {"groups/0", "pages/0", "pages/1"}
    await publish_many(gent.node, 1)
    await gent.node.publish("more-1")
    await gent.node.publish("more-2")
    assert {url: (await gent.visitor().get(url)).content for url in before} == before
    spent = reader.requests
    await reader.run()
    assert len(reader.members) == 9
    assert reader.requests - spent == 3, "root, index, newest page"


async def test_conditional_requests(gent: Served) -> None:
    await publish_many(gent.node, 2)
    for path in ("/feed", "/feed/index", "/feed/pages/0"):
        answer = await gent.visitor().get(path)
        headers = {"If-None-Match": answer.headers["etag"]}
        unchanged = await gent.http.get(path, headers=headers)
        assert (unchanged.status_code, unchanged.content) == (304, b""), path
        assert unchanged.headers["etag"] == answer.headers["etag"]
        other = await gent.http.get(path, headers={**headers, "Accept": "text/turtle"})
        assert other.status_code == 200, "another syntax is another representation"
    await gent.node.publish("new")
    changed = await gent.http.get("/feed/pages/0", headers={"If-None-Match": answer.headers["etag"]})
    assert changed.status_code == 200


async def test_caches_are_told_who_may_keep_what(gent: Served) -> None:
    for number in range(chains.PAGE + 1):
        await gent.node.publish(f"m-{number}", audience="members")
        await gent.node.publish(f"p-{number}")
    visitor, member = gent.visitor(), gent.visitor("member")
    assert (await visitor.get("/feed/pages/0")).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await visitor.get("/feed/pages/1")).headers["cache-control"].startswith("public, max-age=")
    private = await member.get("/feed/audiences/members/pages/0")
    assert private.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert (await member.get("/feed")).headers["cache-control"] == "private, no-cache"
    assert "Authorization" in private.headers["vary"]
    for path in ("/feed/audiences/members/pages/0", "/feed/audiences/members/index", "/feed/audiences/nobody/index"):
        assert (await visitor.get(path)).status_code == 404


@pytest.mark.parametrize(
    "name", ["07", "-1", "1.5", "٧", "99999999999999999999", "x", "0.abc", "1e3", " 0", "%2e%2e"]
)
async def test_odd_page_names_do_not_exist(gent: Served, name: str) -> None:
    await publish_many(gent.node, 1)
    assert (await gent.http.get(f"/feed/pages/{name}")).status_code in (404, 410)
    assert (await gent.http.get(f"/feed/groups/{name}")).status_code == 404


@pytest.mark.usefixtures("small")
async def test_a_page_that_loses_members_has_a_new_address(gent: Served) -> None:
    await publish_many(gent.node, 4)
    await gent.node.publish("set-1", audience=INTERNAL)
    assert (await gent.visitor().get("/feed/pages/0")).status_code == 410
    reader = Client(gent.visitor())
    await reader.run()
    assert "https://gent.example/datasets/set-1#v1" not in reader.members
    assert "https://gent.example/datasets/set-1#v2" in reader.members, "the tombstone"
    assert len(reader.members) == 4
    positions = re.findall(r'ns#position> "(\d+)"', (await gent.visitor().get("/feed/pages/1")).text)
    assert positions == ["3", "4"]


async def test_tombstones_say_that_something_is_gone_and_nothing_else(gent: Served) -> None:
    record = await gent.node.publish("counts", keywords=("traffic",))
    await gent.node.withdraw(record.iri)
    page = Graph()
    page.parse(data=(await gent.visitor().get("/feed/pages/0", accept="text/turtle")).content, format="turtle")
    gone = URIRef(f"{record.iri}#v2")
    assert (gone, RDF.type, URIRef(f"{HANSA}Withdrawn")) in page
    assert not list(page.objects(gone, DCTERMS.title))


async def test_the_head_is_signed_and_moves(gent: Served) -> None:
    async def head() -> tuple[str, str]:
        answer = await gent.visitor().get("/feed/index")
        found = re.search(r'ns#head> "([^"]*)"', answer.text)
        assert found
        return found.group(1), answer.headers["etag"]

    empty, _ = await head()
    assert open_head(empty, public_jwk(gent.node.keys)).size == 0
    await publish_many(gent.node, 3)
    first, tag = await head()
    opened = open_head(first, public_jwk(gent.node.keys))
    assert (opened.origin, opened.audience, opened.epoch, opened.size) == (gent.node.did, "public", 0, 3)
    assert (first, tag) == await head(), "the same bytes while nothing happens"
    gent.node.clock.forward(minutes=20)
    later, later_tag = await head()
    assert open_head(later, public_jwk(gent.node.keys)).at > opened.at
    assert later_tag != tag


async def test_after_a_restore_every_page_has_a_new_address() -> None:
    node = CatalogueNode(base="https://gent.example", epoch=2)
    async with client(application(node, {}), node.base) as http:
        await node.publish("counts")
        assert (await http.get("/feed/pages/0")).status_code == 410
        assert (await http.get("/feed/pages/0.2")).status_code == 200


async def test_ledger_order_wins_over_clocks() -> None:
    """Two writers may look at the clock in one order and commit in the other."""
    node = CatalogueNode(base="https://gent.example")
    first = await node.publish("a")
    with node.uow.read() as tx:
        entry = node.ledger.get(tx, first.entry)
    assert entry is not None
    earlier = entry.body.replace(b'"at":"2026-11-20T12', b'"at":"2026-11-20T11').replace(b"datasets/a", b"datasets/b")
    node.chains.apply([replace(entry, id="late", body=earlier, seq=node.chains.position())])
    found = node.chains.page("public", 0)
    assert found is not None
    times = [member.time for member in found[1]]
    assert times == sorted(times)
    assert len(times) == 2


async def test_only_own_records_are_in_the_feed(gent: Served) -> None:
    """What other nodes answer for is read from their own feeds."""
    plzen = CatalogueNode(base="https://plzen.example")
    foreign = await plzen.publish("noise")
    with plzen.uow.read() as tx:
        entry = plzen.ledger.get(tx, foreign.entry)
    assert entry is not None
    gent.node.chains.apply([entry])
    assert "plzen" not in (await gent.visitor().get("/feed/index")).text
    assert (await gent.visitor().get("/feed/pages/0")).status_code == 404


async def test_terms_are_those_of_the_vocabulary(gent: Served) -> None:
    vocabulary = Graph().parse(data("ldes/spec/vocabulary.ttl"))
    await publish_many(gent.node, 1)
    text = "".join([(await gent.visitor().get(path)).text for path in ("/feed", "/feed/index", "/feed/pages/0")])
    used = {URIRef(iri) for iri in re.findall(rf"<({re.escape(LDES)}\w+)>", text)}
    assert URIRef(f"{LDES}EventStream") in used
    assert used <= set(vocabulary.subjects(RDF.type)), "no term of our own invention in their namespace"


async def test_applying_entries_twice_changes_nothing() -> None:
    node = CatalogueNode(base="https://gent.example")
    await publish_many(node, 5)
    await node.publish("set-1", audience="members")
    again = chains.Chains(me=node.did)
    with node.uow.read() as tx:
        entries = node.ledger.since(tx, 0)
    again.apply(entries[:4])
    again.apply(entries)
    again.apply(entries[2:])
    for audience in ("public", "members"):
        assert again.page(audience, 0) == node.chains.page(audience, 0)
    again.rebuild()
    assert (again.position(), again.size("public")) == (0, 0)


async def test_nothing_is_answered_from_half_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head over less than there is would look like a feed that goes back: after a start, or in a second process."""
    monkeypatch.setattr(pages, "PAUSE", 0.001)
    node = CatalogueNode(base="https://gent.example")
    await publish_many(node, 3)
    with node.uow.read() as tx:
        entries = node.ledger.since(tx, 0)
    async with client(application(node, {}), node.base) as http:
        node.chains.rebuild()
        node.chains.apply(entries[:2])
        for path in ("/feed", "/feed/index", "/feed/pages/0", "/feed/groups/0"):
            answer = await http.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), path
        node.chains.apply(entries[2:])
        assert (await http.get("/feed/index")).status_code == 200
        node.chains.rebuild()
        monkeypatch.setattr(pages, "PAUSE", 0.1)
        waiting = asyncio.create_task(http.get("/feed/index"))
        await asyncio.sleep(0.05)
        node.chains.apply(entries)
        assert (await waiting).status_code == 200, "a moment is waited for"


async def test_a_head_commits_to_the_members_of_its_chain(gent: Served) -> None:
    """A client that keeps a head can check what it is shown, with what the standard library has."""
    for number in range(5):
        await gent.node.publish(f"set-{number}")
    await gent.node.publish("for-members", audience="members")
    index = (await gent.visitor().get("/feed/index", accept="application/n-quads")).text
    page = (await gent.visitor().get("/feed/pages/0", accept="application/n-quads")).text
    (jws,) = re.findall(r'ns#head> "([^"]*)"', index)
    (proofs,) = re.findall(r"ns#consistency> <([^>]*)>", index)
    (leaves,) = re.findall(r'ns#leaves> "([^"]*)"', page)
    head = open_head(jws, public_jwk(gent.node.keys))
    assert proofs == "https://gent.example/feed/consistency"
    positions = dict(re.findall(r'<([^>]*)> <[^>]*ns#position> "(\d+)"', page))
    signed = dict(re.findall(r'<([^>]*)> <[^>]*ns#envelope> "([^"]*)"', page))
    in_order = [signed[iri] for iri, _ in sorted(positions.items(), key=lambda one: int(one[1]))]
    hashes = [hashlib.sha256(b"\x00" + envelope.encode()).digest() for envelope in in_order]
    assert [base64.b64decode(leaf) for leaf in leaves.split()] == hashes

    def root(some: list[bytes]) -> bytes:
        if len(some) == 1:
            return some[0]
        half = 1 << (len(some) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + root(some[:half]) + root(some[half:])).digest()

    assert (head.size, head.root) == (5, root(hashes))


async def test_proofs_are_for_those_who_may_see_the_chain(gent: Served) -> None:
    for number in range(3):
        await gent.node.publish(f"set-{number}", audience="members")
    await gent.node.publish("open")
    asked = {"old": 1, "new": 3}
    path = "/feed/audiences/members/consistency"
    hidden, absent = [await gent.visitor().get(one, **asked) for one in (path, path.replace("members", "nobody"))]
    assert (hidden.status_code, hidden.content) == (404, absent.content.replace(b"nobody", b"members"))
    shown = await gent.visitor("member").get(path, **asked)
    assert (shown.status_code, shown.json()["old"], shown.json()["new"]) == (200, 1, 3)
    assert (await gent.visitor().get("/feed/consistency", old=0, new=1)).json()["path"] == []
    for wrong in ({"old": 0, "new": 2}, {"old": 1, "new": 0}):
        refused = await gent.visitor().get("/feed/consistency", **wrong)
        assert refused.status_code == 400, refused.text
