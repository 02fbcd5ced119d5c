"""Following an honest feed: everything arrives once, verified, with its origin, and nothing is asked for in vain."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from federation.replicate.model import Limits, Outcome
from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound, PeerUnreachable
from node.catalogue.envelope import envelope_of, signature_of
from node.catalogue.feed import chains
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import Import
from node.catalogue.harvest.value_tables import ValueTables
from node.catalogue.model import INTERNAL, Followed, Record
from node.catalogue.searches import Query
from node.identity.model import ANONYMOUS, Caller
from node.semantics.harvest.in_cage import cut_file, examine_batch
from tests.fakes.catalogue import PARTNER, CatalogueNode, participant
from tests.fakes.federation import Answer, Follower, Network
from tests.fakes.stores.node_state import MemoryMetaStore
from tests.fakes.stores.schedules import MemoryScheduleStore, MemoryValueTableStore
from tests.waits import PATIENCE

REGION_MEMBER = participant("did:web:region.example", "MembershipCredential")


class Pair:
    """Gent publishes, the region follows."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.network = Network()
        self.gent = CatalogueNode(base="https://gent.example")
        self.region = CatalogueNode(base="https://region.example", name="Vlaanderen")
        self.network.join(self.gent, {self.region.did: REGION_MEMBER})
        self.network.join(self.region)
        self.follower = Follower(self.region, self.network, limits)

    async def begin(self) -> Pair:
        await self.follower.follow(self.gent)
        return self

    def stored(self, iri: str) -> Record | None:
        with self.region.uow.read() as tx:
            return self.region.records.get(tx, iri)


@pytest.fixture
async def pair() -> Pair:
    return await Pair().begin()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "PAGE", 3)
    monkeypatch.setattr(chains, "GROUP", 2)


async def test_a_record_arrives_as_it_was_signed(pair: Pair) -> None:
    record = await pair.gent.publish(
        "counts", conditions={"template": "members"}, notes=("Els", 'Jan "J" \n \u2028'), title={"nl": "Tellingen"}
    )
    outcome = await pair.follower.run(pair.gent)
    assert (outcome.added, outcome.quarantines, outcome.troubles) == (1, 0, [])
    copy = pair.stored(record.iri)
    assert copy is not None
    assert envelope_of(copy) == envelope_of(record)
    assert copy.nquads == record.nquads
    assert signature_of(copy) == signature_of(record)
    assert (copy.origin, copy.by) == (pair.gent.did, pair.gent.did)
    page = (await pair.region.browse.search(Query(), ANONYMOUS)).hits
    assert [hit.record.iri for hit in page] == [record.iri]
    rows = await pair.region.sparql("SELECT ?t { ?s <http://purl.org/dc/terms/title> ?t }", ANONYMOUS)
    assert rows == [{"t": "Tellingen"}]


@pytest.mark.usefixtures("small")
async def test_a_long_feed_arrives_whole_and_then_costs_two_questions(pair: Pair) -> None:
    for number in range(20):
        await pair.gent.publish(f"set-{number}")
    outcome = await pair.follower.run(pair.gent)
    assert outcome.added == 20
    assert len(pair.follower.iris()) == 20
    pair.network.asked.clear()
    assert (await pair.follower.run(pair.gent)).added == 0
    assert [url.removeprefix("https://gent.example") for url in pair.network.asked] == ["/feed", "/feed/index"]
    await pair.gent.publish("set-3", description={"en": "corrected"})
    pair.network.asked.clear()
    assert (await pair.follower.run(pair.gent)).added == 1
    assert len(pair.network.asked) == 3


async def test_what_comes_is_in_this_nodes_own_ledger(pair: Pair) -> None:
    record = await pair.gent.publish("counts")
    await pair.follower.run(pair.gent)
    with pair.region.uow.read() as tx:
        entries = [entry for entry in pair.region.ledger.since(tx, 0) if entry.subject == record.iri]
    assert [entry.by for entry in entries] == [pair.gent.did]


