"""A follower against feed servers that lie: each attack by name, and what comes of it.

The follower must never hold what its origin did not state, never go back, never loop, and never stop for good
because of one bad member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

import pytest

from federation.replicate.model import ForkedFeed, HostileFeed, Limits
from federation.replicate.pages import MAX_MEMBERS, MAX_RELATIONS
from node.base.clock import stamp
from node.base.errors import HansaError, PeerUnreachable
from node.base.jsons import canonical
from node.catalogue.envelope import ledger_body, sign, withdrawal_of
from node.catalogue.feed import chains
from node.catalogue.model import Record
from node.catalogue.nquads import iri_term, line, literal_term
from node.identity.jose import b64url, unb64url
from node.identity.model import DidDocument
from node.ledger.model import EntryKind
from node.vocab.namespaces import DCT, HANSA, LDES, ODRL, TREE
from tests.fakes.catalogue import MEMBER, CatalogueNode, SigningKeys, participant
from tests.fakes.federation import Answer, Follower, Network
from tests.fakes.stores.ledger import number_everything

NQUADS = {"content-type": "application/n-quads", "etag": '"x"'}


@dataclass
class Scene:
    network: Network
    gent: CatalogueNode
    region: CatalogueNode
    follower: Follower

    async def run(self) -> int:
        return (await self.follower.run(self.gent)).added

    def spoil(self, change: Callable[[str], str], *, only: str = "") -> None:
        """Change the text of every answer whose URL ends in ``only``."""

        def spoiled(url: str, answer: Answer) -> Answer:
            status, headers, body = answer
            if status != 200 or not url.endswith(only):
                return answer
            return status, {**headers, "etag": '"spoilt"'}, change(body.decode()).encode()

        self.network.spoil = spoiled

    def honest(self) -> None:
        self.network.spoil = lambda url, answer: answer

    def reasons(self) -> list[str]:
        return [note["reason"] for note in self.follower.put_aside(self.gent)]

    async def state(self, record: Record) -> Record:
        """Put a version into Gent's ledger as it is, past all checks: what a hostile node can do."""
        with self.gent.uow.begin() as tx:
            entry = self.gent.append(
                tx, EntryKind.RECORD, record.iri, "gent", ledger_body(record), self.gent.clock.now()
            )
            stored = replace(record, entry=entry.id)
            self.gent.records.add(tx, stored)
        number_everything(self.gent.sequencer)
        with self.gent.uow.read() as tx:
            self.gent.chains.apply(self.gent.ledger.since(tx, self.gent.chains.position()))
        return stored

    def sign(self, record: Record, keys: SigningKeys | None = None) -> Record:
        return sign(keys or self.gent.keys, record)  # type: ignore[arg-type]


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(chains, "PAGE", 3)
    network = Network()
    gent = CatalogueNode(base="https://gent.example")
    region = CatalogueNode(base="https://region.example", name="Vlaanderen")
    network.join(gent, {region.did: participant(region.did, "MembershipCredential")})
    network.join(region)
    follower = Follower(region, network)
    await follower.follow(gent)
    return Scene(network, gent, region, follower)


# What a single member can get wrong: put aside, with the reason, and the feed goes on. ---------------------


def flip_statement(text: str) -> str:
    return text.replace('"set-1"@en', '"set-X"@en')


def drop_envelope(text: str) -> str:
    return "\n".join(one for one in text.split("\n") if not ("set-1#v1" in one and "ns#envelope" in one))


def cut_signature(text: str) -> str:
    return re.sub(r'(set-1#v1> <[^>]*envelope> "[^"]*)...."', r'\1AAAA"', text)


def other_hash(text: str) -> str:
    return re.sub(r'(set-1#v1> <[^>]*sha256> ")[0-9a-f]{8}', r"\g<1>00000000", text)


def other_asset(text: str) -> str:
    return re.sub(r"(set-1#v1> <[^>]*isVersionOf> <[^>]*)set-1>", r"\1set-2>", text)


def no_position(text: str) -> str:
    return "\n".join(one for one in text.split("\n") if not ("set-1#v1" in one and "ns#position" in one))


def far_position(text: str) -> str:
    return re.sub(r'(set-1#v1> <[^>]*position> ")1"', r'\g<1>999"', text)


def negative_position(text: str) -> str:
    return re.sub(r'(set-1#v1> <[^>]*position> ")1"', r'\g<1>-1"', text)


