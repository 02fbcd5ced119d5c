"""Handlers of tasks that move bytes: receptions, pushes and conversions; and of checks of what was received."""

from __future__ import annotations

import logging
from collections.abc import Callable

from anyio.to_thread import run_sync

from node.base.errors import Conflict, Gone, HansaError, LocalFault, PeerUnreachable
from node.base.work import Task, Transaction, UnitOfWork
from node.transfer import machine
from node.transfer.agreed_versions import VERSION_GONE
from node.transfer.conversions.workshop import MakeConversion
from node.transfer.model import Transfer
from node.transfer.ports import TransferStore
from node.transfer.push import MOST_IN_VAIN, DeliveryRefused, InVain, PushBytes, SinkRefused
from node.transfer.receiving.leftovers import discard_left
from node.transfer.receiving.reception import ReceiveBytes
from node.transfer.usecases import Transfers
from node.worker.outcomes import Again, Done, Outcome

log = logging.getLogger("hansa.conversion")


class ReceptionHandler:
    """Fetches the bytes of one transfer, with as many attempts as needed; removes partial files of a transfer that
    has ended."""

    def __init__(self, uow: UnitOfWork, store: TransferStore, receive: ReceiveBytes, transfers: Transfers) -> None:
        self._uow = uow
        self._store = store
        self._receive = receive
        self._transfers = transfers

    async def __call__(self, task: Task) -> Outcome:
        transfer = await run_sync(_find, self._uow, self._store, task.subject)
        if transfer is None:
            return Done()
        if transfer.state in machine.TABLE.terminal:
            await discard_left(self._receive, transfer.pid)
            return Done()
        try:
            reception = await self._receive.run(transfer)
        except (PeerUnreachable, Conflict, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        if reception.state not in ("done", "failed"):
            return Done()

        def finish(tx: Transaction) -> None:
            self._transfers.notify_provider(tx, task.subject, reception)

        return Done(finish)


class PushHandler:
    """Sends the bytes of one transfer to the consumer's address, from the first byte each time."""

    def __init__(self, uow: UnitOfWork, store: TransferStore, push: PushBytes, transfers: Transfers) -> None:
        self._uow = uow
        self._store = store
        self._push = push
        self._transfers = transfers
        self._vain = InVain()

    async def __call__(self, task: Task) -> Outcome:
        transfer = await run_sync(_find, self._uow, self._store, task.subject)
        if transfer is None or transfer.state != machine.STARTED:
            return Done()
        try:
            await self._push.run(transfer)
        except DeliveryRefused as error:
            pause = self._vain.pause(task.id)
            if pause is not None:
                return Again(error.detail, after=pause, lane_down=True)
            refused = [f"it was sent {MOST_IN_VAIN} times in full but not accepted: {error.detail}"]
            return Done(lambda tx: self._transfers.not_pushed(tx, task.subject, SinkRefused.code, refused))
        except (PeerUnreachable, LocalFault) as error:
            return Again(error.detail, lane_down=isinstance(error, PeerUnreachable))
        except HansaError as refusal:
            if refusal.facts.get("transferState") is not None:
                return Done()  # It is suspended and pushed anew when it starts again, or it is over.
            code = VERSION_GONE if isinstance(refusal, Gone) else refusal.code
            why = list(refusal.facts.get("reasons", ())) or [refusal.detail]
            return Done(lambda tx: self._transfers.not_pushed(tx, task.subject, code, why))
        return Done(lambda tx: self._transfers.notify_consumer(tx, task.subject))


class ConversionHandler:
    """Converts the file that one requested transfer waits for, then starts or refuses the transfer."""

    def __init__(self, uow: UnitOfWork, store: TransferStore, make: MakeConversion, transfers: Transfers) -> None:
        self._uow = uow
        self._store = store
        self._make = make
        self._transfers = transfers

    async def __call__(self, task: Task) -> Outcome:
        transfer = await run_sync(_find, self._uow, self._store, task.subject)
        if transfer is None or transfer.state != machine.REQUESTED:
            return Done()
        try:
            await self._make.run(transfer)
        except HansaError as error:
            log.warning("a file was not converted: %s", error.detail, extra={"transfer": transfer.pid})
            code, why = error.code, "; ".join(text for text in (error.detail, error.remedy) if text)
            return Done(lambda tx: self._transfers.not_converted(tx, task.subject, code, why))
        return Done(lambda tx: self._transfers.start_converted(tx, task.subject))


class LateCheckHandler:
    """Checks one received file against its schemas, in the background."""

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    async def __call__(self, task: Task) -> Outcome:
        await run_sync(self._check, task.subject)
        return Done()


def _find(uow: UnitOfWork, store: TransferStore, pid: str) -> Transfer | None:
    with uow.read() as tx:
        return store.get(tx, pid)
