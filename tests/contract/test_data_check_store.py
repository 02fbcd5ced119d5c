"""DataCheckStore: the last check of each file of a harvested dataset against each of its schemas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from node.catalogue.measurement.data_checks import DataCheck, DataState
from tests.stores import Stores

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BREACH = {"row": 3, "column": "ü", "what": "missing", "values": ["a", "b"]}


def check(iri: str, address: str = "https://city.example/a.csv", **changes: Any) -> DataCheck:
    fields: dict[str, Any] = {"version": 1, "schema_version": 2, "at": NOW, "due": NOW + timedelta(days=7), **changes}
    return DataCheck(iri=iri, address=address, schema="https://city.example/schemas/s", **fields)


def test_the_last_check_of_each_file_is_stored(stores: Stores) -> None:
    breaks = check("x:a", state=DataState.BREAKS, rows=9, count=1, breaches=(BREACH,))
    with stores.uow.begin() as tx:
        assert stores.data_checks.latest(tx) is None
        stores.data_checks.save(tx, check("x:a", reason="robots"))
        stores.data_checks.save(tx, breaks)
        stores.data_checks.save(tx, check("x:a", "https://city.example/b.csv"))
        stores.data_checks.save(tx, check("x:b", state=DataState.CONFORMS))
    with stores.uow.read() as tx:
        assert stores.data_checks.of(tx, ["x:a", "x:none"]) == {
            "x:a": [breaks, check("x:a", "https://city.example/b.csv")]
        }
        assert stores.data_checks.counts(tx) == {
            DataState.BREAKS: 1, DataState.UNKNOWN: 1, DataState.CONFORMS: 1,
        }  # fmt: skip
        assert [one.iri for one in stores.data_checks.listing(tx, after="x:a")] == ["x:b"]
        assert stores.data_checks.listing(tx, state=DataState.BREAKS) == [breaks]
        assert len(stores.data_checks.listing(tx, limit=2)) == 2
        assert stores.data_checks.latest(tx) == NOW


def test_checks_of_files_that_are_gone_are_dropped(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for name in ("a", "b"):
            stores.data_checks.save(tx, check("x:a", f"https://city.example/{name}.csv"))
        stores.data_checks.save(tx, check("x:b"))
    with stores.uow.begin() as tx:
        stores.data_checks.keep(tx, "x:a", [("https://city.example/b.csv", "https://city.example/schemas/s")])
    with stores.uow.read() as tx:
        rest = stores.data_checks.of(tx, ["x:a", "x:b"])
        assert [one.address for one in rest["x:a"]] == ["https://city.example/b.csv"]
        assert len(rest["x:b"]) == 1
    with stores.uow.begin() as tx:
        stores.data_checks.keep(tx, "x:a", [])
    with stores.uow.read() as tx:
        assert list(stores.data_checks.of(tx, ["x:a", "x:b"])) == ["x:b"]