def two_positions(text: str) -> str:
    term = iri_term("https://gent.example/datasets/set-1#v1")
    return text + line(term, iri_term(f"{HANSA}position"), '"2"^^<http://www.w3.org/2001/XMLSchema#integer>') + "\n"


def two_envelopes(text: str) -> str:
    match = re.search(r'set-2#v1> <[^>]*envelope> ("[^"]*")', text)
    assert match
    term = iri_term("https://gent.example/datasets/set-1#v1")
    return text + line(term, iri_term(f"{HANSA}envelope"), match.group(1)) + "\n"


def swapped_envelope(text: str) -> str:
    found = re.search(r'set-2#v1> <[^>]*envelope> ("[^"]*")', text)
    assert found
    return re.sub(r'(set-1#v1> <[^>]*envelope> )"[^"]*"', lambda one: one.group(1) + found.group(1), text)


def added_statement(text: str) -> str:
    graph = iri_term("https://gent.example/datasets/set-1#v1")
    subject = iri_term("https://gent.example/datasets/set-1")
    return text + line(subject, iri_term(f"{DCT}title"), literal_term("mine"), graph) + "\n"


def strange_blank_node(text: str) -> str:
    graph = iri_term("https://gent.example/datasets/set-1#v1")
    return text + line("_:m0c14n0", iri_term(f"{DCT}title"), literal_term("mine"), graph) + "\n"


def broken_line(text: str) -> str:
    return text.replace('"set-1"@en', '"set-1@en')


def huge_envelope(text: str) -> str:
    return re.sub(r'(set-1#v1> <[^>]*envelope> ")', r"\1" + "A" * 600_000, text)


def not_utf8(text: str) -> str:
    return text.replace('"set-1"@en', '"set-1\ud800"@en')


SPOILT_MEMBERS = (
    flip_statement,
    drop_envelope,
    cut_signature,
    other_hash,
    other_asset,
    no_position,
    far_position,
    negative_position,
    two_positions,
    two_envelopes,
    swapped_envelope,
    added_statement,
    strange_blank_node,
    broken_line,
    huge_envelope,
)


@pytest.mark.parametrize("attack", SPOILT_MEMBERS, ids=lambda attack: attack.__name__)
async def test_a_spoilt_member_is_put_aside_and_the_feed_goes_on(scene: Scene, attack: Callable[[str], str]) -> None:
    for number in range(7):
        await scene.gent.publish(f"set-{number}")
    scene.spoil(attack, only="/pages/0")
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.quarantines) == (6, 1)
    held = {iri.rpartition("/")[2] for iri in scene.follower.iris()}
    assert held == {f"set-{number}" for number in range(7)} - {"set-1"}
    assert len(scene.reasons()) == 1
    assert scene.reasons()[0]
    scene.honest()
    await scene.gent.publish("set-1", description={"en": "again"})
    assert await scene.run() == 1, "a new version of it is welcome"


async def test_bytes_that_are_no_text_cost_only_their_member(scene: Scene) -> None:
    for number in range(3):
        await scene.gent.publish(f"set-{number}")

    def spoiled(url: str, answer: Answer) -> Answer:
        return answer[0], answer[1], answer[2].replace(b'"set-1"@en', b'"set-1\xff\xfe"@en')

    scene.network.spoil = spoiled
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.quarantines) == (2, 1)


# What a node may not state even with its own signature. --------------------------------------------------


async def test_nobody_states_records_of_others(scene: Scene) -> None:
    """Gent relays, and signs, a record that says it is Plzeň's."""
    plzen = CatalogueNode(base="https://plzen.example")
    scene.network.join(plzen)
    theirs = await plzen.publish("noise")
    relayed = await scene.state(scene.sign(replace(theirs, origin=scene.gent.did, extra={})))
    assert await scene.run() == 0
    assert "begins with https://gent.example" in scene.reasons()[0]
    assert relayed.iri not in scene.follower.iris()


async def test_a_record_of_another_origin_is_put_aside_even_where_it_is_genuine(scene: Scene) -> None:
    """The page shows Plzeň's own signed record where Gent's should be: mix and match."""
    plzen = CatalogueNode(base="https://plzen.example")
    scene.network.join(plzen)
    await plzen.publish("noise")
    await scene.gent.publish("counts")
    page = (await scene.network.fetch("https://gent.example/feed/pages/0", {}, audience="", me=scene.region.did))[2]
    visitor_page = page.decode()
    theirs_at = Network()
    theirs_at.join(plzen, {scene.region.did: MEMBER})
    theirs = await theirs_at.fetch("https://plzen.example/feed/pages/0", {}, audience="", me=scene.region.did)
    swapped = theirs[2].decode().replace("https://plzen.example/feed", "https://gent.example/feed")
    assert visitor_page != swapped
    scene.spoil(lambda text: swapped, only="/pages/0")
    assert await scene.run() == 0
    assert "signed by did:web:plzen.example" in scene.reasons()[0]


