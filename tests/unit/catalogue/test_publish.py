"""Publishing: all or nothing, once, in order, under the right name."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from node.base.errors import Conflict, InvalidDescription, InvalidInput, NotAllowed, NotFound
from node.catalogue.envelope import ledger_body, open_record, signature_of
from node.catalogue.model import Publication, Record, WiderAudience
from node.catalogue.nquads import is_literal, statements, text_of
from node.catalogue.offers import CONDITIONS
from node.identity.model import ANONYMOUS, Caller, UserRole
from node.ledger.model import EntryKind
from node.semantics.documents import canonical, parse
from node.semantics.model import CheckedDescription, File, Submission
from node.vocab.namespaces import FOAF, ODRL
from tests.artefacts import SHARED
from tests.fakes.catalogue import PARTNER, CatalogueNode
from tests.fakes.keys import public_jwk

BYTES = hashlib.sha256(b"a,b\n1,2\n").hexdigest()


@pytest.fixture
def gent() -> CatalogueNode:
    return CatalogueNode(base="https://gent.example")


def entries(node: CatalogueNode) -> list[str]:
    with node.uow.read() as tx:
        return [entry.subject for entry in node.ledger.since(tx, 0)] + [
            entry.subject for entry in node.ledger.unsequenced_entries(tx, 100)
        ]


async def test_a_publication_is_a_signed_record_and_a_ledger_entry(gent: CatalogueNode) -> None:
    record = await gent.publish("counts", conditions={"template": "open"}, keywords=("traffic",))
    assert (record.iri, record.version, record.origin) == ("https://gent.example/datasets/counts", 1, gent.did)
    with gent.uow.read() as tx:
        entry = gent.ledger.get(tx, record.entry)
        stored = gent.records.get(tx, record.iri)
    assert entry is not None
    assert entry.kind is EntryKind.RECORD
    assert entry.by == "els"
    assert stored == record
    kept = json.loads(entry.body)
    assert kept == ledger_body(record)
    opened = open_record(kept["signature"], kept["nquads"].encode(), public_jwk(gent.keys))
    assert replace(opened, by="els", entry=entry.id, warnings=record.warnings) == record
    assert opened.sha256 == hashlib.sha256(record.nquads).hexdigest()


async def test_the_same_content_again_makes_no_new_version(gent: CatalogueNode) -> None:
    submission = Submission(fields={"slug": "counts", "title": {"en": "Counts"}}, conditions={"template": "open"})
    first = await gent.publishing.publish(submission, gent.steward)
    again = await gent.publishing.publish(submission, gent.steward)
    assert (first.created, again.created) == (True, False)
    assert again.record == first.record
    assert len(entries(gent)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"description": {"en": "more"}},
        {"conditions": {"template": "members"}},
        {"audience": "members"},
        {"files": (File(name="a.csv", media_type="text/csv", size=8, sha256=BYTES),)},
    ],
    ids=["content", "conditions", "audience", "files"],
)
async def test_every_change_is_a_new_version(gent: CatalogueNode, change: dict[str, object]) -> None:
    gent.assets.add(BYTES)
    first = await gent.publish("counts", conditions={"template": "open"}, audience="public")
    second = await gent.publish("counts", **{"conditions": {"template": "open"}, "audience": "public", **change})
    assert second.version > first.version
    assert second.entry != first.entry


async def test_concurrent_publications_get_different_versions(gent: CatalogueNode) -> None:
    records = await asyncio.gather(*(gent.publish("counts", description={"en": str(n)}) for n in range(12)))
    assert sorted(record.version for record in records) == list(range(1, 13))
    assert len(entries(gent)) == 12


async def test_a_lost_race_is_tried_again(gent: CatalogueNode, monkeypatch: pytest.MonkeyPatch) -> None:
    add, calls = gent.records.add, []

    def late(tx: object, record: Record) -> None:
        calls.append(record.version)
        if len(calls) < 3:
            raise Conflict("somebody was quicker")
        add(tx, record)  # type: ignore[arg-type]

    monkeypatch.setattr(gent.records, "add", late)
    record = await gent.publish("counts")
    assert (record.version, len(calls)) == (1, 3)
    assert len(entries(gent)) == 1, "a transaction that lost leaves no entry behind"


async def test_a_race_that_is_always_lost_ends(gent: CatalogueNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(tx: object, record: Record) -> None:
        raise Conflict("somebody was quicker")

    monkeypatch.setattr(gent.records, "add", never)
    with pytest.raises(Conflict):
        await gent.publish("counts")
    assert entries(gent) == []


async def test_a_refused_description_stores_nothing(gent: CatalogueNode) -> None:
    with pytest.raises(InvalidDescription) as refused:
        await gent.publish("counts", title={})
    assert refused.value.findings[0]["field"] == "title"
    assert refused.value.findings[0]["remedy"]
    assert entries(gent) == []
    with gent.uow.read() as tx:
        assert gent.records.count(tx) == {}


async def test_a_dry_run_tells_and_stores_nothing(gent: CatalogueNode) -> None:
    submission = Submission(fields={"slug": "counts", "title": {"en": "Counts"}})
    foreseen = await gent.publishing.publish(submission, gent.steward, dry_run=True)
    assert (foreseen.record.version, foreseen.position) == (1, None)
    assert entries(gent) == []
    published = await gent.publishing.publish(submission, gent.steward)
    assert published.record.sha256 == foreseen.record.sha256
    assert published.position == 0
    again = await gent.publishing.publish(submission, gent.steward, dry_run=True)
    assert not again.created


@pytest.mark.parametrize(
    "by", [ANONYMOUS, PARTNER, Caller(did="did:web:gent.example", account="a", roles=frozenset({UserRole.AUDITOR}))]
)
async def test_only_publishers_publish(gent: CatalogueNode, by: Caller) -> None:
    with pytest.raises(NotAllowed):
        await gent.publishing.publish(Submission(fields={"slug": "x", "title": {"en": "x"}}), by)
    with pytest.raises(NotAllowed):
        await gent.withdrawing.withdraw("https://gent.example/datasets/x", by)


async def test_files_must_be_here(gent: CatalogueNode) -> None:
    file = File(name="a.csv", media_type="text/csv", size=8, sha256=BYTES)
    with pytest.raises(InvalidInput, match="not uploaded"):
        await gent.publish("counts", files=(file,))
    gent.assets.add(BYTES)
    with pytest.raises(InvalidInput, match="same name"):
        await gent.publish("counts", files=(file, file))
    record = await gent.publish("counts", files=(file, replace(file, name="b.csv")))
    assert [one.name for one in record.files] == ["a.csv", "b.csv"]


async def test_where_a_file_lies_stays_at_home(gent: CatalogueNode) -> None:
    file = File(name="a.csv", media_type="text/csv", size=8, sha256=BYTES, source="file:///srv/gent/a.csv")
    record = await gent.publish("counts", files=(file,))
    assert "srv" not in signature_payload(record)
    with gent.uow.read() as tx:
        entry = gent.ledger.get(tx, record.entry)
    assert entry is not None
    assert json.loads(entry.body)["local"]["sources"] == {"a.csv": "file:///srv/gent/a.csv"}


def signature_payload(record: Record) -> str:
    import base64

    payload = signature_of(record).split(".")[1]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()


NAUGHTY = (
    json.loads((SHARED / "data/naughty/naughty-dataspace.json").read_text())["paths_and_names"]
    if SHARED.exists()
    else []
)
USABLE = {"x.html", "x.svg", "$(id)"}


@pytest.mark.parametrize("name", [*NAUGHTY, "..", "a/b", "a\\b", "CON", ".hidden", "a%2fb"])
async def test_path_tricks_in_file_names_are_refused(gent: CatalogueNode, name: str) -> None:
    file = File(name=name, media_type="text/csv", size=8, sha256=BYTES)
    gent.assets.add(BYTES)
    try:
        record = await gent.publish("counts", files=(file,))
    except InvalidInput:
        assert entries(gent) == []
    else:
        assert record.files[0].name == name
        assert not set(name) & set('/\\:<>"|\0\n\r%')
        assert name not in (".", "..")


@pytest.mark.parametrize(
    "iri",
    [
        "https://gent.example/datasets/..",
        "https://gent.example/datasets/../models/x",
        "https://gent.example/datasets/a/b",
        "https://gent.example/datasets/a%2fb",
        "https://gent.example/datasets/",
        "https://gent.example/datasets/a?x=1",
        "https://gent.example/datasets/a#b",
        "https://gent.example/datasets/.a",
        "https://gent.example/datasets/a..b",
        "https://gent.example/datasets/CON",
        "https://gent.example/datasets/é",
        "https://gent.example/feed/pages",
        "https://plzen.example/datasets/a",
        "https://gent.example.evil.test/datasets/a",
        "HTTPS://gent.example/datasets/a",
        "urn:x",
        "",
    ],
)
async def test_iris_are_names_below_our_own(gent: CatalogueNode, iri: str) -> None:
    submission = Submission(fields={"slug": "x", "title": {"en": "x"}}, iri=iri)
    with pytest.raises(InvalidInput):
        await gent.publishing.publish(submission, gent.steward)
    assert entries(gent) == []


async def test_nobody_speaks_in_the_name_of_another_node(gent: CatalogueNode) -> None:
    gent.publishing._check._peers = lambda: ("https://plzen.example",)
    about_other = f'<https://plzen.example/datasets/x> <{FOAF}name> "mine" .'
    with pytest.raises(InvalidInput, match="another node"):
        await gent.publish("counts", lines=[about_other])
    policy = f"<https://brno.example/datasets/x> <{ODRL}hasPolicy> <https://gent.example/p> ."
    with pytest.raises(InvalidInput, match="policy"):
        await gent.publish("counts", lines=[policy])
    assert await gent.publish("counts", lines=[f'<https://person.example/els> <{FOAF}name> "Els" .'])


async def test_unknown_audiences_are_refused(gent: CatalogueNode) -> None:
    with pytest.raises(InvalidInput, match="audience") as refused:
        await gent.publish("counts", audience="friends")
    assert "members" in refused.value.remedy


async def test_conditions_stand_in_the_description_in_words(gent: CatalogueNode) -> None:
    record = await gent.publish("counts", conditions={"template": "members"}, notes=("Els", "Jan"))
    assert record.offer is not None
    policies = {one.object for one in statements(record.nquads) if one.predicate == f"<{ODRL}hasPolicy>"}
    assert policies == {f"<{record.offer['@id']}>"}
    words = [text_of(one.object) for one in statements(record.nquads) if one.predicate == f"<{CONDITIONS}>"]
    assert len(words) >= 3
    assert all(words)
    constraints = [one for one in statements(record.nquads) if one.predicate == f"<{ODRL}leftOperand>"]
    assert constraints
    assert not any(is_literal(one.object) for one in constraints)


async def test_with_its_conditions_the_description_is_still_canonical(gent: CatalogueNode) -> None:
    record = await gent.publish(
        "counts",
        conditions={"template": "mobility-partners", "until": "2027-12-31"},
        notes=("Els", "Jan", 'a "b"\n\u2028'),
    )
    dataset = parse(record.nquads, "application/n-quads", base=record.iri)
    assert canonical(dataset) == (record.nquads, record.sha256)


async def test_an_offer_keeps_its_id_as_long_as_it_says_the_same(gent: CatalogueNode) -> None:
    first = await gent.publish("counts", conditions={"template": "open"})
    second = await gent.publish("counts", conditions={"template": "open"}, description={"en": "new"})
    third = await gent.publish("counts", conditions={"template": "members"})
    assert first.offer is not None
    assert second.offer is not None
    assert third.offer is not None
    assert first.offer == second.offer
    assert first.offer["@id"].startswith(f"{first.iri}#offer-")
    assert third.offer["@id"] != first.offer["@id"]
    assert "target" not in first.offer


async def test_conditions_that_offer_nothing_make_no_offer(gent: CatalogueNode) -> None:
    record = await gent.publish("staff", conditions={"template": "internal"})
    assert (record.offer, record.audience) == (None, "internal")


async def test_withdrawing_leaves_a_tombstone(gent: CatalogueNode) -> None:
    record = await gent.publish("counts", conditions={"template": "open"}, keywords=("traffic",))
    gone = await gent.withdraw(record.iri)
    assert (gone.version, gone.withdrawn, gone.audience) == (2, True, "public")
    assert (gone.titles, gone.nquads, gone.offer, gone.keywords, gone.files) == ({}, b"", None, (), ())
    assert (await gent.withdrawing.withdraw(record.iri, gent.steward)).created is False
    with pytest.raises(NotFound):
        await gent.withdrawing.withdraw("https://gent.example/datasets/nothing", gent.steward)
    back = await gent.publish("counts", conditions={"template": "open"}, keywords=("traffic",))
    assert back.version == 3


async def test_whoever_loses_sight_of_an_asset_is_told_that_it_is_gone(gent: CatalogueNode) -> None:
    first = await gent.publish("counts", audience="public")
    hidden = await gent.publish("counts", audience="members")
    with gent.uow.read() as tx:
        versions = [(v.version, v.audience, v.withdrawn) for v in gent.records.versions(tx, first.iri)]
    assert versions == [(3, "members", False), (2, "public", True), (1, "public", False)]
    assert hidden.version == 3
    wider = await gent.publish("counts", audience="public")
    assert wider.version == 4


async def test_fractions_cannot_be_signed(gent: CatalogueNode) -> None:
    offer = {"permission": [{"action": "odrl:use"}], "https://w3id.org/hansa/ns#fee": 1.5}
    with pytest.raises(InvalidInput):
        await gent.publish("counts", conditions=offer)
    assert entries(gent) == []


async def test_a_box_is_kept_as_text(gent: CatalogueNode) -> None:
    record = await gent.publish("counts", bbox=(3.6, 51.0, 3.8, 51.1))
    assert record.extra["bbox"] == ["3.6", "51.0", "3.8", "51.1"]


OPEN_FILE = File(name="a.csv", media_type="text/csv", size=8, sha256=BYTES, open=True)


async def published(node: CatalogueNode, **options: object) -> Publication:
    more = {name: options.pop(name) for name in ("dry_run", "earlier_versions") if name in options}
    fields = {"slug": "counts", "title": {"en": "Counts"}, **options.pop("fields", {})}  # type: ignore[dict-item]
    return await node.publishing.publish(Submission(fields=fields, **options), node.steward, **more)  # type: ignore[arg-type]


def rules(outcome: Publication) -> list[str]:
    return [finding.rule for finding in outcome.findings]


async def test_a_new_version_is_for_the_audience_of_the_one_before(gent: CatalogueNode) -> None:
    for audience in ("internal", "members", "public"):
        await published(gent, audience=audience, fields={"description": {"en": audience}})
        second = await published(
            gent, conditions={"template": "open"}, fields={"description": {"en": f"{audience} 2"}}
        )
        assert second.record.audience == audience
        assert second.wider_audience is None
        # Conditions for everybody, seen by few: who forgot to name the audience is told.
        assert ("audience-inherited" in rules(second)) is (audience != "public")
        await gent.withdraw(second.record.iri)
        again = await published(gent, fields={"description": {"en": f"{audience} 3"}})
        assert again.record.audience == audience, "also after a withdrawal"


async def test_the_description_of_an_inherited_audience_says_so_too(gent: CatalogueNode) -> None:
    """Access rights and the licence that is asked for depend on who may see the asset."""
    await published(gent, audience="internal")
    asked: list[str | None] = []
    describe = gent.publishing._describe

    async def listening(submission: Submission, owner: str) -> CheckedDescription:
        asked.append(submission.audience)
        return await describe(submission)

    gent.publishing._describe = listening
    await published(gent, fields={"description": {"en": "more"}})
    assert asked[-1] == "internal"


async def test_internal_conditions_narrow_by_their_name(gent: CatalogueNode) -> None:
    await published(gent, audience="public")
    hidden = await published(gent, conditions={"template": "internal"})
    assert hidden.record.audience == "internal"


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_wider_audience_is_told_in_five_languages(gent: CatalogueNode, dry_run: bool) -> None:
    await published(gent, audience="internal")
    wider = await published(gent, audience="members", dry_run=dry_run)
    (warning,) = [finding for finding in wider.findings if finding.rule == "audience-widened"]
    assert (warning.severity, wider.wider_audience) == ("warning", WiderAudience(before="internal", after="members"))
    assert "Version 2 is visible to: members of the data space." in warning.message
    assert "visibility of earlier versions and their files does not change" in warning.message
    assert warning.remedy == "to prevent this, set the audience: internal"
    assert set(warning.translations) == {"nl", "fr", "de", "cs"}
    opened = await published(gent, audience="public", earlier_versions=True, dry_run=dry_run)
    assert "All earlier versions and their files" in opened.findings[0].message


async def test_who_widened_the_audience_stands_in_the_ledger(gent: CatalogueNode) -> None:
    await published(gent, audience="internal")
    wider = await published(gent, audience="public", earlier_versions=True)
    with gent.uow.read() as tx:
        entry = gent.ledger.get(tx, wider.record.entry)
    assert entry is not None
    assert json.loads(entry.body)["local"]["widened"] == {"from": "internal", "to": "public", "earlierVersions": True}
    assert entry.by == "els"
    assert "widened" not in signature_payload(wider.record)


async def test_earlier_versions_are_opened_by_name_only(gent: CatalogueNode) -> None:
    first = await published(gent, audience="public", earlier_versions=True)
    assert (first.wider_audience, first.record.opens_history) == (None, False), "there is nothing earlier"
    with pytest.raises(InvalidInput, match="needs an audience"):
        await published(gent, earlier_versions=True)
    # The same content, and yet a new version: that it opens the earlier ones is what it says.
    opened = await published(gent, audience="public", earlier_versions=True)
    assert opened.created
    again = await published(gent, audience="public", earlier_versions=True)
    assert not again.created


async def test_an_open_file_is_told(gent: CatalogueNode) -> None:
    gent.assets.add(BYTES)
    closed = await published(gent, audience="internal", files=(replace(OPEN_FILE, open=False),))
    assert "file-opened" not in rules(closed)
    inside = await published(gent, files=(OPEN_FILE,))
    (warning,) = [finding for finding in inside.findings if finding.rule == "file-opened"]
    assert "Everyone who can see this asset (staff of this node) can now download" in warning.message
    outside = await published(gent, audience="public", files=(OPEN_FILE,))
    (warning,) = [finding for finding in outside.findings if finding.rule == "file-opened"]
    assert warning.message.startswith("Anyone can now download")
    assert "a.csv" in warning.message
    same = await published(gent, files=(OPEN_FILE,), fields={"description": {"en": "more"}})
    assert rules(same) == []


async def test_who_does_not_wait_is_answered_when_it_is_saved(gent: CatalogueNode) -> None:
    submission = Submission(fields={"slug": "unwaited", "title": {"en": "Unwaited"}})
    unwaited = await gent.publishing.publish(submission, gent.steward, wait=False)
    assert (unwaited.created, unwaited.position) == (True, None)
    again = await gent.publishing.publish(
        Submission(fields={"slug": "waited", "title": {"en": "Waited"}}), gent.steward
    )
    assert again.position is not None
