"""Checks whether a callback address that a participant names belongs to this participant."""

from __future__ import annotations

from node.adapters.egress import Egress, same_party
from node.base.errors import ForbiddenAddress
from node.identity.model import Caller, DidDocument


class CheckCallback:
    """Refuses addresses that this node may not call, and those of another party."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def __call__(self, address: str, caller: Caller, document: DidDocument) -> None:
        """Raise ``ForbiddenAddress`` if the address is refused."""
        self._egress.check_url(address)
        if not same_party(address, document):
            raise ForbiddenAddress(
                "the callback address is not one of yours",
                remedy="use the host of your DID, or list the address as a service in your DID document",
            )
