"""Of processes of one node that need a transfer at the same time, one opens it, and all of them get it."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.work import Transaction
from node.dialogue.process import Role
from node.transfer import machine
from node.transfer.model import Transfer
from node.transfer.requests import TransferRequests
from node.vocab.dsp import EXECUTE, QUERY
from tests.contract.stores.test_agreements import agreement
from tests.fakes.clock import FixedClock
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ME = agreement().consumer
AT = "https://ghent.example/dsp/2025-1"


class Conversation:
    """Stores what is opened. Two who open at the same time meet; who is alone does not wait for ever."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._meeting = threading.Barrier(2)

    def open(self, tx: Transaction, process: Transfer, message: str, body: Any) -> Transfer:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._meeting.wait(0.3)
        self._stores.transfers.add(tx, process)
        return process


@pytest.fixture
def requests(stores: Stores) -> TransferRequests:
    with stores.uow.begin() as tx:
        stores.agreements.add(tx, agreement(finalized=NOW))
    conversation: Any = Conversation(stores)
    return TransferRequests(
        uow=stores.uow,
        agreements=stores.agreements,
        negotiations=stores.negotiations,
        transfers=stores.transfers,
        conversation=conversation,
        clock=FixedClock(NOW),
        me=ME,
        address="https://antwerp.example/dsp",
    )


def test_those_who_ask_at_the_same_time_get_the_same_transfer(stores: Stores, requests: TransferRequests) -> None:
    if stores.kind == "memory":
        pytest.skip("in memory there is one thread at a time")
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(requests.open, "urn:a", format=QUERY, file="t.csv", address=AT, reuse=True) for _ in range(8)
        ]
        pids = {call.result().pid for call in calls}
    assert len(pids) == 1
    with stores.uow.read() as tx:
        assert [transfer.pid for transfer in stores.transfers.under(tx, "urn:a")] == [*pids]


def test_another_table_or_use_and_one_that_has_ended_are_opened_anew(
    stores: Stores, requests: TransferRequests
) -> None:
    first = requests.open("urn:a", format=QUERY, file="t.csv", address=AT, reuse=True)
    assert requests.open("urn:a", format=QUERY, file="t.csv", address=AT, reuse=True) == first
    others = [
        requests.open("urn:a", format=QUERY, file="u.csv", address=AT, reuse=True),
        requests.open("urn:a", format=EXECUTE, address=AT, reuse=True),
        requests.open("urn:a", format=QUERY, file="t.csv", address=AT),
    ]
    with stores.uow.begin() as tx:
        for known in stores.transfers.under(tx, "urn:a"):
            assert known.role is Role.CONSUMER
            ended = replace(known, state=machine.TERMINATED, revision=known.revision + 1)
            stores.transfers.save(tx, ended)
    others.append(requests.open("urn:a", format=QUERY, file="t.csv", address=AT, reuse=True))
    assert len({first.pid, *(other.pid for other in others)}) == 5
