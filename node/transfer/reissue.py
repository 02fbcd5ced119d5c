"""Send a message after all that was given up: its secrets were erased, and are made anew."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from node.base.errors import Conflict
from node.base.jsons import canonical, read_object
from node.base.work import Transaction
from node.dialogue.conversation import Conversation
from node.transfer import machine
from node.transfer.addresses import push_address
from node.transfer.model import Transfer
from node.transfer.ports import TransferStore
from node.transfer.reactions import Reactions
from node.transfer.tokens import token_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Reissue:
    """Makes the bytes of such a message. ``public_url`` is this node's own."""

    store: TransferStore
    conversation: Conversation[Transfer]
    reactions: Reactions
    public_url: str

    def __call__(self, tx: Transaction, pid: str, message: str, body: bytes) -> bytes:
        """Return ``message`` of the transfer ``pid`` with new secrets; ``body`` is the stored message.

        Raises ``Conflict`` if it cannot be sent any more: the transfer cannot be started, or the consumer had named a
        push address of another service, and the secrets of that address were not kept.
        """
        transfer = self.store.get(tx, pid, lock=True)
        if transfer is None or not isinstance(read_object(body).get("dataAddress"), Mapping):
            return body
        if message == machine.START:
            return self.reactions.reissue(tx, transfer, body)
        if transfer.push_token is None:
            raise Conflict(
                "the credentials for the address of this push were not stored",
                remedy="give it up, and have it pushed again",
            )
        token = secrets.token_urlsafe(32)
        self.conversation.amend(tx, transfer, push_token=token_hash(token))
        address = push_address(self.public_url, transfer.pid, token=token)
        return canonical({**read_object(body), "dataAddress": address})
