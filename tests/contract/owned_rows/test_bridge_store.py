"""BridgeStore: bridges of streams to topics, how far they are, and who carries them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from node.transfer.bridges.model import Bridge, BridgeProgress
from tests.contract.owned_rows.owners import LATER, NOON, require_one_owner
from tests.stores import Stores

BRIDGE = Bridge(
    id="b1",
    agreement="urn:uuid:1",
    file="",
    source="bus",
    topic="city/counters",
    key="station",
    start=None,
    by="eva",
    at=NOON,
)
PROGRESS = BridgeProgress(
    place="17",
    deliveries=1 << 40,
    refusals=2,
    gaps=1,
    since=NOON,
    seen=NOON + timedelta(seconds=3),
    code="data-source-unreachable",
    error="the broker ended the connexión",
    remedy="wait",
    reasons=({"code": "x"}, "y"),
    error_at=NOON - timedelta(hours=1),
)


def test_a_bridge_comes_out_as_it_went_in_and_is_replaced(stores: Stores) -> None:
    store = stores.bridges
    with stores.uow.begin() as tx:
        store.put(tx, BRIDGE, PROGRESS)
        store.put(tx, replace(BRIDGE, id="a1", start=NOON, file="x.json"), BridgeProgress())
    with stores.uow.begin() as tx:
        view = store.get(tx, "b1", lock=True)
        assert view is not None
        assert (view.bridge, view.progress) == (BRIDGE, PROGRESS)
        assert [view.bridge.id for view in store.all(tx)] == ["a1", "b1"]
        assert [view.bridge.start for view in store.all(tx)] == [NOON, None]
        store.put(tx, replace(BRIDGE, key=""), BridgeProgress(place="17"))
        changed = store.get(tx, "b1")
        assert changed is not None
        assert (changed.bridge.key, changed.progress) == ("", BridgeProgress(place="17"))
        store.drop(tx, "b1")
        store.drop(tx, "b1")
        assert store.get(tx, "b1") is None


def test_one_process_owns_a_bridge_until_its_time_is_over_or_it_ends(stores: Stores) -> None:
    store = stores.bridges
    with stores.uow.begin() as tx:
        store.put(tx, BRIDGE, BridgeProgress())
        require_one_owner(
            store, tx, "b1", lambda view: str(view.bridge.id), empty=BridgeProgress(), progress=PROGRESS
        )
        assert store.note(tx, "b1", replace(PROGRESS, ended=LATER), owner="c") is True
        assert store.note(tx, "b1", BridgeProgress(), owner="c") is False
        assert store.claim(tx, owner="c", now=LATER, until=LATER) == []