async def test_a_key_that_is_not_in_the_document_signs_nothing(scene: Scene) -> None:
    record = await scene.gent.publish("counts")
    forged = scene.sign(replace(record, version=2, entry="", extra={}), SigningKeys(scene.gent.did, "stolen"))
    await scene.state(forged)
    assert await scene.run() == 1
    assert "is not valid" in scene.reasons()[0]


async def test_a_removed_key_signs_nothing_any_more(scene: Scene) -> None:
    await scene.gent.publish("counts")
    raw = scene.gent.keys.document().raw
    removed = {**raw, "assertionMethod": [], "authentication": [f"{scene.gent.did}#key-1"]}
    scene.network.document(DidDocument(id=scene.gent.did, raw=removed))
    with pytest.raises(HostileFeed, match="does not verify"):
        await scene.run()
    assert scene.follower.iris() == set()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iri": "https://region.example/datasets/x"}, "begins with"),
        ({"iri": "https://gent.example/datasets/../x"}, "usable name"),
        ({"iri": "https://gent.example/models/x"}, "begins with"),
        ({"kind": "planet"}, "kind"),
        ({"audience": "internal"}, ""),
        ({"origin": "did:web:other.example"}, "signed by somebody other"),
    ],
    ids=["our own IRI", "path trick", "wrong kind", "unknown kind", "internal", "other origin"],
)
async def test_envelopes_that_are_signed_but_not_right(scene: Scene, change: dict[str, str], reason: str) -> None:
    good = await scene.gent.publish("good")
    bad = replace(good, iri="https://gent.example/datasets/bad", entry="", extra={})
    await scene.state(scene.sign(replace(bad, **change)))  # type: ignore[arg-type]
    outcome = await scene.follower.run(scene.gent)
    assert scene.follower.iris() == {good.iri}
    if change.get("audience") == "internal" or "origin" in change:
        # Gent's own feed leaves these out; a page that shows them is another test.
        assert outcome.quarantines == 0
    else:
        assert reason in scene.reasons()[0]


async def test_what_is_meant_for_the_origins_own_people_is_not_kept(scene: Scene) -> None:
    good = await scene.gent.publish("good")
    await scene.gent.publish("staff", audience="internal")
    # The hostile server puts the internal chain where the members' chain is expected.
    scene.gent.chains._content.chains["members"] = scene.gent.chains._content.chains["internal"]
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.quarantines) == (1, 1)
    assert "another audience" in scene.reasons()[0]
    assert scene.follower.iris() == {good.iri}


@pytest.mark.parametrize("predicate", [f"{ODRL}hasPolicy", f"{DCT}title"])
async def test_statements_about_other_nodes_assets_are_put_aside(scene: Scene, predicate: str) -> None:
    target = iri_term("https://region.example/rulebooks/r1")
    good = await scene.gent.publish("good")
    nquads = (line(target, iri_term(predicate), iri_term("https://gent.example/p")) + "\n").encode()
    bad = replace(good, version=2, nquads=nquads, sha256=sha256(nquads).hexdigest(), entry="", extra={})
    await scene.state(scene.sign(bad))
    assert await scene.run() == 1
    assert "region.example" in scene.reasons()[0]


async def test_a_version_is_stated_once(scene: Scene) -> None:
    """Equivocation: the node shows another history, with another content under a version that we hold."""
    record = await scene.gent.publish("counts")
    await scene.run()
    fork = CatalogueNode(base="https://gent.example")
    scene.network.join(fork, {scene.region.did: participant(scene.region.did)})
    await fork.publish("filler")
    await fork.publish("counts", description={"en": "rewritten"})
    with pytest.raises(ForkedFeed):
        await scene.run()
    assert scene.reasons() == []
    await scene.follower.members.accept(fork.base, scene.region.steward)
    outcome = await scene.follower.run(fork)
    assert (outcome.added, outcome.quarantines) == (1, 1), "the filler is new; the other version stays put aside"
    assert "different content" in scene.reasons()[0]
    with scene.region.uow.read() as tx:
        held = scene.region.records.get(tx, record.iri)
    assert held is not None
    assert held.nquads == record.nquads


