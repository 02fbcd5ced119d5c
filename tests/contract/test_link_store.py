"""LinkStore: links of records, checks of their addresses, and the points that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from node.catalogue.measurement.link_model import LinkCheck, LinkPoints, LinkState, LinkUse, RecordLink
from tests.stores import Stores

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
A, B, C = "https://a.example/1", "https://a.example/2", "https://b.example:8443/"


def link(address: str, use: LinkUse = LinkUse.ACCESS, file: int = 0, *, checked: bool = True) -> RecordLink:
    return RecordLink(use=use, file=file, address=address, checked=checked)


def test_links_of_a_record_are_replaced_and_unused_checks_dropped(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.links.replace(tx, "urn:x", 1, [link(A), link(B, LinkUse.PAGE, -1), link("", checked=False)], NOW)
        stores.links.replace(tx, "urn:y", 4, [link(B), link(C), link(C, LinkUse.DOWNLOAD)], LATER)
    with stores.uow.begin() as tx:
        stores.links.replace(tx, "urn:x", 2, [link(B)], LATER)
    with stores.uow.read() as tx:
        assert stores.links.versions(tx, ["urn:x", "urn:y", "urn:z"]) == {"urn:x": 2, "urn:y": 4}
        assert stores.links.links(tx, ["urn:x", "urn:z"]) == {"urn:x": [link(B)]}
        assert set(stores.links.checks(tx, [A, B, C])) == {B, C}
        # The address was known before: it is due when it was.
        assert stores.links.checks(tx, [B])[B] == LinkCheck(address=B, host="a.example", due=NOW)
        assert stores.links.records_with(tx, B) == ["urn:x", "urn:y"]
        assert stores.links.records_with(tx, B, after="urn:x", limit=1) == ["urn:y"]
        assert stores.links.records_with(tx, C, uses=[LinkUse.PAGE]) == []
    with stores.uow.begin() as tx:
        assert stores.links.between(tx, "", "urn:x") == {"urn:x": 2}
        assert stores.links.between(tx, "urn:x", "") == {"urn:y": 4}
        stores.links.drop(tx, ["urn:y", "urn:z"])
        assert stores.links.versions(tx, ["urn:x", "urn:y"]) == {"urn:x": 2}
        assert set(stores.links.checks(tx, [B, C])) == {B}


def test_checks_are_due_by_host_and_listed_by_state(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.links.replace(tx, "urn:x", 1, [link(C)], NOW - timedelta(hours=1))
        stores.links.replace(tx, "urn:y", 1, [link(A), link(B)], NOW)
        assert stores.links.due_hosts(tx, NOW, 5) == ["b.example:8443", "a.example"]
        assert stores.links.due_hosts(tx, NOW, 1) == ["b.example:8443"]
        check = stores.links.due(tx, "a.example", NOW, 1)[0]
        assert check.address == A
        verdict = replace(check, state=LinkState.BROKEN, status=404, reason="status", at=NOW, due=LATER, failures=0)
        stores.links.save(tx, verdict)
        stores.links.save(tx, replace(verdict, address="https://gone.example/"))
        assert [item.address for item in stores.links.due(tx, "a.example", NOW, 9)] == [B]
        assert stores.links.counts(tx) == {LinkState.BROKEN: 1, LinkState.UNKNOWN: 2}
        assert stores.links.listing(tx, state=LinkState.BROKEN) == [verdict]
        assert [item.address for item in stores.links.listing(tx, after=A, limit=5)] == [B, C]
        assert stores.links.hasten(tx, NOW, "urn:x") == 0
        assert stores.links.hasten(tx, NOW, "urn:y") == 1
        stores.links.save(tx, verdict)
        assert stores.links.hasten(tx, NOW) == 1
        assert stores.links.checks(tx, [A])[A] == replace(verdict, due=NOW)


def test_links_are_counted_and_listed_by_source(stores: Stores) -> None:
    """An address in records of two sources counts for both; what the node published itself has no source."""
    with stores.uow.begin() as tx:
        stores.links.replace(tx, "urn:own", 1, [link(A)], NOW)
        stores.links.replace(tx, "urn:x", 1, [link(B), link(B, LinkUse.DOWNLOAD)], NOW, source="one")
        stores.links.replace(tx, "urn:y", 1, [link(B), link(C)], NOW, source="two")
    with stores.uow.begin() as tx:
        check = stores.links.checks(tx, [C])[C]
        stores.links.save(tx, replace(check, state=LinkState.BROKEN, status=404, reason="status", at=NOW))
    with stores.uow.begin() as tx:
        unknown, broken = LinkState.UNKNOWN, LinkState.BROKEN
        assert stores.links.counts_by_source(tx) == {"one": {unknown: 1}, "two": {unknown: 1, broken: 1}}
        assert [item.address for item in stores.links.listing(tx, source="two")] == [B, C]
        assert [item.address for item in stores.links.listing(tx, source="two", state=broken)] == [C]
        assert [item.address for item in stores.links.listing(tx, source="two", after=B)] == [C]
        assert stores.links.listing(tx, source="one", state=broken) == []
        assert stores.links.listing(tx, source="neither") == []
        # The record comes from another source now.
        stores.links.replace(tx, "urn:x", 2, [link(A)], LATER, source="three")
        assert stores.links.counts_by_source(tx) == {"three": {unknown: 1}, "two": {unknown: 1, broken: 1}}
        stores.links.drop(tx, ["urn:x"])
        assert list(stores.links.counts_by_source(tx)) == ["two"]


def test_points_of_a_day_are_replaced(stores: Stores) -> None:
    day = date(2026, 11, 24)
    with stores.uow.begin() as tx:
        nothing = stores.links.last_change(tx)
        stores.links.replace(tx, "urn:x", 1, [link(A)], NOW)
        stores.links.save_points(tx, LinkPoints("urn:x", day, NOW, 500, None))
        first = stores.links.last_change(tx)
        stores.links.save_points(tx, LinkPoints("urn:x", day, LATER, 1000, 0))
        assert len({nothing, first, stores.links.last_change(tx)}) == 3
        stores.links.save_points(tx, LinkPoints("urn:w", day, NOW, None, None))
    with stores.uow.begin() as tx:
        assert stores.links.points_of(tx, "urn:x") == [LinkPoints("urn:x", day, LATER, 1000, 0)]
        assert [points.iri for points in stores.links.points(tx)] == ["urn:w", "urn:x"]
        assert [points.iri for points in stores.links.points(tx, after=("urn:w", day.isoformat()))] == ["urn:x"]
        stores.links.drop(tx, stores.links.between(tx, "", ""))
        assert stores.links.points_of(tx, "urn:x") == []
