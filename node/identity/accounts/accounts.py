"""People of this node: accounts, their passwords, API tokens and portal sessions (governance digest §4).

A city's own identity provider takes precedence if there is one; local accounts let a node work without it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.ids import new_urn
from node.base.work import UnitOfWork
from node.identity.accounts.events import AccountEvents
from node.identity.accounts.hashes import NO_PASSWORD, hash_password, token_hash
from node.identity.accounts.lookup import find_account, unknown_account
from node.identity.model import Account, ApiToken, Browser, Caller, OpenSession, UserRole
from node.identity.ports import IdentityStore
from node.identity.roles import UseCase, allowed, require
from node.ledger.ports import Append
from node.texts.languages import LANGUAGES

LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,62}[a-z0-9])?", re.ASCII)
_PREFIXES: Final = {"api": "hansa_"}


class Accounts:
    """Keeps accounts and their API tokens. Synchronous: call it in a thread, or before the node serves.

    Every change of people's rights is written into the ledger (``append``), with the person who made it (``by``).
    ``terminal_token`` is the hash of the API token in the data folder: a person who can read it can also read the
    node's keys beside it, which no password guards. ``token_days`` is the longest lifetime of a new token.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        *,
        append: Append | None = None,
        terminal_token: str | None = None,
        token_days: int = 365,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._record = AccountEvents(append)
        self._terminal_token = terminal_token
        self.token_days = token_days

    def add(self, login: str, name: str, roles: Collection[UserRole], password: str, *, by: Caller) -> Account:
        """Create an account. Its owner has to choose a new password before the account can do anything binding.

        Raises ``NotAllowed``, ``InvalidInput`` for an unusable login or password, ``Conflict`` if it exists.
        """
        require(by, UseCase.MANAGE_ACCOUNTS)
        return self._add(login, name, roles, password, by=by)

    def add_without_password(self, login: str, name: str, roles: Collection[UserRole], *, by: Caller) -> Account:
        """Create an account whose owner chooses its first password with a one-time link. Raises the errors of
        ``add``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        return self._add(login, name, roles, None, by=by)

    def add_locally(self, login: str, name: str, roles: Collection[UserRole], password: str) -> Account:
        """Create an account for a person with access to the node's data folder: when a node is created, there is no
        other account with a role to check. Raises the errors of ``add``, except ``NotAllowed``."""
        return self._add(login, name, roles, password, by=None)

    def _add(
        self, login: str, name: str, roles: Collection[UserRole], password: str | None, *, by: Caller | None
    ) -> Account:
        if not LOGIN.fullmatch(login):
            raise InvalidInput(
                "a login has 1 to 64 of a–z, 0–9, . _ @ + -, in lower case",
                remedy="choose another, such as ann.peeters",
                facts={"case": "login"},
            )
        another = by.account if by is not None and by.account != login else None
        account = Account(
            id=new_urn(),
            login=login,
            name=name.strip()[:200] or login,
            roles=frozenset(roles),
            created=self._clock.now(),
            reset_by=another,
            reset_at=self._clock.now() if another else None,
            reset_what=("link" if password is None else "password") if another else None,
        )
        hashed = NO_PASSWORD if password is None else hash_password(password)
        with self._uow.begin() as tx:
            self._store.add_account(tx, account, hashed)
            actor = by.name if by is not None else login
            self._record(tx, login, actor, "account-added", roles=sorted(map(str, account.roles)))
        return account

    def all(self, by: Caller) -> list[Account]:
        """Return all accounts. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        with self._uow.read() as tx:
            return list(self._store.accounts(tx))

    def find(self, login: str) -> Account:
        """Return the account. Raises ``NotFound``."""
        with self._uow.read() as tx:
            return find_account(self._store, tx, login)

    def tokens(self, login: str | None = None) -> list[ApiToken]:
        """Return the valid API tokens of one account, or of all; the first to expire first."""
        now = self._clock.now()
        with self._uow.read() as tx:
            return [token for token in self._store.tokens(tx, login) if token.expires > now]

    def all_tokens(self, by: Caller) -> list[ApiToken]:
        """Return the valid API tokens of all accounts. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        return self.tokens()

    def revoke_token(self, sha256: str, *, by: Caller, login: str | None = None) -> ApiToken:
        """End the API token of ``login`` with this hash. If ``login`` is None, it may be a token of the caller or, if
        the caller manages accounts, of anybody. Raises ``NotFound``."""
        if login is None and not allowed(by, UseCase.MANAGE_ACCOUNTS):
            login = by.account
        with self._uow.begin() as tx:
            token = next((token for token in self._store.tokens(tx, login) if token.sha256 == sha256), None)
            if token is None:
                raise NotFound("there is no such token", remedy="for your tokens, see hansa token list")
            self._store.drop_token(tx, sha256)
            self._record(tx, token.login, by.name, "token-revoked", token=sha256, label=token.label)
        return token

    def set_password(self, login: str, password: str, *, by: Caller, keep_tokens: bool = False) -> None:
        """Set a new password. This ends the portal sessions of the old one, and the API tokens unless
        ``keep_tokens``: another person may have opened them. The token of the terminal on the node's machine stays
        valid.

        If ``by`` is another person, the account can do nothing binding until its owner has chosen a new password.
        Raises ``NotAllowed``, ``NotFound``, or ``InvalidInput`` for an unusable password.
        """
        another = by.account if by.account != login else None
        if another:
            require(by, UseCase.MANAGE_ACCOUNTS)
        password_hash = hash_password(password)
        with self._uow.begin() as tx:
            account = find_account(self._store, tx, login)
            require_local(account)
            self._store.set_password(tx, login, password_hash)
            if another or account.must_choose:
                self._store.note_reset(tx, login, another, self._clock.now())
            ended = 0 if keep_tokens else self._store.drop_tokens(tx, login, but=self._terminal_token)
            self._record(tx, login, by.name, "password-changed", setByAnother=another is not None, tokensEnded=ended)

    def make_token(
        self,
        login: str,
        label: str,
        days: int,
        *,
        roles: Collection[UserRole] | None = None,
        second_factor: bool = False,
    ) -> str:
        """Return a new API token for an account, with all of its roles or only with ``roles``.

        The caller has just checked its password, and its second factor if it has one (``second_factor``). Raises
        ``InvalidInput`` beyond the longest lifetime or for roles that the account does not have, ``NotFound``.
        """
        account = self.find(login)
        if roles is not None and not account.roles.issuperset(roles):
            raise InvalidInput(
                "a token cannot have roles that its owner does not have",
                remedy=f"choose among: {', '.join(sorted(account.roles))}",
            )
        if not 1 <= days <= self.token_days:
            raise InvalidInput(
                f"an API token is in force for 1 to {self.token_days} days here",
                remedy="ask for fewer days; the setting token_days says how many there may be",
            )
        return self.issue_token(login, label, timedelta(days=days), roles=roles, second_factor=second_factor)

    def issue_token(
        self,
        login: str,
        label: str,
        lifetime: timedelta,
        *,
        kind: str = "api",
        roles: Collection[UserRole] | None = None,
        second_factor: bool = False,
        browser: Browser | None = None,
    ) -> str:
        """Return a new API token (or session), which is shown once and kept as a hash. Raises ``NotFound``."""
        now = self._clock.now()
        token = f"{_PREFIXES.get(kind, '')}{secrets.token_urlsafe(32)}"
        with self._uow.begin() as tx:
            if find_account(self._store, tx, login).disabled:
                raise unknown_account(login)
            self._store.add_token(
                tx,
                token_sha256=token_hash(token),
                login=login,
                kind=kind,
                label=label[:200],
                expires=now + lifetime,
                at=now,
                roles=roles,
                browser=browser,
            )
            if kind == "session":
                self._store.note_sign_in(tx, login, now)
            if second_factor:
                self._store.mark_token(tx, token_hash(token))
            if kind == "api":
                self._record(tx, login, login, "token-made", token=token_hash(token), label=label[:200])
        return token

    def sessions(self, login: str) -> list[OpenSession]:
        """Return the portal sessions of one account that are still open, the newest first."""
        now = self._clock.now()
        with self._uow.read() as tx:
            return [session for session in self._store.sessions(tx, login) if session.expires > now]

    def end_session(self, login: str, sha256: str) -> None:
        """End the portal session of ``login`` with this hash. Raises ``NotFound``."""
        with self._uow.begin() as tx:
            if all(session.sha256 != sha256 for session in self._store.sessions(tx, login)):
                raise NotFound("there is no such session", remedy="reload the page: it may have ended already")
            self._store.drop_token(tx, sha256)

    def end_other_sessions(self, login: str, *, but: str) -> int:
        """End all portal sessions of ``login`` but the one with the hash ``but``. Return how many ended."""
        with self._uow.begin() as tx:
            others = [one.sha256 for one in self._store.sessions(tx, login) if one.sha256 != but]
            return sum(self._store.drop_token(tx, sha256) for sha256 in others)

    def set_language(self, login: str, language: str) -> None:
        """Remember the language of pages that the owner chose. Raises ``InvalidInput``, ``NotFound``."""
        if language not in LANGUAGES:
            raise InvalidInput("this is not a language of the pages", remedy=f"choose among: {', '.join(LANGUAGES)}")
        with self._uow.begin() as tx:
            self._store.set_language(tx, login, language)

    def drop_token(self, token: str) -> None:
        """End the token or session now; an unknown one has ended already."""
        with self._uow.begin() as tx:
            self._store.drop_token(tx, token_hash(token))


def require_local(account: Account) -> None:
    """Raise ``Conflict`` if the account has no password of this node."""
    if account.is_external:
        raise Conflict(
            f"{account.login} signs in with the identity provider {account.issuer}, and has no password here",
            remedy="change the password at the identity provider",
            facts={"case": "external"},
        )