async def test_a_tombstone_is_believed_only_with_its_signature(scene: Scene) -> None:
    record = await scene.gent.publish("counts")
    await scene.run()
    gone = withdrawal_of(record)
    await scene.state(scene.sign(gone, SigningKeys(scene.gent.did, "stolen")))
    await scene.run()
    assert scene.follower.iris() == {record.iri}
    assert await scene.gent.withdraw(record.iri)


async def test_records_from_the_future_wait(scene: Scene) -> None:
    record = await scene.gent.publish("counts")
    await scene.state(
        scene.sign(replace(record, version=2, at=scene.region.clock.now() + timedelta(days=400), entry="", extra={}))
    )
    assert await scene.run() == 1
    assert "future" in scene.reasons()[0]


@pytest.mark.parametrize(
    "nquads",
    [
        '<https://gent.example/datasets/bad> <http://purl.org/dc/terms/title> "x"@not-a-language-tag-at-all .\n',
        '<https://gent.example/datasets/bad> <http://a/%zz[> "x" .\n',
        '<https://gent.example/datasets/bad> <http://p> "\\uD800" .\n',
        '<relative> <http://p> "x" .\n',
        "<https://gent.example/datasets/bad> <http://p> << <http://s> <http://p> <http://o> >> .\n",
        "nonsense\n",
    ],
)
async def test_the_views_never_meet_what_an_engine_could_not_take(scene: Scene, nquads: str) -> None:
    good = await scene.gent.publish("good")
    body = nquads.encode()
    bad = replace(
        good,
        iri="https://gent.example/datasets/bad",
        nquads=body,
        sha256=sha256(body).hexdigest(),
        entry="",
        extra={"bbox": "not a box"},
    )
    bad = scene.sign(bad)
    try:
        await scene.state(bad)
        await scene.follower.run(scene.gent)
    except HansaError:
        # Gent's own server could not even write the page; the follower sees a broken node and holds nothing of it.
        return
    scene.region.settle()
    assert good.iri in scene.follower.iris()
    assert await scene.region.sparql("SELECT * { ?s ?p ?o } LIMIT 1", scene.region.steward)


# What a feed as a whole can get wrong: it is read no further. ------------------------------------------


async def test_a_feed_that_goes_back_is_refused(scene: Scene) -> None:
    for number in range(4):
        await scene.gent.publish(f"set-{number}")
    old = await scene.network.fetch("https://gent.example/feed/index", {}, audience="", me=scene.region.did)
    await scene.gent.publish("set-4")
    await scene.run()
    scene.network.spoil = lambda url, answer: old if url.endswith("/index") else answer
    with pytest.raises(HostileFeed, match="gone back"):
        await scene.run()
    assert len(scene.follower.iris()) == 5, "what is here stays"


async def test_an_epoch_never_goes_back(scene: Scene) -> None:
    restored = CatalogueNode(base="https://gent.example", epoch=1)
    callers = {scene.region.did: participant(scene.region.did)}
    scene.network.join(restored, callers)
    await restored.publish("counts")
    await scene.run()
    scene.network.join(scene.gent, callers)
    await scene.gent.publish("old")
    with pytest.raises(HostileFeed, match="epoch"):
        await scene.run()


async def test_a_feed_that_stands_still_is_told(scene: Scene) -> None:
    await scene.gent.publish("counts")
    frozen = await scene.network.fetch("https://gent.example/feed/index", {}, audience="", me=scene.region.did)
    scene.network.spoil = lambda url, answer: frozen if url.endswith("/index") else answer
    assert (await scene.follower.run(scene.gent)).troubles == []
    scene.region.clock.forward(hours=2)
    outcome = await scene.follower.run(scene.gent)
    assert "has not changed" in outcome.troubles[0]
    assert "has not changed" in (scene.follower.stored(scene.gent).last_error or "")


def no_head(text: str) -> str:
    return "\n".join(one for one in text.split("\n") if "ns#head" not in one)


def other_audience(text: str) -> str:
    return text.replace('ns#audience> "public"', 'ns#audience> "members"')


def broken_head(text: str) -> str:
    return re.sub(r'(ns#head> "[^"]*)....(")', r"\1AAAA\2", text)


