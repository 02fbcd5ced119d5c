"""StrangerProcessStore: what strangers have open and stored, counted by host, by address and by day."""

from __future__ import annotations

import pytest

from node.dialogue.stranger_limits import StrangerProcess
from tests.contract.stores.test_processes import negotiation, transfer
from tests.stores import Stores

TODAY, TOMORROW = "2026-11-21", "2026-11-22"


def stranger_process(
    pid: str, host: str = "a.example", address: str = "192.0.2.1", process: str = "negotiation"
) -> StrangerProcess:
    return StrangerProcess(pid=pid, process=process, peer=f"did:web:{host}", host=host, address=address)


def opened(stores: Stores, host: str, address: str) -> tuple[int, int, int]:
    with stores.uow.read() as tx:
        return stores.stranger_processes.open(tx, host=host, address=address)


def test_a_guest_comes_out_as_it_went_in(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.stranger_processes.add(tx, stranger_process("urn:1"))
        stores.stranger_processes.add(tx, stranger_process("urn:1", host="other.example"))
    with stores.uow.read() as tx:
        assert stores.stranger_processes.get(tx, "urn:1") == stranger_process("urn:1"), "the first stays"
        assert stores.stranger_processes.get(tx, "urn:2") is None


def test_guests_are_counted_by_host_by_address_and_in_all(stores: Stores) -> None:
    assert opened(stores, "a.example", "192.0.2.1") == (0, 0, 0)
    with stores.uow.begin() as tx:
        stores.stranger_processes.add(tx, stranger_process("urn:1"))
        stores.stranger_processes.add(tx, stranger_process("urn:2", address="192.0.2.2"))
        stores.stranger_processes.add(tx, stranger_process("urn:3", host="b.example", address="192.0.2.2"))
    assert opened(stores, "a.example", "192.0.2.2") == (2, 2, 3)
    assert opened(stores, "b.example", "192.0.2.1") == (1, 1, 3)
    assert opened(stores, "c.example", "192.0.2.9") == (0, 0, 3)


@pytest.mark.parametrize("ending", ["TERMINATED", "FINALIZED"])
def test_guests_whose_processes_have_ended_are_forgotten(stores: Stores, ending: str) -> None:
    with stores.uow.begin() as tx:
        stores.negotiations.add(tx, negotiation("urn:live", state="REQUESTED"))
        stores.negotiations.add(tx, negotiation("urn:ended", state=ending))
        stores.transfers.add(tx, transfer("urn:started", state="STARTED"))
        stores.transfers.add(tx, transfer("urn:completed", state="COMPLETED"))
        for pid in ("urn:live", "urn:ended", "urn:started", "urn:completed", "urn:never-stored"):
            stores.stranger_processes.add(tx, stranger_process(pid))
    with stores.uow.begin() as tx:
        stores.stranger_processes.forget_ended(tx)
    with stores.uow.read() as tx:
        remaining = {
            pid
            for pid in ("urn:live", "urn:ended", "urn:started", "urn:completed")
            if stores.stranger_processes.get(tx, pid)
        }
    assert remaining == {"urn:live", "urn:started"}
    assert opened(stores, "a.example", "192.0.2.1") == (2, 2, 2)


def test_bytes_are_added_up_by_day_and_party(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.stranger_processes.store(tx, TODAY, ["all", "host a.example"], 1000)
        stores.stranger_processes.store(tx, TODAY, ["all", "host b.example"], 24)
    with stores.uow.read() as tx:
        counted = stores.stranger_processes.stored_bytes(tx, TODAY, ["all", "host a.example", "host c.example"])
        assert counted == {"all": 1024, "host a.example": 1000}
        assert stores.stranger_processes.stored_bytes(tx, TOMORROW, ["all"]) == {}


def test_a_new_day_forgets_those_before(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.stranger_processes.store(tx, TODAY, ["all", "host a.example"], 1000)
    with stores.uow.begin() as tx:
        stores.stranger_processes.store(tx, TOMORROW, ["all"], 5)
    with stores.uow.read() as tx:
        assert stores.stranger_processes.stored_bytes(tx, TOMORROW, ["all"]) == {"all": 5}
        assert stores.stranger_processes.stored_bytes(tx, TODAY, ["all", "host a.example"]) == {}


def test_what_is_rolled_back_is_not_counted(stores: Stores) -> None:
    def fail() -> None:
        with stores.uow.begin() as tx:
            stores.stranger_processes.add(tx, stranger_process("urn:1"))
            stores.stranger_processes.store(tx, TODAY, ["all"], 1000)
            raise ValueError("refused after all")

    with pytest.raises(ValueError, match="refused"):
        fail()
    assert opened(stores, "a.example", "192.0.2.1") == (0, 0, 0)
    with stores.uow.read() as tx:
        assert stores.stranger_processes.stored_bytes(tx, TODAY, ["all"]) == {}
