"""Credentials of this node that end within the next weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.work import UnitOfWork
from node.identity.model import Caller, Credential
from node.identity.ports import IdentityStore
from node.operation.agenda import SHOWN, SOON, AgendaItem, AgendaPart


class EndingCredentials:
    """The credentials of this node that end soon, or have ended."""

    def __init__(
        self, uow: UnitOfWork, identity: IdentityStore, clock: Clock, names: Callable[[], Mapping[str, str]]
    ) -> None:
        """``names`` returns the names of known participants, by DID."""
        self._uow = uow
        self._identity = identity
        self._clock = clock
        self._names = names

    async def __call__(self, by: Caller) -> AgendaPart:
        return await run_sync(self._part) if by.is_person else AgendaPart()

    def _part(self) -> AgendaPart:
        now = self._clock.now()
        with self._uow.read() as tx:
            newest = _newest_of_each_type(self._identity.credentials(tx))
        names = self._names()
        items = [
            AgendaItem(
                code="credential-ended" if end <= now else "credential-ends",
                path="/about",
                name=credential.types[0] if credential.types else credential.id,
                facts={"issuer": names.get(credential.issuer, credential.issuer)},
                at=end,
            )
            for credential in newest
            if (end := credential.valid_until) is not None and end <= now + SOON
        ]
        items.sort(key=lambda item: (str(item.at), item.name))
        return AgendaPart(items=tuple(items[:SHOWN]), total=len(items))


def _newest_of_each_type(credentials: Sequence[Credential]) -> Sequence[Credential]:
    """Return the credential of each issuer and type that is valid for longest: an older one may end unnoticed."""
    newest: dict[tuple[str, tuple[str, ...]], Credential] = {}
    for credential in credentials:
        key = credential.issuer, credential.types
        known = newest.get(key)
        if known is None or _end_key(credential) > _end_key(known):
            newest[key] = credential
    return list(newest.values())


def _end_key(credential: Credential) -> tuple[bool, str]:
    return credential.valid_until is None, str(credential.valid_until)
