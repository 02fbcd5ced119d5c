"""Replace the node's keys from a page: the person gives the password again, and the page sends the keys it showed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from anyio.to_thread import run_sync

from node.base.errors import InvalidInput
from node.identity.accounts.sign_in import SignIn
from node.identity.model import Caller
from node.identity.periods import KeyKind, KnownKey
from node.identity.roles import UseCase, require
from node.identity.rotation import ChangeKeys


class ReplaceKeys:
    """Replaces keys for a person who confirms it with their password, and the code of their second factor."""

    def __init__(self, change: ChangeKeys, sign_in: SignIn) -> None:
        self._change = change
        self._sign_in = sign_in
        self._replacing = asyncio.Lock()

    async def replace(
        self, in_use: Mapping[KeyKind, str], password: str, code: str, by: Caller
    ) -> Sequence[KnownKey]:
        """Replace the keys of these kinds. Return the new keys, or none if the keys were replaced already.

        ``in_use`` has, for each kind, the id of the key in use when the person decided, so that a form that is sent
        twice replaces a key only once. Raises ``NotAllowed`` without the role and for a wrong password or code,
        ``SecondFactorNeeded``, ``InvalidInput`` if no kind is named, ``TooMany``.
        """
        require(by, UseCase.CHANGE_KEYS)
        if not in_use:
            raise InvalidInput("no key is named", remedy="name at least one key that is in use")
        await self._sign_in.confirm_both(str(by.account), password, code)
        async with self._replacing:  # Two clicks at once replace a key once.
            current = {key.id for key in await run_sync(self._change.all) if key.state == "in use"}
            if not current.issuperset(in_use.values()):
                return []
            return await run_sync(lambda: self._change.rotate(list(in_use), by))