async def test_withdrawn_and_hidden_assets_go(pair: Pair) -> None:
    first = await pair.gent.publish("first")
    second = await pair.gent.publish("second")
    await pair.follower.run(pair.gent)
    assert pair.follower.iris() == {first.iri, second.iri}
    await pair.gent.withdraw(first.iri)
    await pair.gent.publish("second", audience=INTERNAL)
    await pair.follower.run(pair.gent)
    assert pair.follower.iris() == set()
    assert (await pair.region.browse.search(Query(), ANONYMOUS)).total == 0


async def test_restrictions_travel(pair: Pair) -> None:
    record = await pair.gent.publish("for-members", audience="members")
    hidden = await pair.gent.publish("for-partners", audience="mobility")
    await pair.follower.run(pair.gent)
    assert pair.follower.iris() == {record.iri}, "the region is a member, not a partner"
    assert await pair.region.browse.record(record.iri, PARTNER)
    with pytest.raises(NotFound):
        await pair.region.browse.record(record.iri, ANONYMOUS)
    with pytest.raises(NotFound):
        await pair.region.browse.record(hidden.iri, pair.region.steward)


async def test_an_asset_that_changes_its_audience_moves(pair: Pair) -> None:
    record = await pair.gent.publish("counts", audience="members")
    await pair.follower.run(pair.gent)
    await pair.gent.publish("counts", audience="public")
    await pair.follower.run(pair.gent)
    assert (await pair.region.browse.record(record.iri, ANONYMOUS)).version == 2
    await pair.gent.publish("counts", audience="members")
    await pair.follower.run(pair.gent)
    with pytest.raises(NotFound):
        await pair.region.browse.record(record.iri, ANONYMOUS)
    assert (await pair.region.browse.record(record.iri, PARTNER)).version == 4


async def test_the_region_answers_as_of_a_moment(pair: Pair) -> None:
    record = await pair.gent.publish("counts", description={"en": "broken sensor"})
    between = pair.gent.clock.now()
    pair.gent.clock.forward(minutes=5)
    pair.region.clock.forward(minutes=5)
    await pair.gent.publish("counts", description={"en": "corrected"})
    await pair.follower.run(pair.gent)
    now = await pair.region.browse.record(record.iri, ANONYMOUS)
    then = await pair.region.browse.record(record.iri, ANONYMOUS, as_of=between)
    assert (now.description(), then.description()) == ("corrected", "broken sensor")
    text = "SELECT ?d { ?s <http://purl.org/dc/terms/description> ?d }"
    assert await pair.region.sparql(text, ANONYMOUS, as_of=between) == [{"d": "broken sensor"}]


@pytest.mark.usefixtures("small")
async def test_an_interrupted_run_goes_on_where_it_was(pair: Pair) -> None:
    for number in range(12):
        await pair.gent.publish(f"set-{number}")

    def broken(url: str, answer: Answer) -> Answer:
        return (503, {}, b"") if url.endswith("/pages/2") else answer

    pair.network.spoil = broken
    with pytest.raises(PeerUnreachable):
        await pair.follower.run(pair.gent)
    assert len(pair.follower.iris()) == 6
    pair.network.spoil = lambda url, answer: answer
    pair.network.asked.clear()
    assert (await pair.follower.run(pair.gent)).added == 6
    assert not [url for url in pair.network.asked if url.endswith(("/pages/0", "/pages/1"))]


