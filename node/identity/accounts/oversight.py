"""Oversight of accounts by operators: roles, blocks, deletion, sessions, and the record of all that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.identity.accounts.events import SUBJECT, AccountEvents
from node.identity.accounts.lookup import find_account
from node.identity.model import Account, Caller, OpenSession, UserRole
from node.identity.ports import IdentityStore
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append, LedgerStore

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """An event of an account in the ledger: who did what when; ``facts`` are its particulars."""

    event: str
    by: str
    at: datetime
    facts: dict[str, Any]


class AccountOversight:
    """The acts of operators on accounts. Synchronous: call it in a thread.

    Each act needs the role for ``UseCase.MANAGE_ACCOUNTS`` and is written into the ledger with the person who did it.
    A node always keeps an operator with a local account: these acts wait for each other, so that two operators cannot
    close each other's accounts. Roles are read anew for each request, so that a change works at once in sessions
    that are open.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        ledger: LedgerStore,
        clock: Clock,
        *,
        append: Append | None,
        on_removal: Callable[[Transaction, str], None] = lambda tx, login: None,
    ) -> None:
        """``on_removal`` drops what other rooms keep for a deleted account."""
        self._uow = uow
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._record = AccountEvents(append)
        self._on_removal = on_removal

    def account(self, login: str, by: Caller) -> Account:
        """Return an account. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        with self._uow.read() as tx:
            return find_account(self._store, tx, login)

    def set_roles(self, login: str, roles: Collection[UserRole], *, by: Caller) -> Account:
        """Give an account exactly these roles.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput`` without a role, ``Conflict`` if this takes the role
        operator from the caller or from the last operator, and for a person of an identity provider, whose groups
        give the roles.
        """
        require(by, UseCase.MANAGE_ACCOUNTS)
        new_roles = frozenset(roles)
        if not new_roles:
            raise InvalidInput("an account has at least one role", remedy="choose a role, or block the account")
        with self._uow.begin() as tx:
            self._store.lock_accounts(tx)
            account = find_account(self._store, tx, login)
            if account.is_external:
                raise Conflict(
                    f"the roles of {login} come from groups at the identity provider",
                    remedy="change the groups there, or block the account",
                    facts={"case": "external"},
                )
            if new_roles == account.roles:
                return account
            if UserRole.OPERATOR in account.roles - new_roles:
                if login == by.account:
                    raise Conflict(
                        "you cannot take the role operator from yourself",
                        remedy="ask another operator",
                        facts={"case": "own-operator"},
                    )
                self._require_other_operator(tx, login)
            self._store.set_roles(tx, login, new_roles)
            now, before = sorted(map(str, new_roles)), sorted(map(str, account.roles))
            self._record(tx, login, by.name, "roles-changed", roles=now, before=before)
            return find_account(self._store, tx, login)

    def set_disabled(self, login: str, disabled: bool, *, by: Caller, reason: str = "") -> Account:
        """Block an account, which ends its sessions and API tokens at once, or unblock it, which does not restore
        them. Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` for the caller's own account or that of the last
        operator."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        why = " ".join(reason.split())[:LONGEST_REASON]
        with self._uow.begin() as tx:
            self._store.lock_accounts(tx)
            account = find_account(self._store, tx, login)
            if disabled:
                self._require_replaceable(tx, login, by)
            if account.disabled == disabled:
                return account
            self._store.set_disabled(tx, login, disabled, why or None)
            facts = {"reason": why} if why else {}
            self._record(tx, login, by.name, "account-disabled" if disabled else "account-enabled", **facts)
            return find_account(self._store, tx, login)

    def remove(self, login: str, *, by: Caller) -> None:
        """Delete an account with its name, password, second factor, sessions and API tokens. Nobody can have its
        login again, so that the ledger stays clear.

        Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` for the caller's own account or that of the last
        operator.
        """
        require(by, UseCase.MANAGE_ACCOUNTS)
        with self._uow.begin() as tx:
            self._store.lock_accounts(tx)
            find_account(self._store, tx, login)
            self._require_replaceable(tx, login, by)
            self._store.remove_account(tx, login, self._clock.now())
            self._on_removal(tx, login)
            self._record(tx, login, by.name, "account-removed")

    def sessions(self, by: Caller, login: str | None = None) -> list[OpenSession]:
        """Return the open portal sessions of an account, or of all, the newest first. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        now = self._clock.now()
        with self._uow.read() as tx:
            return [session for session in self._store.sessions(tx, login) if session.expires > now]

    def end_sessions(self, login: str, *, by: Caller) -> int:
        """End all portal sessions of an account, and return how many there were. Raises ``NotAllowed``,
        ``NotFound``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        with self._uow.begin() as tx:
            find_account(self._store, tx, login)
            count = len(self._store.sessions(tx, login))
            self._store.end_sessions(tx, login)
            self._record(tx, login, by.name, "sessions-ended", count=count)
        return count

    def history(self, login: str, by: Caller) -> list[AccountEvent]:
        """Return the recorded events of an account, the newest first. Raises ``NotAllowed``."""
        require(by, UseCase.MANAGE_ACCOUNTS)
        with self._uow.read() as tx:
            entries = self._ledger.history(tx, f"{SUBJECT}{login}", EntryKind.NODE)
            bodies = [(entry, read_object(entry.body)) for entry in entries]
        return [
            AccountEvent(event=str(body.pop("event", "")), by=entry.by, at=entry.at, facts=body)
            for entry, body in reversed(bodies)
        ]

    def _require_replaceable(self, tx: Transaction, login: str, by: Caller) -> None:
        if login == by.account:
            raise Conflict(
                "you cannot close the account that you are using",
                remedy="ask another operator",
                facts={"case": "own-account"},
            )
        self._require_other_operator(tx, login)

    def _require_other_operator(self, tx: Transaction, login: str) -> None:
        if not any(
            UserRole.OPERATOR in account.roles
            and not account.disabled
            and not account.is_invited
            # The way back in must not depend on an identity provider.
            and not account.is_external
            and account.login != login
            for account in self._store.accounts(tx)
        ):
            raise Conflict(
                f"{login} is the last operator with a local account",
                remedy="add another operator with a local account first",
                facts={"case": "last-operator"},
            )