@pytest.mark.parametrize("attack", [no_head, other_audience, broken_head], ids=lambda attack: attack.__name__)
async def test_a_chain_without_a_true_head_is_not_read(scene: Scene, attack: Callable[[str], str]) -> None:
    await scene.gent.publish("counts")
    scene.spoil(attack, only="/index")
    with pytest.raises(HostileFeed):
        await scene.run()
    assert scene.follower.iris() == set()


def relation(page: str, target: str, name: str = "_:evil") -> str:
    return "\n".join(
        [
            line(iri_term(page), iri_term(f"{TREE}relation"), name),
            line(name, iri_term(f"{TREE}node"), iri_term(target)),
            "",
        ]
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://gent.example/feed",
        "https://gent.example/feed/index",
        "https://gent.example/feed/pages/0",
    ],
)
async def test_page_loops_end(scene: Scene, target: str) -> None:
    for number in range(4):
        await scene.gent.publish(f"set-{number}")
    scene.spoil(lambda text: text + relation("https://gent.example/feed/pages/0", target), only="/pages/0")
    with pytest.raises(HostileFeed, match=r"twice|outside the feed"):
        await scene.run()
    assert len(scene.network.asked) < 12


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/feed/pages/0",
        "https://gent.example.evil.test/feed/pages/0",
        "http://gent.example/feed/pages/0",
        "https://gent.example:8443/feed/pages/0",
        "https://gent.example@evil.test/feed/x",
        "https://gent.example/feed/../admin",
        "https://gent.example/other",
        "https://gent.example/feed/pages/0?x=1",
        "file:///etc/passwd",
        "http://169.254.169.254/feed/",
    ],
)
async def test_pages_elsewhere_are_never_asked_for(scene: Scene, target: str) -> None:
    await scene.gent.publish("counts")
    scene.spoil(lambda text: text + relation("https://gent.example/feed", target), only="/feed")
    with pytest.raises(HostileFeed, match="outside the feed's address"):
        await scene.run()
    assert target not in scene.network.asked


async def test_a_feed_without_end_is_read_in_portions(scene: Scene) -> None:
    """Every page links to a page that nobody has seen yet."""
    await scene.gent.publish("counts")

    def endless(url: str, answer: Answer) -> Answer:
        if "/pages/" not in url:
            return answer
        number = int(url.rpartition("/")[2])
        text = relation(url, f"https://gent.example/feed/pages/{number + 1}")
        return 200, NQUADS, text.encode()

    scene.network.spoil = endless
    with pytest.raises(HostileFeed, match="too deep"):
        await scene.run()
    assert len(scene.network.asked) < 12


async def test_a_page_as_wide_as_the_sea_is_bounded(scene: Scene) -> None:
    await scene.gent.publish("counts")
    scene.follower.replicate._limits = Limits(pages=10)

    def wide(text: str) -> str:
        more = [
            relation("https://gent.example/feed/index", f"https://gent.example/feed/pages/{n}", f"_:e{n}")
            for n in range(1, 500)
        ]
        return text + "".join(more)

    def empty(url: str, answer: Answer) -> Answer:
        status, headers, body = answer
        if url.endswith("/index"):
            return status, headers, wide(body.decode()).encode()
        return answer if status == 200 else (200, NQUADS, b"")

    scene.network.spoil = empty
    outcome = await scene.follower.run(scene.gent)
    assert outcome.more
    assert len(scene.network.asked) <= 11


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * (17 << 20), "larger"),
        (
            "\n".join(
                line("<https://gent.example/feed/index>", iri_term(f"{TREE}relation"), f"_:b{n}")
                for n in range(MAX_RELATIONS + 1)
            ).encode(),
            "relations",
        ),
        (
            "\n".join(
                line("<https://s.example/>", iri_term(f"{TREE}member"), f"<https://gent.example/datasets/x#v{n}>")
                for n in range(MAX_MEMBERS + 1)
            ).encode(),
            "members",
        ),
        (relation("https://gent.example/feed/index", "x:y").replace("<x:y>", '"x"').encode(), "tree:node"),
        (
            "\n".join(
                line(f"<https://s.example/{n}>", iri_term(f"{TREE}view"), "<https://gent.example/feed/index>")
                for n in range(2)
            ).encode(),
            "several streams",
        ),
    ],
    ids=["17 MB", "too many relations", "too many members", "relation to a text", "two views"],
)
async def test_pages_beyond_the_limits_are_refused_whole(scene: Scene, body: bytes, reason: str) -> None:
    await scene.gent.publish("counts")
    scene.network.spoil = lambda url, answer: (200, NQUADS, body) if url.endswith("/index") else answer
    with pytest.raises(HostileFeed, match=reason):
        await scene.run()


