"""Second factors, and the tokens made with them, from the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import Call, document, endpoint, nothing


class SecondFactorCalls:
    """The part of a client that is about second factors and tokens made with them."""

    @endpoint
    def second_factor(self) -> Call[dict[str, Any]]:
        """Return the user's ``login``, ``since`` when a second factor is set up, and the number of recovery codes."""
        return document("GET", "/api/second-factor")

    @endpoint
    def begin_second_factor(self, password: str) -> Call[dict[str, Any]]:
        """Set up a second factor for the user; return its ``secret`` and ``uri``."""
        return document("POST", "/api/second-factor", json={"password": password})

    @endpoint
    def confirm_second_factor(self, code: str) -> Call[list[str]]:
        """Activate the second factor; return the recovery codes, which are shown only once."""
        options = {"json": {"code": code}}
        return Call(
            "POST", "/api/second-factor/confirm", lambda answer: list(answer.json()["recoveryCodes"]), options
        )

    @endpoint
    def remove_second_factor(self, password: str, code: str) -> Call[None]:
        """Remove the user's own second factor."""
        return nothing("POST", "/api/second-factor/remove", json={"password": password, "code": code})

    @endpoint
    def reset_second_factor(self, login: str) -> Call[None]:
        """Remove the second factor of another account."""
        return nothing("DELETE", f"/api/accounts/{quote(login, safe='')}/second-factor")

    @endpoint
    def make_token(
        self, label: str, days: int | None, password: str, code: str = "", roles: Sequence[str] = ()
    ) -> Call[dict[str, Any]]:
        """Return a new API token of the user, made with password and second-factor code. It is shown only once.

        ``roles``: which of the user's roles it has; none means all.
        """
        body = {"label": label, "days": days, "password": password, "code": code, "roles": list(roles) or None}
        return document("POST", "/api/tokens", json=body)
