"""DataSourceStore: data sources by name, with their sealed credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from node.datasources.model import DataSource
from tests.stores import Stores

SOURCE = DataSource(
    name="gis",
    kind="features",
    address="https://gis.example/api/",
    options={"reads_per_minute": "60"},
    shown={"scheme": "basic", "name": "hansa"},
    secret=b"\x00\xffsealed",
    by="eva",
    at=datetime(2026, 11, 22, 12, tzinfo=UTC),
)


def test_a_data_source_comes_out_as_it_went_in_and_is_replaced(stores: Stores) -> None:
    changed = replace(SOURCE, address="https://other.example/", secret=None, options={})
    with stores.uow.begin() as tx:
        stores.datasources.put(tx, SOURCE)
    with stores.uow.begin() as tx:
        assert stores.datasources.get(tx, "gis") == SOURCE
        stores.datasources.put(tx, changed)
        stores.datasources.put(tx, replace(SOURCE, name="bucket"))
    with stores.uow.read() as tx:
        assert stores.datasources.get(tx, "gis") == changed
        assert stores.datasources.get(tx, "sensors") is None
        assert [source.name for source in stores.datasources.all(tx)] == ["bucket", "gis"]


def test_a_removed_one_is_gone_and_removing_it_again_does_nothing(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.datasources.put(tx, SOURCE)
        stores.datasources.drop(tx, "gis")
        stores.datasources.drop(tx, "gis")
    with stores.uow.read() as tx:
        assert stores.datasources.all(tx) == []
