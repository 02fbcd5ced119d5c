"""The reader's own account: the data of its page, and changes that take several steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import token_hash
from node.identity.accounts.secondfactor import Enrolment, SecondFactor
from node.identity.accounts.sign_in import SignIn
from node.identity.model import BINDING_ROLES, Account, ApiToken, Browser, Caller, OpenSession, UserRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account as its owner sees it, its API tokens and open sessions, and the longest term of a token, in days.

    ``recovery_codes`` is how many are left; ``factor_required``: the person's roles work with a second factor only.
    """

    account: Account
    tokens: Sequence[ApiToken] = ()
    sessions: Sequence[OpenSession] = ()
    token_days: int = 365
    recovery_codes: int = 0
    factor_required: bool = False


class OwnAccount:
    """The account of the caller; every caller here is a person of this node."""

    def __init__(self, accounts: Accounts, sign_in: SignIn, second_factor: SecondFactor, *, required: bool) -> None:
        """``required``: roles which bind the city work with a second factor only."""
        self._accounts = accounts
        self._sign_in = sign_in
        self._factor = second_factor
        self._required = required

    async def person(self, caller: Caller) -> Person:
        """Return the account as its page shows it."""
        login = str(caller.account)
        account = await run_sync(self._accounts.find, login)
        return Person(
            account=account,
            tokens=await run_sync(self._accounts.tokens, login),
            sessions=await run_sync(self._accounts.sessions, login),
            token_days=self._accounts.token_days,
            recovery_codes=await run_sync(self._factor.codes_left, login),
            factor_required=self._required and not account.roles.isdisjoint(BINDING_ROLES),
        )

    async def change_password(
        self, caller: Caller, old: str, new: str, *, keep_tokens: bool, browser: Browser | None = None
    ) -> str:
        """Change the password, which ends all sessions; return the token of a new one.

        Raises ``NotAllowed`` for a wrong old password, ``InvalidInput`` for an unfit new one, ``TooMany``.
        """
        login = str(caller.account)
        await self._sign_in.confirm(login, old)
        await run_sync(lambda: self._accounts.set_password(login, new, by=caller, keep_tokens=keep_tokens))
        return await self._sign_in.open(login, second_factor=caller.second_factor, browser=browser)

    async def make_token(
        self,
        caller: Caller,
        label: str,
        days: int,
        password: str,
        code: str,
        *,
        roles: Collection[UserRole] | None = None,
    ) -> str:
        """Make an API token, with all of the caller's roles or only with ``roles``.

        Raises as ``change_password``, and ``SecondFactorNeeded``.
        """
        login = str(caller.account)
        marked = await self._sign_in.confirm_both(login, password, code)
        return await run_sync(
            lambda: self._accounts.make_token(login, label, days, roles=roles, second_factor=marked)
        )

    async def end_token(self, caller: Caller, sha256: str) -> None:
        """End an API token of the caller. Raises ``NotFound``."""
        login = str(caller.account)
        await run_sync(lambda: self._accounts.revoke_token(sha256, login=login, by=caller))

    async def end_session(self, caller: Caller, sha256: str) -> None:
        """End a portal session of the caller. Raises ``NotFound``."""
        await run_sync(self._accounts.end_session, str(caller.account), sha256)

    async def end_other_sessions(self, caller: Caller, session: str) -> None:
        """End all portal sessions of the caller but ``session``."""
        login = str(caller.account)
        await run_sync(lambda: self._accounts.end_other_sessions(login, but=token_hash(session)))

    async def set_language(self, caller: Caller, language: str) -> None:
        """Remember the caller's language for pages. Raises ``InvalidInput``."""
        await run_sync(self._accounts.set_language, str(caller.account), language)

    async def begin_factor(self, caller: Caller, password: str) -> Enrolment:
        """Set up a second factor. Raises ``NotAllowed``, ``TooMany``, ``Conflict``."""
        login = str(caller.account)
        await self._sign_in.confirm(login, password)
        return await run_sync(self._factor.begin, login)

    async def pending_factor(self, caller: Caller) -> Enrolment:
        """Return the second factor that is being set up. Raises ``NotFound``."""
        return await run_sync(self._factor.pending, str(caller.account))

    async def confirm_factor(self, caller: Caller, code: str, session: str) -> Sequence[str]:
        """Activate the second factor; ``session`` counts as having used it. Return the recovery codes.

        Raises ``NotAllowed``, ``NotFound``, ``TooMany``.
        """
        return await self._factor.confirm(str(caller.account), code, session=token_hash(session))

    async def remove_factor(self, caller: Caller, password: str, code: str) -> None:
        """Remove the second factor. Raises ``NotAllowed``, ``TooMany``."""
        login = str(caller.account)
        await self._sign_in.confirm_both(login, password, code)
        await run_sync(lambda: self._factor.remove_own(login))