@pytest.mark.usefixtures("small")
async def test_records_and_cursor_are_one_transaction(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await pair.gent.publish(f"set-{number}")

    def failing(*_: object) -> None:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(pair.follower.store, "save", failing)
        with pytest.raises(RuntimeError):
            await pair.follower.run(pair.gent)
    assert pair.follower.iris() == set()
    assert (await pair.follower.run(pair.gent)).added == 3


@pytest.mark.usefixtures("small")
async def test_a_run_has_an_end_and_the_next_goes_on() -> None:
    pair = await Pair(Limits(pages=6)).begin()
    for number in range(20):
        await pair.gent.publish(f"set-{number}")
    outcomes = []
    for _ in range(8):
        outcomes.append(await pair.follower.run(pair.gent))
        if not outcomes[-1].more:
            break
    assert outcomes[0].more
    assert sum(outcome.added for outcome in outcomes) == 20


async def test_a_restored_node_begins_anew(pair: Pair) -> None:
    for number in range(3):
        await pair.gent.publish(f"set-{number}")
    await pair.follower.run(pair.gent)
    restored = CatalogueNode(base="https://gent.example", epoch=1)
    await restored.publish("set-0")
    different = await restored.publish("set-1", description={"en": "written again after the restore"})
    await restored.publish("fresh")
    pair.network.join(restored, {pair.region.did: REGION_MEMBER})
    outcome = await pair.follower.run(restored)
    assert pair.follower.stored(restored).cursor["epoch"] == 1
    assert (outcome.added, outcome.known, outcome.quarantines) == (1, 1, 1)
    assert pair.follower.put_aside(restored)[0]["member"] == different.version_iri
    assert "different content" in pair.follower.put_aside(restored)[0]["reason"]


async def test_following_is_an_operators_decision_and_checked(pair: Pair) -> None:
    plzen = CatalogueNode(base="https://plzen.example")
    members, steward = pair.follower.members, pair.region.steward
    with pytest.raises(NotAllowed):
        await members.add(plzen.base, ANONYMOUS)
    with pytest.raises(NotAllowed):
        await members.add(plzen.base, Caller(did=pair.region.did, account="x"))
    with pytest.raises(PeerUnreachable):
        await members.add(plzen.base, steward)
    pair.network.join(plzen)
    added = await members.add(plzen.base + "/", steward)
    assert (added.url, added.did, added.state) == (plzen.base, plzen.did, "new")
    with pytest.raises(Conflict):
        await members.add(plzen.base, steward)
    for url in (
        "https://region.example",
        "ftp://x.example",
        "https://x",
        "http://plzen.example",
        "https://u:p@x.example",
        "",
    ):
        with pytest.raises(InvalidInput):
            await members.add(url, steward)
    await members.remove(plzen.base, steward)
    with pytest.raises(NotFound):
        await members.remove(plzen.base, steward)
    with pair.region.uow.read() as tx:
        notes = [entry.body for entry in pair.region.ledger.history(tx, plzen.did)]
    assert [b'"type":"follow"' in notes[0], b'"type":"unfollow"' in notes[1], len(notes)] == [True, True, 2]


async def test_a_document_about_somebody_else_is_refused(pair: Pair) -> None:
    plzen = CatalogueNode(base="https://plzen.example")
    pair.network.join(plzen)
    pair.network._documents[plzen.did] = pair.gent.keys.document()
    with pytest.raises(InvalidInput, match="another DID"):
        await pair.follower.members.add(plzen.base, pair.region.steward)


async def test_a_node_is_called_what_it_calls_itself(pair: Pair) -> None:
    assert pair.follower.stored(pair.gent).name == "gent.example"
    await pair.follower.run(pair.gent)
    assert pair.follower.stored(pair.gent).name == "Gent"


async def test_polling_wakes_up_and_survives_trouble(pair: Pair) -> None:
    plzen = CatalogueNode(base="https://plzen.example", name="Plzeň")
    pair.network.join(plzen, {pair.region.did: REGION_MEMBER})
    await pair.follower.follow(plzen)
    await pair.gent.publish("counts")
    await plzen.publish("noise")
    pair.network.down.add(pair.gent.base)
    task = asyncio.create_task(pair.follower.poll.forever())
    try:
        async with asyncio.timeout(PATIENCE):
            while len(pair.follower.iris()) < 1 or pair.follower.stored(pair.gent).state != "troubled":
                await asyncio.sleep(0.01)
            assert pair.follower.iris() == {"https://plzen.example/datasets/noise"}
            assert "does not answer" in (pair.follower.stored(pair.gent).last_error or "")
            pair.network.down.clear()
            pair.follower.poll.wake()
            # The records are saved first, then the state of the node, then when it was seen.
            contact = pair.follower.poll.contact(pair.gent.base)
            while pair.follower.stored(pair.gent).state != "following" or contact.seen is None:
                await asyncio.sleep(0.01)
            assert len(pair.follower.iris()) == 2
    finally:
        task.cancel()
    assert pair.follower.stored(pair.gent).last_error is None


async def until_held(pair: Pair, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(pair.follower.iris()) < number:
            await asyncio.sleep(0.01)


async def test_a_change_is_read_when_its_node_reports_it(pair: Pair) -> None:
    """The interval is half a minute, longer than this test waits."""
    await pair.gent.publish("counts")
    task = asyncio.create_task(pair.follower.poll.forever())
    try:
        await until_held(pair, 1)
        async with asyncio.timeout(PATIENCE):
            while not pair.gent.waits.count:
                await asyncio.sleep(0.01)
        for number in range(3):
            await pair.gent.publish(f"more-{number}")
            await until_held(pair, 2 + number)
        contact = pair.follower.poll.contact(pair.gent.base)
        assert contact.notified
        assert contact.due - asyncio.get_running_loop().time() > 300, "it is read seldom if nothing is reported"
        await pair.follower.members.remove(pair.gent.base, pair.region.steward)
        pair.follower.poll.wake()
        async with asyncio.timeout(PATIENCE):
            while pair.gent.waits.count:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()


async def test_a_node_without_notices_is_read_at_its_interval(pair: Pair) -> None:
    def older(url: str, answer: Answer) -> Answer:
        return (404, {}, b"") if url.endswith("/heads") else answer

    pair.network.spoil = older
    pair.follower.poll._interval = 0.05
    task = asyncio.create_task(pair.follower.poll.forever())
    try:
        for number in range(3):
            await pair.gent.publish(f"more-{number}")
            await until_held(pair, 1 + number)
    finally:
        task.cancel()
    assert pair.network.asked.count(f"{pair.gent.base}/feed/heads") == 1
    assert not pair.follower.poll.contact(pair.gent.base).notified


@pytest.mark.parametrize("status", [200, 304])
async def test_a_node_that_reports_changes_without_end_is_not_read_without_end(pair: Pair, status: int) -> None:
    number = itertools.count()

    def hasty(url: str, answer: Answer) -> Answer:
        if not url.endswith("/heads"):
            return answer
        return status, {"etag": f'W/"{next(number)}"', "preference-applied": "wait=20"}, b""

    pair.network.spoil = hasty
    task = asyncio.create_task(pair.follower.poll.forever())
    await asyncio.sleep(2.0)
    task.cancel()
    assert 1 < pair.network.asked.count(f"{pair.gent.base}/feed/heads") <= 5
    assert pair.network.asked.count(f"{pair.gent.base}/feed") <= 6


async def test_a_slow_node_delays_no_other(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    plzen = CatalogueNode(base="https://plzen.example", name="Plzeň")
    pair.network.join(plzen, {pair.region.did: REGION_MEMBER})
    await pair.follower.follow(plzen)
    run, never = pair.follower.replicate.run, asyncio.Event()

    async def slow(member: Followed) -> Outcome:
        if member.url == plzen.base:
            await never.wait()
        return await run(member)

    monkeypatch.setattr(pair.follower.replicate, "run", slow)
    pair.follower.poll._interval = 0.05
    task = asyncio.create_task(pair.follower.poll.forever())
    try:
        for number in range(3):
            await pair.gent.publish(f"more-{number}")
            await until_held(pair, 1 + number)
    finally:
        task.cancel()


async def test_a_failing_node_is_asked_ever_more_rarely(pair: Pair) -> None:
    pair.network.down.add(pair.gent.base)
    loop = asyncio.get_running_loop()
    waits = []
    for _ in range(8):
        await pair.follower.poll.once()
        waits.append(round(pair.follower.poll.contact(pair.gent.base).due - loop.time()))
    assert waits == [60, 120, 240, 480, 900, 900, 900, 900]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(held_records=2), "stores 2 versions of its records, the limit"),
        (Limits(held_bytes=4000), "stores 4,000 bytes of its records, the limit"),
    ],
    ids=["versions", "bytes"],
)
async def test_a_node_that_has_its_quota_here_is_stopped(limits: Limits, reason: str) -> None:
    pair = await Pair(limits).begin()
    for number in range(2):
        await pair.gent.publish(f"set-{number}", title={"en": "x" * 1200})
        await pair.follower.poll.once()
    iris = pair.follower.iris()
    assert pair.follower.stored(pair.gent).state == "following"
    for number in range(2, 4):
        await pair.gent.publish(f"set-{number}", title={"en": "x" * 1200})
        await pair.follower.poll.once()
        stored = pair.follower.stored(pair.gent)
        assert stored.state == "stopped"
        assert reason in str(stored.last_error)
        assert "hansa.toml" in str(stored.last_error)
    assert pair.follower.iris() == iris
    pair.follower.replicate._limits = Limits()
    await pair.follower.poll.once()
    assert len(pair.follower.iris()) == 4
    assert pair.follower.stored(pair.gent).state == "following"


