"""The account with a login name, or the error that there is none."""

from __future__ import annotations

from node.base.errors import NotFound
from node.base.work import Transaction
from node.identity.model import Account
from node.identity.ports import IdentityStore


def find_account(store: IdentityStore, tx: Transaction, login: str) -> Account:
    """Return the account with this login. Raises ``NotFound``."""
    account = store.account(tx, login)
    if account is None:
        raise unknown_account(login)
    return account[0]


def unknown_account(login: str) -> NotFound:
    """Return the error for a login that no account has."""
    return NotFound(f"there is no account {login[:64]}", remedy="for all accounts, see hansa user list")
