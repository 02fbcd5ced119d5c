"""Processes of strangers in memory (``node.dialogue.stranger_limits.StrangerProcessStore``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from node.base.work import Transaction
from node.dialogue.stranger_limits import StrangerProcess
from node.negotiation import machine as negotiating
from node.transfer import machine as transferring
from tests.fakes.stores.work import memory

LIVE: Final = {"negotiations": negotiating.TABLE.live, "transfers": transferring.TABLE.live}


class MemoryStrangerProcessStore:
    """Guests by process; bytes by day and party."""

    def forget_ended(self, tx: Transaction) -> None:
        for pid in list(memory(tx).rows("guests")):
            processes = ((memory(tx).rows(table).get(pid), states) for table, states in LIVE.items())
            if not any(process is not None and process.state in states for process, states in processes):
                memory(tx).drop("guests", pid)

    def add(self, tx: Transaction, process: StrangerProcess) -> None:
        if process.pid not in memory(tx).rows("guests"):
            memory(tx).put("guests", process.pid, process)

    def get(self, tx: Transaction, pid: str) -> StrangerProcess | None:
        return memory(tx).rows("guests").get(pid)

    def open(self, tx: Transaction, *, host: str, address: str) -> tuple[int, int, int]:
        processes: list[StrangerProcess] = list(memory(tx).rows("guests").values())
        of_host, from_address = (
            (process.host == host for process in processes),
            (process.address == address for process in processes),
        )
        return sum(of_host), sum(from_address), len(processes)

    def stored_bytes(self, tx: Transaction, day: str, parties: Collection[str]) -> dict[str, int]:
        counted = memory(tx).rows("guest bytes")
        return {party: counted[day, party] for party in parties if (day, party) in counted}

    def store(self, tx: Transaction, day: str, parties: Sequence[str], size: int) -> None:
        counted = memory(tx).rows("guest bytes")
        for party in parties:
            memory(tx).put("guest bytes", (day, party), counted.get((day, party), 0) + size)
        for key in [key for key in counted if key[0] < day]:
            memory(tx).drop("guest bytes", key)
