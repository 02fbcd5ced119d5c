"""This node as its peers see it: its DID, with the credentials that it holds and that stand."""

from __future__ import annotations

from node.identity.credentials.wallet import Wallet
from node.identity.model import Caller, Credential, Rejected


class Ourselves:
    """This node as its peers see it: its DID with the credentials that it holds and that stand."""

    def __init__(self, me: str, wallet: Wallet) -> None:
        self._me = me
        self._wallet = wallet
        self._seen = Caller(did=me)

    async def look(self) -> Caller:
        """Fresh, status lists asked."""
        checked = await self._wallet.check_status()
        self._seen = Caller(
            did=self._me,
            credentials=tuple(one for one in checked if isinstance(one, Credential)),
            rejected=tuple(one for one in checked if isinstance(one, Rejected)),
        )
        return self._seen

    @property
    def seen(self) -> Caller:
        """As it was when it last looked."""
        return self._seen
