"""This node as its peers see it: its DID, with the valid credentials that it holds."""

from __future__ import annotations

from node.identity.credentials.wallet import Wallet
from node.identity.model import Caller, Credential, Rejection


class Ourselves:
    """This node as its peers see it: its DID with the valid credentials that it holds."""

    def __init__(self, me: str, wallet: Wallet) -> None:
        self._me = me
        self._wallet = wallet
        self._seen = Caller(did=me)

    async def look(self) -> Caller:
        """Return the present state, after reading the status lists."""
        results = await self._wallet.check_status()
        self._seen = Caller(
            did=self._me,
            credentials=tuple(one for one in results if isinstance(one, Credential)),
            rejections=tuple(one for one in results if isinstance(one, Rejection)),
        )
        return self._seen

    @property
    def last_state(self) -> Caller:
        """Return the state of the last ``look``."""
        return self._seen