async def test_what_a_node_has_here_is_counted_where_it_was_not(pair: Pair) -> None:
    await pair.gent.publish("counts")
    await pair.follower.run(pair.gent)
    number, size = pair.follower.stored(pair.gent).cursor["held"]
    assert number == 1
    with pair.region.uow.begin() as tx:
        stored = pair.follower.store.get(tx, pair.gent.base)
        assert stored is not None
        assert pair.region.records.count_of(tx, pair.gent.did) == (number, size)
        cursor = {name: value for name, value in stored.cursor.items() if name != "held"}
        pair.follower.store.save(tx, replace(stored, cursor=cursor))
    await pair.gent.publish("noise")
    await pair.follower.run(pair.gent)
    assert pair.follower.stored(pair.gent).cursor["held"][0] == 2


async def test_a_followed_node_adds_no_versions_at_an_address_of_another_origin(pair: Pair) -> None:
    """Gent signs a version 2 at an address where the region holds a version 1 of another node."""
    first = await pair.gent.publish("counts")
    theirs = replace(first, origin="did:web:plzen.example", by="did:web:plzen.example", entry="urn:uuid:plzen")
    with pair.region.uow.begin() as tx:
        pair.region.records.add(tx, theirs)
    second = await pair.gent.publish("counts", description={"en": "taken over"})
    assert second.version == 2
    outcome = await pair.follower.run(pair.gent)
    assert (outcome.added, outcome.quarantines) == (0, 2)
    reasons = [note["reason"] for note in pair.follower.put_aside(pair.gent)]
    assert reasons == ["this address already belongs to did:web:plzen.example; an address belongs to one node"] * 2
    assert pair.stored(first.iri) == theirs


