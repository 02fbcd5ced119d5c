"""Access to models of others: the agreement in force, and the transfer under it that allows the calls."""

from __future__ import annotations

from typing import Final, Protocol

from anyio.to_thread import run_sync

from node.base.errors import NotAllowed, PeerUnreachable
from node.base.work import UnitOfWork
from node.dialogue.process import Role
from node.negotiation.agreements_in_force import OurAgreements
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.negotiation.uses import Uses, limits_uses
from node.transfer import machine
from node.transfer.model import Transfer
from node.transfer.openings import Openings, is_open, is_over
from node.transfer.ports import TransferStore
from node.vocab.dsp import EXECUTE

PATIENCE: Final = 60.0
"""Seconds in which the provider has to start a transfer."""


class Opens(Protocol):
    """Requests a transfer in this node's own name, whoever began the run: ``TransferRequests.open``."""

    def __call__(self, agreement_id: str, *, format: str, reuse: bool) -> Transfer:  # noqa: A002 - as the protocol's
        """Return the requested transfer; with ``reuse``, one that has not ended instead of another."""


class ModelTransfers:
    """One transfer for each agreement, reused by all calls under it."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        transfers: TransferStore,
        agreements: AgreementStore,
        open_transfer: Opens,
        openings: Openings,
        me: str,
        uses: Uses,
    ) -> None:
        self._uses = uses
        self._uow = uow
        self._transfers = transfers
        self._agreements = OurAgreements(uow, agreements, me)
        self._open_transfer = open_transfer
        self._openings = openings
        self._me = me

    async def agreement(self, iri: str, provider: str) -> Agreement:
        """Return our agreement in force about ``iri``. Raises ``NotAllowed`` if there is none or it has ended."""
        return await self._agreements.in_force(iri, provider)

    async def open(self, agreement: Agreement) -> Transfer:
        """Return the started transfer under ``agreement``; request one if there is none.

        Raises ``NotAllowed`` with the provider's reasons if it refuses or has suspended the transfer,
        ``PeerUnreachable`` if it does not start it in time.
        """
        transfer = await self._openings.open(
            agreement.id,
            find=lambda: self._find_open(agreement),
            request=lambda: self._open_transfer(agreement.id, format=EXECUTE, reuse=True),
            read=self._get,
        )
        if is_open(transfer):
            return transfer
        if is_over(transfer) or transfer.state == machine.SUSPENDED:
            raise _refusal(transfer)
        raise PeerUnreachable(
            f"{transfer.peer} has not opened the call of {transfer.dataset} yet", remedy="start the run again later"
        )

    async def count_use(self, agreement: Agreement, key: str) -> None:
        """Count a use of the agreement, as this node counts them: the provider has accepted the call named by
        ``key``."""

        def note() -> None:
            with self._uow.begin() as tx:
                self._uses.note(tx, agreement.id, key)

        if limits_uses(agreement.body):
            await run_sync(note)

    def _find_open(self, agreement: Agreement) -> Transfer | None:
        """Return the newest transfer of ours under the agreement that is not over."""
        with self._uow.read() as tx:
            for transfer in self._transfers.under(tx, agreement.id, apart_from=machine.TABLE.terminal):
                if transfer.role is Role.CONSUMER and transfer.format == EXECUTE:
                    return transfer
        return None

    def _get(self, pid: str) -> Transfer | None:
        with self._uow.read() as tx:
            return self._transfers.get(tx, pid)


def _refusal(transfer: Transfer) -> NotAllowed:
    texts = [str(one) for one in transfer.reason if isinstance(one, str)]
    reasons = [one for one in transfer.reason if isinstance(one, dict)]
    what = "has suspended" if transfer.state == machine.SUSPENDED else "does not open"
    return NotAllowed(
        f"{transfer.peer} {what} the call of {transfer.dataset}" + (f": {'; '.join(texts)[:400]}" if texts else ""),
        remedy="see the reasons, and ask the provider",
        facts={"reasons": reasons, "code": transfer.code, "transfer": transfer.pid},
    )
