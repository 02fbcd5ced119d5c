"""The users of this node, as their operators see and change them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from node.identity.accounts.accounts import Accounts
from node.identity.accounts.invitations import Invitation, Invitations
from node.identity.accounts.oversight import AccountEvent, AccountOversight
from node.identity.accounts.secondfactor import SecondFactor
from node.identity.model import Account, ApiToken, Caller, OpenSession, UserRole


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedUser:
    """A line of the list: an account, and how many sessions and API tokens of it are open."""

    account: Account
    sessions: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """Everything about one account that an operator may read."""

    account: Account
    sessions: Sequence[OpenSession]
    tokens: Sequence[ApiToken]
    history: Sequence[AccountEvent]
    is_own: bool


class Users:
    """The accounts of others. Each use case checks the caller's role."""

    def __init__(
        self,
        accounts: Accounts,
        oversight: AccountOversight,
        invitations: Invitations,
        second_factor: SecondFactor,
    ) -> None:
        self._accounts = accounts
        self._oversight = oversight
        self._invitations = invitations
        self._factor = second_factor

    async def all(self, caller: Caller) -> list[ListedUser]:
        """Return all accounts by login. Raises ``NotAllowed``."""

        def read() -> list[ListedUser]:
            accounts = self._accounts.all(caller)
            sessions = Counter(session.login for session in self._oversight.sessions(caller))
            tokens = Counter(token.login for token in self._accounts.all_tokens(caller))
            return [
                ListedUser(account=account, sessions=sessions[account.login], tokens=tokens[account.login])
                for account in accounts
            ]

        return await run_sync(read)

    async def user(self, caller: Caller, login: str) -> UserView:
        """Return one account. Raises ``NotAllowed``, ``NotFound``."""

        def read() -> UserView:
            return UserView(
                account=self._oversight.account(login, caller),
                sessions=self._oversight.sessions(caller, login),
                tokens=self._accounts.tokens(login),
                history=self._oversight.history(login, caller),
                is_own=login == caller.account,
            )

        return await run_sync(read)

    async def invite(self, caller: Caller, login: str, name: str, roles: Collection[UserRole]) -> Invitation:
        """Create an account with a one-time link. Raises ``NotAllowed``, ``InvalidInput``, ``Conflict``."""
        return await run_sync(lambda: self._invitations.invite(login, name, roles, by=caller))

    async def make_link(self, caller: Caller, login: str) -> Invitation:
        """Make a one-time link for an account. Raises ``NotAllowed``, ``NotFound``."""
        return await run_sync(lambda: self._invitations.make_link(login, by=caller))

    async def set_roles(self, caller: Caller, login: str, roles: Collection[UserRole]) -> None:
        """Give an account exactly these roles. Raises the errors of ``AccountOversight.set_roles``."""
        await run_sync(lambda: self._oversight.set_roles(login, roles, by=caller))

    async def set_blocked(self, caller: Caller, login: str, blocked: bool, reason: str = "") -> None:
        """Block or unblock an account. Raises ``NotAllowed``, ``NotFound``, ``Conflict``."""
        await run_sync(lambda: self._oversight.set_disabled(login, blocked, by=caller, reason=reason))

    async def remove(self, caller: Caller, login: str) -> None:
        """Delete an account. Raises ``NotAllowed``, ``NotFound``, ``Conflict``."""
        await run_sync(lambda: self._oversight.remove(login, by=caller))

    async def end_sessions(self, caller: Caller, login: str) -> None:
        """End all sessions of an account. Raises ``NotAllowed``, ``NotFound``."""
        await run_sync(lambda: self._oversight.end_sessions(login, by=caller))

    async def end_token(self, caller: Caller, login: str, sha256: str) -> None:
        """Revoke an API token of an account. Raises ``NotAllowed``, ``NotFound``."""

        def end() -> None:
            self._oversight.account(login, caller)
            self._accounts.revoke_token(sha256, by=caller, login=login)

        await run_sync(end)

    async def remove_factor(self, caller: Caller, login: str) -> None:
        """Remove the second factor of somebody who lost it. Raises ``NotAllowed``, ``NotFound``."""
        await run_sync(lambda: self._factor.remove(login, by=caller))

    async def account_of_link(self, secret: str) -> Account:
        """Return the account of a one-time link. Raises ``Unauthenticated``."""
        return await run_sync(self._invitations.account_of, secret)

    async def accept(self, secret: str, password: str) -> Account:
        """Set the password of the account of a one-time link. Raises ``Unauthenticated``, ``InvalidInput``."""
        return await run_sync(self._invitations.accept, secret, password)