@pytest.mark.parametrize("status", [204, 301, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504])
async def test_other_answers_end_the_run(scene: Scene, status: int) -> None:
    await scene.gent.publish("counts")
    scene.network.spoil = lambda url, answer: (status, {}, b"") if url.endswith("/index") else answer
    with pytest.raises(PeerUnreachable):
        await scene.run()
    scene.honest()
    assert await scene.run() == 1


async def test_a_page_in_another_syntax_is_not_guessed_at(scene: Scene) -> None:
    scene.network.spoil = lambda url, answer: (200, {"Content-Type": "text/html"}, b"<html>")
    with pytest.raises(HostileFeed, match="n-quads"):
        await scene.run()


async def test_a_root_that_is_no_stream_or_somebody_elses(scene: Scene) -> None:
    scene.spoil(lambda text: text.replace(f"{LDES}EventStream", "x:y").replace(f"{TREE}view", "x:y"), only="/feed")
    with pytest.raises(HostileFeed, match="not a view"):
        await scene.run()
    scene.spoil(lambda text: text.replace("did:web:gent.example", "did:web:plzen.example"), only="/feed")
    with pytest.raises(HostileFeed, match="another publisher"):
        await scene.run()


async def test_a_page_that_moves_during_the_run_is_read_the_next_time(scene: Scene) -> None:
    for number in range(4):
        await scene.gent.publish(f"set-{number}")
    scene.network.spoil = lambda url, answer: (410, {}, b"") if url.endswith("/pages/0") else answer
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.more) == (0, True)
    scene.honest()
    assert await scene.run() == 4


async def test_unknown_keys_cost_one_fresh_look_a_run(scene: Scene) -> None:
    looks: list[bool] = []
    document = scene.network.did_document

    async def counted(did: str, *, fresh: bool = False) -> DidDocument:
        looks.append(fresh)
        return await document(did, fresh=fresh)

    scene.network.did_document = counted  # type: ignore[method-assign]
    for number in range(6):
        await scene.gent.publish(f"set-{number}")

    def other_kids(text: str) -> str:
        """Every envelope says that it was signed with a key that nobody has heard of."""

        def renamed(match: re.Match[str]) -> str:
            head, rest = match.group(1).split(".", 1)
            header = {**json.loads(unb64url(head)), "kid": f"{scene.gent.did}#key-{len(rest)}-{hash(rest)}"}
            return f'ns#envelope> "{b64url(canonical(header))}.{rest}"'

        return re.sub(r'ns#envelope> "([^"]*)"', renamed, text)

    scene.spoil(other_kids)
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.quarantines) == (0, 6)
    assert "no key of this id" in scene.reasons()[0]
    assert looks.count(True) == 1


async def test_a_key_that_had_its_time_costs_no_fresh_look(scene: Scene) -> None:
    """A look that shows nothing new would have the next new key of this node wait for a minute."""
    looks: list[bool] = []
    document = scene.network.did_document

    async def counted(did: str, *, fresh: bool = False) -> DidDocument:
        looks.append(fresh)
        return await document(did, fresh=fresh)

    scene.network.did_document = counted  # type: ignore[method-assign]
    await scene.gent.publish("counts")
    known = (await document(scene.gent.did)).raw
    (key,) = (method for method in known["verificationMethod"] if method["id"].endswith("#key-1"))
    former = {
        **key,
        "expires": stamp(scene.gent.clock.now() + timedelta(days=1)),
        "formerly": ["assertionMethod"],
    }
    scene.network.document(
        DidDocument(
            id=scene.gent.did,
            raw={
                **known,
                "verificationMethod": [former, *(m for m in known["verificationMethod"] if m is not key)],
                "assertionMethod": [f"{scene.gent.did}#key-2"],
            },
        )
    )
    assert await scene.run() == 1
    assert True not in looks


async def test_huge_pages_are_read_and_not_kept(scene: Scene) -> None:
    await scene.gent.publish("set-1")
    seen = scene.follower.replicate._seen
    scene.spoil(lambda text: text + "# nothing\n" * 110_000, only="/feed/index")
    assert await scene.run() == 1
    assert [url.rpartition("/")[2] for url in seen["https://gent.example"]] == ["feed"]
    scene.honest()
    assert await scene.run() == 0
    assert [url.rpartition("/")[2] for url in seen["https://gent.example"]] == ["feed", "index"]
