"""Processes in memory: one store for negotiations, one for transfers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Generic

from node.base.errors import Conflict, LocalFault
from node.base.work import Transaction
from node.dialogue.process import AcceptedMessage, Exchange, P, Role
from tests.fakes.stores.work import memory


class MemoryProcessStore(Generic[P]):
    """Processes of one kind, in tables whose names begin with ``name``."""

    def __init__(self, name: str = "processes") -> None:
        self._processes = name
        self._peers = f"{name} by peer"
        self._messages = f"{name} messages"

    def add(self, tx: Transaction, process: P) -> None:
        if process.pid in memory(tx).rows(self._processes):
            raise Conflict(f"there is a process {process.pid} already")
        self._index(tx, process)
        memory(tx).put(self._processes, process.pid, process)

    def save(self, tx: Transaction, process: P) -> None:
        stored: P | None = memory(tx).rows(self._processes).get(process.pid)
        if stored is None or stored.revision != process.revision - 1:
            raise LocalFault(f"somebody else changed process {process.pid} in the meantime")
        self._index(tx, process)
        memory(tx).put(self._processes, process.pid, process)

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> P | None:
        return memory(tx).rows(self._processes).get(pid)

    def lock(self, tx: Transaction, pid: str) -> None:
        """Do nothing: in memory there is no other writer."""

    def by_peer(self, tx: Transaction, peer: str, peer_pid: str, role: Role) -> P | None:
        pid = memory(tx).rows(self._peers).get((peer, peer_pid, role))
        return None if pid is None else self.get(tx, pid)

    def select(
        self, tx: Transaction, *, state: str | None = None, peer: str | None = None, limit: int = 100
    ) -> Sequence[P]:
        processes: list[P] = [
            process
            for process in reversed(memory(tx).rows(self._processes).values())
            if (state is None or process.state == state) and (peer is None or process.peer == peer)
        ]
        processes.sort(key=lambda process: process.created, reverse=True)
        return processes[:limit]

    def count(self, tx: Transaction, *, peer: str, role: Role, states: Collection[str]) -> int:
        known: list[P] = list(memory(tx).rows(self._processes).values())
        return sum(one.peer == peer and one.role is role and one.state in states for one in known)

    def record(self, tx: Transaction, exchange: Exchange) -> None:
        messages = memory(tx).rows(self._messages).get(exchange.pid, ())
        memory(tx).put(self._messages, exchange.pid, (*messages, exchange))

    def count_exchanges(self, tx: Transaction, pid: str) -> int:
        return sum(one.is_accepted for one in self.exchanges(tx, pid))

    def refusals(self, tx: Transaction, pid: str, *, outgoing: bool) -> Sequence[tuple[str, int]]:
        return [
            (one.body_sha256, one.answer_status)
            for one in self.exchanges(tx, pid)
            if one.outgoing is outgoing and one.answer_status >= 300
        ]

    def is_delivered(self, tx: Transaction, pid: str, message_id: str) -> bool:
        kept = [one for one in self.exchanges(tx, pid) if one.outgoing and one.message_id == message_id]
        return any(one.is_accepted or one.void for one in kept)

    def exchanges(self, tx: Transaction, pid: str) -> Sequence[Exchange]:
        return list(memory(tx).rows(self._messages).get(pid, ()))

    def accepted_messages(self, tx: Transaction, pid: str) -> Sequence[AcceptedMessage]:
        taken = [one for one in self.exchanges(tx, pid) if one.is_accepted]
        return [AcceptedMessage(one.outgoing, one.message, one.message_id) for one in taken]

    def accepted_exchange(self, tx: Transaction, pid: str, body_sha256: str) -> Exchange | None:
        return self._last(tx, pid, body_sha256)

    def last_accepted(self, tx: Transaction, pid: str) -> Exchange | None:
        return self._last(tx, pid, None)

    def accepted_as(self, tx: Transaction, pid: str, message: str, message_id: str) -> Exchange | None:
        for exchange in reversed(self.exchanges(tx, pid)):
            named = (exchange.message, exchange.message_id) == (message, message_id)
            if named and not exchange.outgoing and 200 <= exchange.answer_status < 300:
                return exchange
        return None

    def _last(self, tx: Transaction, pid: str, body_sha256: str | None) -> Exchange | None:
        for exchange in reversed(self.exchanges(tx, pid)):
            fits = body_sha256 is None or exchange.body_sha256 == body_sha256
            if fits and not exchange.outgoing and 200 <= exchange.answer_status < 300:
                return exchange
        return None

    def _index(self, tx: Transaction, process: P) -> None:
        if process.peer_pid is None:
            return
        key = (process.peer, process.peer_pid, process.role)
        if memory(tx).rows(self._peers).get(key, process.pid) != process.pid:
            raise Conflict(f"the peer's process {process.peer_pid} already exists under another id")
        memory(tx).put(self._peers, key, process.pid)
