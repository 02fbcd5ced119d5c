"""Versions that are erased: here, in the ledger, in the feed, and at the nodes that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from node.base.errors import Conflict, Gone, InvalidInput, NotAllowed, NotFound
from node.base.jsons import canonical
from node.catalogue.feed.chains import Chains
from node.catalogue.feed.snapshot import SnapshotKey, content_of, key_of, lines_of
from node.catalogue.model import INTERNAL, PUBLIC, Record
from node.catalogue.nquads import iri_term, line, literal_term
from node.identity.model import ANONYMOUS, Caller, UserRole
from node.ledger.checkpoints import LogKey
from node.ledger.usecases import Trouble, verify_all
from node.semantics.model import File
from node.vocab.namespaces import HANSA_MODEL
from tests.fakes.catalogue import MEMBER, CatalogueNode, participant
from tests.fakes.federation import Follower
from tests.fakes.stores.ledger import log_signer
from tests.unit.federation.test_replicate import Pair

SECRET = "Jan Janssens, Kouter 1"


@pytest.fixture
async def pair() -> Pair:
    return await Pair().begin()


def stored_texts(node: CatalogueNode) -> Iterator[bytes]:
    """Yield everything that a node holds of records and of its ledger."""
    with node.uow.read() as tx:
        for entry in node.ledger.since(tx, 0):
            yield entry.body
            for record in node.records.by_entry(tx, [entry.id]):
                yield canonical({**record.titles, **record.descriptions, **record.extra}) + record.nquads


def holds(node: CatalogueNode, text: str) -> bool:
    return any(text.encode() in stored for stored in stored_texts(node))


def verify(node: CatalogueNode) -> list[Trouble]:
    key: LogKey = log_signer().key
    return [trouble.trouble for trouble in verify_all(node.uow, node.ledger, [key])]


def versions(node: CatalogueNode, iri: str) -> list[Record]:
    with node.uow.read() as tx:
        return list(node.records.versions(tx, iri))


async def test_an_earlier_version_goes_everywhere(pair: Pair) -> None:
    first = await pair.gent.publish("counts", description={"en": SECRET})
    second = await pair.gent.publish("counts", description={"en": "corrected"})
    await pair.follower.run(pair.gent)
    assert holds(pair.gent, SECRET)
    assert holds(pair.region, SECRET)

    erasure = await pair.gent.erase(first.iri, 1)
    head = erasure.publication.record
    assert (head.version, head.titles, head.nquads, head.withdrawn) == (3, second.titles, second.nquads, False)
    assert (erasure.versions, head.erasure_reason) == ((1,), "it names a child")
    assert not holds(pair.gent, SECRET)
    assert verify(pair.gent) == []
    assert (await pair.gent.browse.record(first.iri, ANONYMOUS)).version == 3
    with pytest.raises(Gone, match="version 1 was erased: it names a child"):
        await pair.gent.browse.record(first.iri, ANONYMOUS, version=1)

    outcome = await pair.follower.run(pair.gent)
    assert (outcome.added, outcome.quarantines, outcome.troubles) == (1, 0, [])
    assert not holds(pair.region, SECRET)
    assert verify(pair.region) == []
    assert [(one.version, one.is_erased) for one in versions(pair.region, first.iri)] == [
        (3, False),
        (2, False),
        (1, True),
    ]
    with pytest.raises(Gone):
        await pair.region.browse.record(first.iri, ANONYMOUS, version=1)


async def test_a_whole_asset_is_withdrawn_too(pair: Pair) -> None:
    record = await pair.gent.publish("counts", description={"en": SECRET})
    await pair.gent.publish("counts", description={"en": SECRET + "!"})
    await pair.follower.run(pair.gent)
    erasure = await pair.gent.erase(record.iri)
    head = erasure.publication.record
    assert (head.withdrawn, head.withdrawal_reason, erasure.versions) == (True, "it names a child", (1, 2))
    await pair.follower.run(pair.gent)
    for node in (pair.gent, pair.region):
        assert not holds(node, SECRET)
        assert verify(node) == []
        assert (await node.browse.counts(ANONYMOUS)) == {}
        with pytest.raises(NotFound):
            await node.browse.record(record.iri, ANONYMOUS)
    again = await pair.gent.publish("counts", description={"en": "without names"})
    assert again.version == 4


async def test_who_follows_later_gets_the_rest(pair: Pair) -> None:
    record = await pair.gent.publish("counts", description={"en": SECRET})
    await pair.gent.publish("counts", description={"en": "corrected"})
    await pair.gent.erase(record.iri, 1)
    outcome = await pair.follower.run(pair.gent)
    assert (outcome.added, outcome.quarantines, outcome.troubles) == (2, 0, [])
    assert [one.version for one in versions(pair.region, record.iri)] == [3, 2]


async def test_nodes_that_saw_the_version_in_another_chain_are_told(pair: Pair) -> None:
    """What was public is for members by now: also strangers who followed then remove their copies."""
    stranger = CatalogueNode(base="https://stranger.example", name="Stranger")
    pair.network.join(pair.gent, {stranger.did: participant(stranger.did)})
    pair.network.join(stranger)
    follower = Follower(stranger, pair.network)
    await follower.follow(pair.gent)
    record = await pair.gent.publish("counts", description={"en": SECRET})
    await follower.run(pair.gent)
    await pair.gent.publish("counts", description={"en": "for members"}, audience="members")
    await follower.run(pair.gent)
    assert holds(stranger, SECRET)
    await pair.gent.erase(record.iri, 1)
    outcome = await follower.run(pair.gent)
    assert (outcome.quarantines, outcome.troubles) == (0, [])
    assert not holds(stranger, SECRET)
    assert follower.iris() == set(), "it learns nothing else of the asset"
    assert (await pair.gent.browse.record(record.iri, MEMBER)).description() == "for members"
    with pytest.raises(NotFound):
        await pair.gent.browse.record(record.iri, ANONYMOUS)


async def test_what_was_for_our_own_people_goes_without_a_word_to_others(pair: Pair) -> None:
    record = await pair.gent.publish("counts", description={"en": SECRET}, audience=INTERNAL)
    await pair.gent.publish("counts", description={"en": "corrected"}, audience=PUBLIC)
    await pair.gent.erase(record.iri, 1)
    assert not holds(pair.gent, SECRET)
    await pair.follower.run(pair.gent)
    assert [one.version for one in versions(pair.region, record.iri)] == [3, 2]


async def test_an_erased_version_does_not_come_back_from_a_kept_page(pair: Pair) -> None:
    first = await pair.gent.publish("counts", description={"en": SECRET})
    await pair.gent.publish("counts", description={"en": "corrected"})
    await pair.follower.run(pair.gent)
    await pair.gent.erase(first.iri, 1)
    outcome = await pair.follower.run(pair.gent)
    with pair.region.uow.begin() as tx:
        assert pair.follower.replicate._take(tx, first, outcome) == ""
    assert not holds(pair.region, SECRET)


@pytest.mark.parametrize("rebuilt", [False, True], ids=["followed", "rebuilt"])
async def test_pages_lose_the_member_and_the_tree_keeps_its_leaf(pair: Pair, rebuilt: bool) -> None:
    record = await pair.gent.publish("counts", description={"en": SECRET})
    await pair.gent.publish("counts", description={"en": "corrected"})
    leaves = pair.gent.chains.leaves(PUBLIC, 0, 2)
    await pair.gent.erase(record.iri, 1)
    if rebuilt:
        pair.gent.chains.rebuild()
        pair.gent.settle()
    assert pair.gent.chains.leaves(PUBLIC, 0, 2) == leaves
    page = pair.gent.chains.page(PUBLIC, 0)
    assert page is not None
    assert [member.position for member in page[1]] == [1, 2]
    body = await pair.gent.feed.body(await pair.gent.feed.page(ANONYMOUS, page[0].name))
    assert SECRET.encode() not in body


async def test_a_snapshot_of_the_chains_remembers_what_was_erased(pair: Pair) -> None:
    record = await pair.gent.publish("counts")
    await pair.gent.publish("counts", description={"en": "corrected"})
    await pair.gent.erase(record.iri, 1)
    content = pair.gent.chains._content
    lines = list(lines_of(SnapshotKey(me=pair.gent.did, epoch=0, position=content.position, root=""), content))
    read = content_of(key_of(lines[0]), lines[1:])
    assert read.assets[record.iri].erasures == {1}
    fresh = Chains(me=pair.gent.did)
    fresh._content, fresh._begun = read, True
    assert [member.position for member in (fresh.page(PUBLIC, 0) or ((), []))[1]] == [1, 2]


async def test_files_that_nothing_has_any_more_are_deleted(pair: Pair) -> None:
    shared, only = pair.gent.bytes.keep(b"everybody"), pair.gent.bytes.keep(b"Jan")

    def file(stored: object, name: str) -> File:
        sha256, size = stored.sha256, stored.size  # type: ignore[attr-defined]
        return File(name=name, media_type="text/csv", size=size, sha256=sha256)

    pair.gent.assets |= {shared.sha256, only.sha256}
    first = await pair.gent.publish("counts", files=(file(shared, "a.csv"), file(only, "b.csv")))
    await pair.gent.publish("counts", description={"en": "corrected"}, files=(file(shared, "a.csv"),))
    erasure = await pair.gent.erase(first.iri, 1)
    assert erasure.files == (only.sha256,)
    assert (pair.gent.bytes.has(shared.sha256), pair.gent.bytes.has(only.sha256)) == (True, False)
    # A call that was interrupted before it deleted them is repeated.
    pair.gent.bytes.keep(b"Jan")
    again = await pair.gent.erase(first.iri, 1)
    assert (again.publication.created, again.versions, again.files) == (False, (), (only.sha256,))


async def test_a_file_that_is_the_code_of_a_model_stays(pair: Pair) -> None:
    code = pair.gent.bytes.keep(b"def run(): ...")
    file = File(name="model.py", media_type="text/x-python", size=code.size, sha256=code.sha256)
    pair.gent.assets.add(code.sha256)
    dataset = await pair.gent.publish("counts", files=(file,))
    about = iri_term("https://gent.example/models/traffic")
    statement = line(about, iri_term(f"{HANSA_MODEL}codeSha256"), literal_term(code.sha256))
    await pair.gent.publish("traffic", kind="model", lines=(statement,))
    assert (await pair.gent.erase(dataset.iri)).files == ()
    assert pair.gent.bytes.has(code.sha256)


async def test_refusals(pair: Pair) -> None:
    record = await pair.gent.publish("counts", description={"en": SECRET})
    await pair.gent.publish("counts", description={"en": "corrected"})
    with pytest.raises(InvalidInput, match="say why"):
        await pair.gent.erase(record.iri, 1, reason="  ")
    with pytest.raises(InvalidInput, match="no version 7"):
        await pair.gent.erase(record.iri, 7)
    with pytest.raises(Conflict, match="version 2 is the newest"):
        await pair.gent.erase(record.iri, 1, 2)
    with pytest.raises(NotFound):
        await pair.gent.erase("https://gent.example/datasets/nothing")
    await pair.follower.run(pair.gent)
    with pytest.raises(NotFound):
        await pair.region.erase(record.iri)
    publisher = Caller(did=pair.gent.did, account="pia", roles=frozenset({UserRole.PUBLISHER}))
    with pytest.raises(NotAllowed):
        await pair.gent.erasing.erase(record.iri, publisher, reason="x")
    assert holds(pair.gent, SECRET)


async def test_content_that_is_gone_without_a_word_is_a_fault(pair: Pair) -> None:
    record = await pair.gent.publish("counts")
    with pair.gent.uow.begin() as tx:
        pair.gent.ledger.erase(tx, record.entry, b"{}")
    assert verify(pair.gent) == [Trouble.ERASED]


async def test_a_node_erases_its_own_versions_only(pair: Pair) -> None:
    """A version that names numbers of its future, or none, erases nothing; nor does one of another asset."""
    record = await pair.gent.publish("counts")
    assert replace(record, extra={"erases": [1, 2, 0, True, "1"]}).erases == frozenset()
    assert replace(record, version=3, extra={"erases": [1, 5]}).erases == {1}
    assert replace(record, extra={"erases": "all"}).erases == frozenset()