class Here:
    """Runs what an import has done in the cage in this process."""

    async def call(
        self, target: str, message: Mapping[str, Any], blobs: Sequence[bytes] = (), **_: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        targets = {"semantics.cut": cut_file, "semantics.examine": examine_batch}
        return targets[target](dict(message), list(blobs))


async def test_an_imported_record_arrives_under_its_own_iri(pair: Pair) -> None:
    importing = Import(
        cage=Here(),
        catalogue=pair.gent.catalogue,
        visibility=pair.gent.visibility,
        wait_for_views=pair.gent.settled,
        notes=MemoryMetaStore(),
        value_tables=ValueTables(
            pair.gent.catalogue.uow, MemoryValueTableStore(), MemoryScheduleStore(), pair.gent.catalogue.clock
        ),
    )
    text = b"@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> ."
    text += b'<https://elsewhere.example/d> a dcat:Dataset ; dct:title "T" .'
    order = ImportOrder(body=text, media_type="text/turtle", source="elsewhere")
    entered = [record async for record in await importing.begin(order, pair.gent.steward)]
    outcome = await pair.follower.run(pair.gent)
    assert (outcome.added, outcome.quarantines, outcome.troubles) == (1, 0, [])
    copy = pair.stored(entered[0].address)
    assert copy is not None
    assert (copy.origin, copy.subject) == (pair.gent.did, "https://elsewhere.example/d")
    assert copy.harvest_origin is not None
    assert copy.harvest_origin.source == "elsewhere"
    rows = await pair.region.sparql("SELECT ?s { ?s <http://purl.org/dc/terms/title> ?t }", ANONYMOUS)
    assert rows == [{"s": "https://elsewhere.example/d"}]
