"""GrantStore, ConversionStore, TransferStore and ReceptionStore."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from node.dialogue.process import Role
from node.transfer.conversions.model import Conversion
from node.transfer.model import AccessGrant, Reception
from tests.contract.stores.test_processes import transfer
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def grant(transfer: str = "urn:t", token: str = "aa", **members: Any) -> AccessGrant:
    values: dict[str, Any] = {
        "agreement": "urn:a",
        "recipient": "did:web:antwerp.example",
        "dataset": "https://ghent.example/datasets/traffic",
        "version": 2,
        "file_sha256": "00" * 32,
        "file_size": 5 * 2**40,
        "file_name": "traffic.csv",
        "media_type": "text/csv",
        "sealed": True,
        "expires": NOW,
    }
    return AccessGrant(transfer=transfer, token_sha256=token, **{**values, **members})


def reception(transfer: str = "urn:t", state: str = "receiving", **members: Any) -> Reception:
    values: dict[str, Any] = {
        "name": "traffic.csv",
        "media_type": "text/csv",
        "sealed": True,
        "expected": None,
        "received": 0,
        "at": NOW,
    }
    return Reception(transfer=transfer, state=state, **{**values, **members})


class TestGrantStore:
    def test_a_grant_comes_out_as_it_went_in(self, stores: Stores) -> None:
        original = grant(secrets=b"\x00wrapped\xff", accesses=3)
        with stores.uow.begin() as tx:
            stores.grants.put(tx, original)
        with stores.uow.read() as tx:
            assert stores.grants.by_token(tx, "aa") == original
            assert stores.grants.by_transfer(tx, "urn:t") == original
            assert stores.grants.by_token(tx, "bb") is None
            assert stores.grants.by_transfer(tx, "urn:u") is None

    def test_a_newer_grant_replaces_the_token(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.grants.put(tx, grant())
            stores.grants.put(tx, grant(token="bb", expires=NOW + timedelta(1)))
            stores.grants.put(tx, grant("urn:other", "cc"))
            assert stores.grants.by_token(tx, "aa") is None
            assert stores.grants.by_token(tx, "bb") == grant(token="bb", expires=NOW + timedelta(1))

    def test_close_and_count(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.grants.put(tx, grant())
            stores.grants.put(tx, grant("urn:other", "cc"))
            stores.grants.count_access(tx, "urn:t")
            stores.grants.count_access(tx, "urn:t")
            stores.grants.close(tx, "urn:t")
            stores.grants.close(tx, "urn:unknown")
            stores.grants.count_access(tx, "urn:unknown")
        with stores.uow.read() as tx:
            assert stores.grants.by_token(tx, "aa") == grant(closed=True, accesses=2)
            assert stores.grants.by_transfer(tx, "urn:other") == grant("urn:other", "cc")


class TestTransferStore:
    def test_transfers_under_an_agreement_newest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.transfers.add(tx, transfer("urn:1", agreement="urn:a", state="COMPLETED"))
            stores.transfers.add(tx, transfer("urn:2", agreement="urn:b"))
            stores.transfers.add(tx, transfer("urn:3", agreement="urn:a", created=NOW - timedelta(1)))
            stores.transfers.add(tx, transfer("urn:4", agreement="urn:a", peer="did:web:other.example"))
            stores.transfers.save(
                tx, transfer("urn:4", agreement="urn:a", peer="did:web:other.example", revision=1, file="a.csv")
            )
        with stores.uow.read() as tx:
            under = stores.transfers.under
            assert [known.pid for known in under(tx, "urn:a")] == ["urn:4", "urn:1", "urn:3"]
            assert [known.pid for known in under(tx, "urn:a", apart_from={"COMPLETED"}, limit=1)] == ["urn:4"]
            assert [known.pid for known in under(tx, "urn:a", apart_from={"STARTED"})] == ["urn:1"]
            assert under(tx, "urn:a")[0].file == "a.csv"
            assert under(tx, "urn:c") == []

    def test_receptions_under_an_agreement_as_its_consumer(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for pid, role in (("urn:1", Role.CONSUMER), ("urn:2", Role.PROVIDER), ("urn:3", Role.CONSUMER)):
                stores.transfers.add(tx, transfer(pid, agreement="urn:a", role=role))
                stores.receptions.put(tx, reception(pid))
            stores.transfers.add(tx, transfer("urn:4", agreement="urn:b", role=Role.CONSUMER))
            stores.receptions.put(tx, reception("urn:4"))
            stores.transfers.add(tx, transfer("urn:5", agreement="urn:a", role=Role.CONSUMER))
        with stores.uow.read() as tx:
            assert [known.transfer for known in stores.receptions.under(tx, "urn:a")] == ["urn:3", "urn:1"]
            assert stores.receptions.under(tx, "urn:c") == []


class TestReceptionStore:
    def test_a_reception_comes_out_as_it_went_in(self, stores: Stores) -> None:
        full = reception(
            state="done",
            expected=2**41,
            received=2**41,
            sha256="00" * 32,
            manifest="eyJ…",
            error="none",
            path="/srv/received/1",
            facts={"agreement": "urn:a", "n": [1]},
        )
        with stores.uow.begin() as tx:
            stores.receptions.put(tx, full)
            stores.receptions.put(tx, reception("urn:bare"))
        with stores.uow.read() as tx:
            assert stores.receptions.get(tx, "urn:t") == full
            assert stores.receptions.get(tx, "urn:bare") == reception("urn:bare")
            assert stores.receptions.get(tx, "urn:unknown") is None

    def test_put_replaces(self, stores: Stores) -> None:
        later = replace(reception(), received=7, error="connection lost")
        with stores.uow.begin() as tx:
            stores.receptions.put(tx, reception())
            stores.receptions.put(tx, later)
            assert stores.receptions.get(tx, "urn:t") == later

    def test_newest_first_in_pages(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for day, name in enumerate(("1", "2", "3", "4")):
                stores.receptions.put(tx, reception(name, at=NOW + timedelta(min(day, 2))))
            assert [found.transfer for found in stores.receptions.newest(tx, 3)] == ["3", "4", "2"]
            assert [found.transfer for found in stores.receptions.newest(tx, 3, offset=3)] == ["1"]
            assert list(stores.receptions.newest(tx, 3, offset=9)) == []

    def test_unfinished_oldest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for name, state in (("1", "receiving"), ("2", "done"), ("3", "verifying"), ("4", "failed")):
                stores.receptions.put(tx, reception(name, state))
            stores.receptions.put(tx, reception("5", at=NOW - timedelta(1)))
            assert [found.transfer for found in stores.receptions.unfinished_receptions(tx)] == ["5", "1", "3"]


def test_open_versions_are_those_with_an_access(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.grants.put(tx, grant())
        stores.grants.put(tx, grant("urn:u", "bb", version=3))
        stores.grants.put(tx, grant("urn:v", "cc", version=4, dataset="https://ghent.example/datasets/other"))
        stores.grants.close(tx, "urn:u")
        assert stores.grants.open_versions(tx, "https://ghent.example/datasets/traffic") == {2}


class TestConversionStore:
    def test_what_was_made_is_known_by_its_order_until_it_is_forgotten(self, stores: Stores) -> None:
        early = Conversion(
            key="aa",
            sha256="00" * 32,
            size=5 * 2**40,
            name="traffic.parquet",
            media_type="application/vnd.apache.parquet",
            facts={"to": "parquet", "losses": []},
            at=NOW,
        )
        late = replace(early, key="bb", at=NOW + timedelta(hours=1))
        with stores.uow.begin() as tx:
            stores.conversions.put(tx, early)
            stores.conversions.put(tx, late)
            stores.conversions.put(tx, replace(late, size=1))
        with stores.uow.read() as tx:
            assert stores.conversions.get(tx, "aa") == early
            assert stores.conversions.get(tx, "cc") is None
            assert stores.conversions.since(tx, NOW + timedelta(seconds=1)) == [replace(late, size=1)]
        with stores.uow.begin() as tx:
            stores.conversions.forget(tx, NOW + timedelta(seconds=1))
        with stores.uow.read() as tx:
            assert stores.conversions.get(tx, "aa") is None
            assert stores.conversions.get(tx, "bb") is not None
