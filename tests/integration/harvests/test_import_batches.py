"""Records of an import share transactions: one that fails harms no other, and what is reported is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from node.base.errors import Conflict, LocalFault
from node.base.work import Transaction
from node.catalogue.model import Record
from node.catalogue.publication.catalogue import Catalogue
from tests.integration.harvests.test_imports import HEAD, addresses, imported
from tests.nodes import Running, described

COUNT = 70
"""More than one batch."""


def catalogue(name: str) -> str:
    own = f"https://{name}.example"
    return HEAD + "".join(f'<{own}/{n}> a dcat:Dataset ; dct:title "{name} {n}"@en .\n' for n in range(COUNT))


@contextmanager
def writing(monkeypatch: pytest.MonkeyPatch, fault: Exception, when: str) -> Iterator[list[str]]:
    """Raise ``fault`` when the record with ``when`` in its titles is written; yield the titles that were written."""
    written: list[str] = []
    keep = Catalogue.keep

    def failing(self: Catalogue, tx: Transaction, version: Record, *rest: Any) -> Record:
        title = next(iter(version.titles.values()))
        if title == when:
            raise fault
        record = keep(self, tx, version, *rest)
        tx.after_commit(lambda: written.append(title))
        return record

    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "keep", failing)
        yield written


def test_records_share_transactions(city: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    stored = city.node.catalogue.harvests.imports._drafts.store

    def counted(drafts: Any, *rest: Any) -> Any:
        begun.append("store")
        return stored(drafts, *rest)

    monkeypatch.setattr(city.node.catalogue.harvests.imports._drafts, "store", counted)
    monkeypatch.setattr(city.node.catalogue.harvests.imports._drafts, "store_alone", None)
    events = imported(city, catalogue("together"))
    assert events[-1]["new"] == COUNT
    assert len(begun) == 2


def test_a_record_that_cannot_be_written_is_refused_alone(city: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    text = catalogue("conflict")
    with writing(monkeypatch, Conflict("it has no place"), "conflict 7") as written:
        events = imported(city, text)
    assert len(set(written)) == len(written) == COUNT - 1
    refused = [event for event in events if event.get("outcome") == "refused"]
    assert [(event["title"], event["error"]) for event in refused] == [("conflict 7", "it has no place")]
    assert events[-1]["new"] == COUNT - 1
    again = imported(city, text)[-1]
    assert (again["unchanged"], again["new"], again["refused"]) == (COUNT - 1, 1, 0)


def test_a_record_at_the_address_of_another_is_refused_alone(city: Running) -> None:
    text = catalogue("owned")
    places = sorted(addresses(imported(city, text, source="first", check="true")).values())
    # The node itself publishes assets where a few of them belong. An import may not change these.
    with city.client() as client:
        own = [{"fields": described(place.rpartition("/")[2]), "conditions": "open"} for place in places[:5]]
        client.publish_all(own)
        events = imported(city, text, source="first")
        assert (events[-1]["refused"], events[-1]["new"]) == (5, COUNT - 5)
        refused = {event["address"] for event in events if event.get("outcome") == "refused"}
        assert refused == set(places[:5])
        assert {client.record(place)["version"] for place in places[:5]} == {1}


def test_a_fault_of_the_node_ends_the_import_and_what_was_reported_is_stored(
    city: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = catalogue("full")
    with writing(monkeypatch, LocalFault("the disk is full"), f"full {COUNT - 1}") as written:
        events = imported(city, text)
    assert events[-1]["event"] == "failed"
    reported = {event["title"] for event in events if event["event"] == "record"}
    assert reported
    assert reported == set(written), "a batch is stored and reported, or neither"
    again = imported(city, text)[-1]
    assert (again["unchanged"], again["new"], again["refused"]) == (len(written), COUNT - len(written), 0)


def test_a_check_stores_nothing(city: Running) -> None:
    events = imported(city, catalogue("checked"), check="true")
    assert events[-1]["new"] == COUNT
    assert imported(city, catalogue("checked"))[-1]["new"] == COUNT
