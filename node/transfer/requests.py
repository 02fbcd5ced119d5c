"""Request bytes: the transfers that this node opens as consumer (DSP 2025-1 §9.2.1)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.base.clock import Clock
from node.base.errors import Conflict, NotFound
from node.base.ids import new_urn
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.dialogue.conversation import Conversation
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore, NegotiationStore
from node.semantics.conversions import Wish
from node.transfer import machine, messages
from node.transfer.addresses import push_address, read_push_address, without_token
from node.transfer.model import Transfer
from node.transfer.ports import TransferStore
from node.transfer.tokens import token_hash
from node.vocab.dsp import PULL, PUSH, version_of


class TransferRequests:
    """Opens transfers, for a person (``request``) and for the node itself (``open``)."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        agreements: AgreementStore,
        negotiations: NegotiationStore,
        transfers: TransferStore,
        conversation: Conversation[Transfer],
        clock: Clock,
        me: str,
        address: str,
        public_url: str = "",
    ) -> None:
        """``address`` is this node's protocol base URL; ``public_url`` is its own URL, and it takes pushes below
        that."""
        self._uow = uow
        self._agreements = agreements
        self._negotiations = negotiations
        self._transfers = transfers
        self._conversation = conversation
        self._clock = clock
        self._me = me
        self._address = address
        self._public_url = public_url

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` if ``request`` would raise it."""
        require(by, UseCase.RECEIVE)

    def request(
        self,
        agreement_id: str,
        by: Caller,
        *,
        format: str = PULL,  # noqa: A002 - the protocol's name
        file: str | None = None,
        to: Mapping[str, Any] | None = None,
        reuse: bool = False,
        version: int | None = None,
        wish: Wish | None = None,
    ) -> Transfer:
        """Open a transfer for a person. Raises ``NotAllowed``, and the errors of ``open``."""
        require(by, UseCase.RECEIVE)
        if to is not None:
            require(by, UseCase.DIRECT_BYTES)
        return self.open(agreement_id, format=format, file=file, to=to, reuse=reuse, version=version, wish=wish)

    @taken_in_turn
    def open(
        self,
        agreement_id: str,
        *,
        format: str = PULL,  # noqa: A002 - the protocol's name
        file: str | None = None,
        address: str | None = None,
        to: Mapping[str, Any] | None = None,
        reuse: bool = False,
        version: int | None = None,
        wish: Wish | None = None,
    ) -> Transfer:
        """Request the bytes under an agreement of ours as consumer. ``address`` is the provider's protocol base URL,
        if it is not the one of the negotiation. With ``reuse``, a transfer of the same format, file and ``version``
        that has not ended is returned instead of another one: processes that ask at the same time get the same one.
        ``version`` is the number of the version of the asset; None for the newest one. ``wish`` is the format that
        the provider is to convert the file to.

        A push goes to the data address ``to``: the provider reports when all bytes are there, and they never come to
        this node. Without ``to`` it goes to an address of this node. Secrets in ``to`` are sent to the provider and
        not kept. Raises ``NotFound``, ``Conflict`` (not final yet, or ended), and ``InvalidInput`` if bytes cannot be
        pushed to the address.
        """
        if to is not None:
            read_push_address(to)
        now = self._clock.now()
        with self._uow.begin() as tx:
            agreement = self._agreements.get(tx, agreement_id, lock=reuse)
            if agreement is None or agreement.consumer != self._me:
                raise NotFound(
                    "this node is not the consumer of this agreement",
                    remedy="name an agreement under which this node gets data: hansa agreement list",
                )
            if not agreement.in_force:
                raise Conflict(
                    "the agreement is not in force",
                    remedy="negotiate a new one: hansa get",
                    facts={"case": "agreement-ended"},
                )
            known = self._reusable(tx, agreement_id, (format, file, version)) if reuse and wish is None else None
            if known is not None:
                return known
            there = (address or self._address_of(tx, agreement)).rstrip("/")
            protocol = version_of(there)
            transfer = Transfer(
                pid=new_urn(),
                role=Role.CONSUMER,
                peer=agreement.provider,
                peer_pid=None,
                peer_address=there,
                version=protocol.name,
                state=machine.TABLE.openings[machine.REQUEST].to,
                created=now,
                updated=now,
                agreement=agreement.id,
                dataset=agreement.dataset,
                format=format,
                file=file,
                asset_version=version,
                wish=wish.text if wish is not None else None,
            )
            body = messages.request(transfer, protocol.at(self._address), file=file)
            if to is not None:
                body["dataAddress"] = dict(to)
                transfer = replace(transfer, data_address=without_token(to))
            elif format == PUSH:
                token = secrets.token_urlsafe(32)
                body["dataAddress"] = push_address(self._public_url, transfer.pid, token=token)
                transfer = replace(transfer, push_token=token_hash(token))
            return self._conversation.open(tx, transfer, machine.REQUEST, body)

    def _reusable(
        self, tx: Transaction, agreement_id: str, content: tuple[str, str | None, int | None]
    ) -> Transfer | None:
        """Return our transfer of ``content`` (format, file, version) that has not ended."""
        open_transfers = self._transfers.under(tx, agreement_id, apart_from=machine.TABLE.terminal)
        same = (
            transfer
            for transfer in open_transfers
            if (transfer.format, transfer.file, transfer.asset_version) == content and transfer.wish is None
        )
        return next((transfer for transfer in same if transfer.role is Role.CONSUMER), None)

    def _address_of(self, tx: Transaction, agreement: Agreement) -> str:
        negotiation = self._negotiations.get(tx, agreement.negotiation)
        if negotiation is None:
            raise NotFound("this node does not have the negotiation of this agreement")
        return negotiation.peer_address
