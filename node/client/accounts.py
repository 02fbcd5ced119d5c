"""Accounts, their one-time links and sessions, from the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import Call, document, endpoint, nothing


class AccountCalls:
    """The part of a client that is about accounts of others."""

    @endpoint
    def invite(self, login: str, name: str, roles: Sequence[str]) -> Call[dict[str, Any]]:
        """Create an account without a password; ``link`` of the answer has the one-time link for it."""
        body = {"login": login, "name": name, "roles": list(roles)}
        return document("POST", "/api/accounts", json=body)

    @endpoint
    def make_link(self, login: str) -> Call[dict[str, Any]]:
        """Return a one-time link (``url``, ``expires``) with which the owner of an account sets a password."""
        return document("POST", f"{_path(login)}/link")

    @endpoint
    def account(self, login: str) -> Call[dict[str, Any]]:
        """Return an account with its ``sessions`` and its ``history``."""
        return document("GET", _path(login))

    @endpoint
    def set_roles(self, login: str, roles: Sequence[str]) -> Call[dict[str, Any]]:
        """Give an account exactly these roles."""
        return document("PATCH", _path(login), json={"roles": list(roles)})

    @endpoint
    def set_disabled(self, login: str, disabled: bool, reason: str = "") -> Call[dict[str, Any]]:
        """Block an account, or unblock it."""
        return document("PATCH", _path(login), json={"disabled": disabled, "reason": reason})

    @endpoint
    def remove_account(self, login: str) -> Call[None]:
        """Delete an account. Nobody can have its login again."""
        return nothing("DELETE", _path(login))

    @endpoint
    def end_sessions(self, login: str) -> Call[int]:
        """End all portal sessions of an account, and return how many there were."""
        return Call("DELETE", f"{_path(login)}/sessions", lambda answer: int(answer.json()["ended"]))


def _path(login: str) -> str:
    return f"/api/accounts/{quote(login, safe='')}"
