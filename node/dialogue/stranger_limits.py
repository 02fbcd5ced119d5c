"""Limits on the open processes and stored bytes of strangers, independent of the names that they choose.

The owner of a domain name can make any number of participants, so a limit for each participant does not bound them.
Participants without a credential that counts here are therefore counted by the host in their ``did:web``, by their
network address, and all together. Members and issuers that this node trusts are not counted. Nor are callers that a
plug-in identified under a name of another kind, because the plug-in vouches for them.

The bytes are those of the messages in processes that a stranger opened, counted by day (UTC), plus ``OVERHEAD`` for
the data stored beside each message. A message that ends a process is always taken, because it makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from node.base.clock import Clock
from node.base.errors import TooMany
from node.base.work import Transaction, UnitOfWork
from node.dialogue.caps import RETRY_AFTER
from node.dialogue.message import IncomingMessage
from node.identity.accounts.throttle import is_here
from node.identity.did import is_loopback
from node.identity.model import Caller

OVERHEAD: Final = 1024
"""Bytes counted for each message beside its own: for the answer, ledger entries, and our own messages that follow."""

ALL: Final = "all"
_REMEDY: Final = "show a credential of a region that this node trusts, or try again later"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerProcess:
    """A process that a stranger opened: ``peer`` is its participant; it is counted for ``host`` and ``address``."""

    pid: str
    process: str
    peer: str
    host: str
    address: str


class StrangerProcessStore(Protocol):
    """Processes of strangers, and the bytes that were stored for them. All calls belong to the transaction."""

    def forget_ended(self, tx: Transaction) -> None:
        """Drop the processes that have ended."""

    def add(self, tx: Transaction, process: StrangerProcess, /) -> None: ...

    def get(self, tx: Transaction, pid: str) -> StrangerProcess | None: ...

    def open(self, tx: Transaction, *, host: str, address: str) -> tuple[int, int, int]:
        """Return the number of processes of this host, from this address, and in all."""

    def stored_bytes(self, tx: Transaction, day: str, parties: Collection[str]) -> dict[str, int]:
        """Return party → bytes of that day, for the parties that have any."""

    def store(self, tx: Transaction, day: str, parties: Sequence[str], size: int) -> None:
        """Add ``size`` for each party, in this order, and drop the counts of earlier days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The limits for strangers: open processes and bytes a day, for one host or address and for all together."""

    open_per_host: int = 100
    open_in_all: int = 1000
    bytes_per_host: int = 16 << 20
    bytes_in_all: int = 256 << 20


class StrangerLimits:
    """Counts the usage of strangers. ``is_trusted`` returns whether this node trusts a participant as an issuer."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: StrangerProcessStore,
        clock: Clock,
        budgets: Budgets,
        is_trusted: Callable[[str], bool],
    ) -> None:
        self._uow, self._store, self._clock, self._budgets, self._is_trusted = uow, store, clock, budgets, is_trusted

    def admit(self, tx: Transaction, caller: Caller, pid: str, process: str, message: IncomingMessage) -> None:
        """Count the process ``pid`` that ``message`` opens, before it is added. Raises ``TooMany``."""
        if not self._counts(caller):
            return
        record = StrangerProcess(
            pid=pid, process=process, peer=str(caller.did), host=host_of(str(caller.did)), address=caller.address
        )
        self._store.forget_ended(tx)
        of_host, from_address, in_all = self._store.open(tx, host=record.host, address=record.address)
        most = self._budgets.open_per_host
        _require(of_host, most, f"participants of {record.host} without a credential that counts here")
        if not is_here(record.address):
            _require(from_address, most, "participants without a credential that call from your address")
        _require(in_all, self._budgets.open_in_all, "participants without a credential that counts here")
        self._take(tx, record, message)
        self._store.add(tx, record)

    def charge(self, caller: Caller, pid: str, message: IncomingMessage) -> None:
        """Count a message in a process that a stranger opened; it counts even if it is refused afterwards. Raises
        ``TooMany``."""
        if not self._counts(caller):
            return
        with self._uow.read() as tx:
            process = self._store.get(tx, pid)
        if process is None or process.peer != caller.did:
            return
        # All strangers share a row, which the next of them waits for: not for the disk as well. A power cut takes the
        # count of a message only together with what the message did.
        with self._uow.begin(synced=False) as tx:
            self._take(tx, process, message)

    def _counts(self, caller: Caller) -> bool:
        did = str(caller.did)
        return caller.is_stranger and did.startswith("did:web:") and not self._is_trusted(did)

    def _take(self, tx: Transaction, process: StrangerProcess, message: IncomingMessage) -> None:
        now = self._clock.now()
        day, size = now.strftime("%Y-%m-%d"), len(message.raw) + OVERHEAD
        bounds = {ALL: self._budgets.bytes_in_all, f"host {process.host}": self._budgets.bytes_per_host}
        if not is_here(process.address):
            bounds[f"address {process.address}"] = self._budgets.bytes_per_host
        sizes = self._store.stored_bytes(tx, day, bounds.keys())
        for party, most in bounds.items():
            if sizes.get(party, 0) + size > most and not message.name.endswith("TerminationMessage"):
                whose = "all participants" if party == ALL else "participants of your host or address"
                raise TooMany(
                    f"{whose} without a credential that counts here had {sizes.get(party, 0)} bytes of messages "
                    f"stored today; the limit is {most}",
                    remedy=_REMEDY,
                    facts={"retryAfter": _until_midnight(now)},
                )
        # Always in the same order, so that transactions cannot block each other in a deadlock.
        self._store.store(tx, day, sorted(bounds), size)


class NoStrangerLimits:
    """The replacement for ``StrangerLimits`` where strangers are not counted, as in simulations: its methods do
    nothing."""

    def admit(self, tx: Transaction, caller: Caller, pid: str, process: str, message: IncomingMessage) -> None:
        """As ``StrangerLimits.admit``."""

    def charge(self, caller: Caller, pid: str, message: IncomingMessage) -> None:
        """As ``StrangerLimits.charge``."""


UNCOUNTED: Final = NoStrangerLimits()


def host_of(did: str) -> str:
    """Return the host of a ``did:web``. On the loopback interface, for trials and tests, each port is a host."""
    authority = did.removeprefix("did:web:").partition(":")[0]
    host = authority.partition("%3A")[0]
    return authority if is_loopback(host) else host


def _require(count: int, most: int, whose: str) -> None:
    if count >= most:
        raise TooMany(
            f"{whose} have {count} negotiations and transfers open here; the limit is {most}",
            remedy=_REMEDY,
            facts={"retryAfter": RETRY_AFTER},
        )


def _until_midnight(now: datetime) -> int:
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return max(1, int((tomorrow - now).total_seconds()))
