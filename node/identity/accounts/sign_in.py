"""Sign-in to the portal with login and password, and the second factor where an account has one."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import anyio
import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import LocalFault, NotAllowed, Unauthenticated
from node.base.work import UnitOfWork
from node.identity.accounts.accounts import LOGIN, Accounts
from node.identity.accounts.hashes import NOBODY, password_fits, token_hash
from node.identity.accounts.secondfactor import SecondFactor, SecondFactorNeeded
from node.identity.accounts.throttle import Throttle
from node.identity.accounts.throttle import place as place_of
from node.identity.model import Account, Browser
from node.identity.ports import IdentityStore

_HALF: Final = timedelta(minutes=5)
"""The time that a sign-in waits for the code of the second factor."""


class SignIn:
    """Opens a portal session for login and password."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        *,
        lifetime: timedelta = timedelta(hours=12),
        throttle: Throttle | None = None,
        second_factor: SecondFactor | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._accounts = Accounts(uow, store, clock)
        self._lifetime = lifetime
        self._throttle = throttle or Throttle(clock)
        self._second_factor = second_factor
        # Each hash takes 19 MiB: two at a time bound the memory for many simultaneous sign-ins.
        self._hashing = anyio.CapacityLimiter(2)

    async def sign_in(self, login: str, password: str, *, origin: str = "", agent: str = "") -> tuple[Account, str]:
        """Return the account and the value of its session cookie, which is always new.

        ``origin`` is the caller's network address, counted beside the login: guesses from one address slow that
        address down, and do not affect people who sign in from another; ``agent`` is the name that the browser gives
        itself. Raises ``Unauthenticated`` with the same sentence for every cause, ``TooMany`` after repeated
        failures; ``SecondFactorNeeded`` if the password is correct and ``complete`` has to be called with the error's
        ``pending``.
        """
        name, place = login[:64], place_of(origin)
        keys = [f"login {name} {place}", f"from {place}", f"all {name}"] if place else [f"login {name}"]
        self._throttle.attempt(keys)
        account = await anyio.to_thread.run_sync(self._verify, login, password, limiter=self._hashing)
        if account is None:
            raise Unauthenticated(
                "login or password is wrong",
                remedy="try again, or have an administrator set a new password: hansa user LOGIN --password",
            )
        self._throttle.record_success(keys)
        if account.second_factor is not None:
            pending = await anyio.to_thread.run_sync(
                lambda: self._accounts.issue_token(login, "portal", _HALF, kind="half"), limiter=self._hashing
            )
            raise SecondFactorNeeded(pending)
        return account, await self.open(login, browser=Browser(address=place, agent=agent))

    async def complete(self, pending: str, code: str, *, browser: Browser | None = None) -> str:
        """Return the session of a sign-in that waits for the code of the second factor.

        Raises ``Unauthenticated`` if no such sign-in waits (any more), ``NotAllowed`` for a wrong code, ``TooMany``.
        """

        def waiting() -> str:
            with self._uow.read() as tx:
                pending_token = self._store.by_token(tx, token_hash(pending), self._clock.now())
            if pending_token is None or pending_token[1] != "half":
                raise Unauthenticated("this sign-in took too long", remedy="sign in again")
            return pending_token[0].login

        login = await anyio.to_thread.run_sync(waiting, limiter=self._hashing)
        await self._factor().verify(login, code)
        await anyio.to_thread.run_sync(self._accounts.drop_token, pending, limiter=self._hashing)
        return await self.open(login, second_factor=True, browser=browser)

    async def open(self, login: str, *, second_factor: bool = False, browser: Browser | None = None) -> str:
        """Return a new session for an account. The caller has just checked its password, and its second factor if it
        has one."""

        def issue() -> str:
            return self._accounts.issue_token(
                login,
                "portal",
                self._lifetime,
                kind="session",
                second_factor=second_factor,
                browser=browser,
            )

        return await anyio.to_thread.run_sync(issue, limiter=self._hashing)

    def _factor(self) -> SecondFactor:
        if self._second_factor is None:
            raise LocalFault("this node does not support second factors")
        return self._second_factor

    async def confirm(self, login: str, password: str) -> Account:
        """Check the password of ``login``, who is signed in, and return the account. This is required before a change
        of the password or a new token, so that somebody with an abandoned session or token can neither take over the
        account nor extend the access.

        Raises ``NotAllowed``, ``TooMany``.
        """
        keys = [f"confirm {login[:64]}"]
        self._throttle.attempt(keys)
        account = await anyio.to_thread.run_sync(self._verify, login, password, limiter=self._hashing)
        if account is None:
            raise NotAllowed("the password is wrong", remedy="give your current password")
        self._throttle.record_success(keys)
        return account

    async def confirm_both(self, login: str, password: str, code: str) -> bool:
        """Like ``confirm``; also check the code if the account has a second factor. Return whether it has one.

        Raises ``SecondFactorNeeded`` if the code is missing.
        """
        account = await self.confirm(login, password)
        if account.second_factor is None:
            return False
        if not code:
            raise SecondFactorNeeded
        await self._factor().verify(login, code)
        return True

    async def sign_out(self, session: str) -> None:
        await anyio.to_thread.run_sync(self._accounts.drop_token, session, limiter=self._hashing)

    def _verify(self, login: str, password: str) -> Account | None:
        with self._uow.read() as tx:
            found = self._store.account(tx, login) if LOGIN.fullmatch(login) else None
        account, hashed = found if found is not None else (None, NOBODY)
        fits = password_fits(hashed, password)
        return account if fits and account is not None and not account.disabled else None
