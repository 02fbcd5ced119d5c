"""The person behind a token or a session, and the roles of the person that work now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import LocalFault, Unauthenticated
from node.base.work import UnitOfWork
from node.identity.accounts.hashes import token_hash
from node.identity.model import BINDING_ROLES, Account, Caller, Need
from node.identity.ports import IdentityStore

NOTED_EVERY: Final = timedelta(minutes=5)
"""The last use of a token or session is noted at most this often: reading must not become writing."""

_MOST_NOTED: Final = 10_000


class IdentifyPerson:
    """Turns an API token or a session into a ``Caller``: a person, acting for this node.

    Roles that bind the city are withheld while another person knows the password; from sessions and tokens that were
    opened without the second factor of an account that has one; and, if it is ``required``, from accounts without
    one. This does not apply to the token with the hash ``terminal_token``, which is stored beside the node's keys.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        did: str,
        *,
        terminal_token: str | None = None,
        required: bool = False,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._did = did
        self._terminal_token = terminal_token
        self._required = required
        self._noted: dict[str, datetime] = {}
        self._threads = anyio.CapacityLimiter(8)

    async def by_token(self, token: str) -> Caller:
        """Return the person behind an API token. Raises ``Unauthenticated``."""
        return await self._identify(token, "api")

    async def by_session(self, session: str) -> Caller:
        """Return the person behind a portal session. Raises ``Unauthenticated``."""
        return await self._identify(session, "session")

    async def _identify(self, token: str, kind: str) -> Caller:
        if not 0 < len(token) <= 256:
            raise Unauthenticated("the token is not one of this node's")
        token_digest = token_hash(token)
        if self._uow.reads_at_once:
            session = self._look_up(token_digest)
        else:
            session = await anyio.to_thread.run_sync(self._look_up, token_digest, limiter=self._threads)
        # A session does not work as an API token, nor the other way round: each is guarded differently.
        if session is None or session[1] != kind or session[0].disabled:
            raise Unauthenticated("the token is unknown or has expired", remedy="sign in again or make a new token")
        account, _, mark = session
        await self._note_use(token_digest)
        needs = () if token_digest == self._terminal_token else tuple(self._needs(account, mark))
        return self._caller(account, needs, mark)

    async def _note_use(self, name: str) -> None:
        """Note the use of a token, at most once in ``NOTED_EVERY``. If nothing can be written, because the database
        is busy or the disk is full, people can still read."""
        now = self._clock.now()
        noted = self._noted.get(name)
        if noted is not None and now - noted < NOTED_EVERY:
            return
        self._noted[name] = now
        while len(self._noted) > _MOST_NOTED:
            del self._noted[next(iter(self._noted))]

        def note() -> None:
            with suppress(LocalFault), self._uow.begin(synced=False) as tx:
                self._store.note_use(tx, name, now)

        await anyio.to_thread.run_sync(note, limiter=self._threads)

    def by_account(self, login: str) -> Caller:
        """Return the person with this account and their present roles, for work that they ordered.

        They gave the code of their second factor when they ordered it. A deleted or disabled account has no role.
        Synchronous: call it in a thread.
        """
        with self._uow.read() as tx:
            account = self._store.account(tx, login)
        if account is None or account[0].disabled:
            return Caller(did=self._did, account=login)
        return self._caller(account[0], tuple(self._needs(account[0], True)), True)

    def _caller(self, account: Account, needs: tuple[Need, ...], marked: bool) -> Caller:
        withheld = account.roles & BINDING_ROLES if needs else frozenset()
        return Caller(
            did=self._did,
            account=account.login,
            roles=account.roles - withheld,
            withheld=withheld,
            needs=needs,
            reset_by=account.reset_by or "",
            reset_what=account.reset_what or "",
            second_factor=marked,
            language=account.language or "",
        )

    def _needs(self, account: Account, marked: bool) -> Iterator[Need]:
        if account.must_choose:
            yield Need.OWN_PASSWORD
        if account.second_factor is not None:
            if not marked:
                yield Need.CODE
        elif self._required and not account.is_external and account.roles & BINDING_ROLES:
            yield Need.SECOND_FACTOR

    def _look_up(self, token_hash: str) -> tuple[Account, str, bool] | None:
        with self._uow.read() as tx:
            account = self._store.by_token(tx, token_hash, self._clock.now())
            if account is None:
                return None
            return *account, account[0].second_factor is not None and self._store.is_marked(tx, token_hash)
