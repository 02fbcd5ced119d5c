"""One-time links with which people choose the password of their account: the first one, or one for a lost one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.base.clock import Clock
from node.base.errors import Unauthenticated
from node.base.work import Transaction, UnitOfWork
from node.identity.accounts.accounts import Accounts, require_local
from node.identity.accounts.events import AccountEvents
from node.identity.accounts.hashes import hash_password, token_hash
from node.identity.accounts.lookup import find_account
from node.identity.model import Account, Caller, UserRole
from node.identity.ports import IdentityStore
from node.identity.roles import UseCase, require
from node.ledger.ports import Append

LIFETIME: Final = timedelta(days=3)
"""The time in which a link works."""

KIND: Final = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A new link for an account. It is shown once; the node keeps a hash of its secret."""

    account: Account
    url: str
    expires: datetime


class Invitations:
    """Makes the links and takes the passwords. Synchronous: call it in a thread.

    Whoever has a link can take over the account, so the account says for ever who made the link and when a password
    was chosen with it; its owner reads this at each sign-in. ``base`` is the address of the node.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        accounts: Accounts,
        *,
        base: str,
        append: Append | None,
        terminal_token: str | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._accounts = accounts
        self._base = base
        self._record = AccountEvents(append)
        self._terminal_token = terminal_token

    def invite(self, login: str, name: str, roles: Collection[UserRole], *, by: Caller) -> Invitation:
        """Create an account and a link for its first password. Raises the errors of ``Accounts.add``."""
        self._accounts.add_without_password(login, name, roles, by=by)
        return self.make_link(login, by=by)

    def make_link(self, login: str, *, by: Caller) -> Invitation:
        """Return a new link for an account; earlier ones end. The present password works until the link is used.

        Raises ``NotAllowed``, ``NotFound`` also for a blocked account.
        """
        require(by, UseCase.MANAGE_ACCOUNTS)
        account = self._accounts.find(login)
        require_local(account)
        secret = self._accounts.issue_token(login, by.name, LIFETIME, kind=KIND)
        with self._uow.begin() as tx:
            self._store.drop_links(tx, login, but=token_hash(secret))
            self._record(tx, login, by.name, "link-made")
        expires = self._clock.now() + LIFETIME
        return Invitation(account=account, url=f"{self._base}/invitation/{secret}", expires=expires)

    def account_of(self, secret: str) -> Account:
        """Return the account of a link. Raises ``Unauthenticated`` for a link that does not work (any more)."""
        with self._uow.read() as tx:
            return self._waiting(tx, secret)

    def accept(self, secret: str, password: str) -> Account:
        """Set the password of the account of a link, which then works no more. This ends the account's sessions and
        API tokens. Raises ``Unauthenticated``, ``InvalidInput`` for an unusable password."""
        self.account_of(secret)  # A hash takes time: only who has a link may have one made.
        password_hash = hash_password(password)
        hashed_secret = token_hash(secret)
        with self._uow.begin() as tx:
            login = self._waiting(tx, secret).login
            maker = self._store.label_of(tx, hashed_secret)
            if not self._store.drop_token(tx, hashed_secret):
                raise _link_problem()
            now = self._clock.now()
            self._store.set_password(tx, login, password_hash)
            self._store.note_reset(tx, login, maker, now, what="link")
            self._store.note_reset(tx, login, None, now)
            ended = self._store.drop_tokens(tx, login, but=self._terminal_token)
            self._record(tx, login, login, "password-chosen", linkBy=maker, tokensEnded=ended)
            return find_account(self._store, tx, login)

    def _waiting(self, tx: Transaction, secret: str) -> Account:
        invitation = (
            self._store.by_token(tx, token_hash(secret), self._clock.now()) if 0 < len(secret) <= 256 else None
        )
        if invitation is None or invitation[1] != KIND:
            raise _link_problem()
        return invitation[0]


def _link_problem() -> Unauthenticated:
    return Unauthenticated(
        "this link was used, replaced, or is older than three days",
        remedy="ask an operator of this node for a new link",
        facts={"case": "link"},
    )
