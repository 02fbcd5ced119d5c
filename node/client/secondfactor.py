"""Second factors, and the tokens made with them, from the caller's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import quote


class SecondFactorCalls(ABC):
    """The part of a client that is about second factors and tokens made with them."""

    @abstractmethod
    def _send(self, method: str, url: str, **options: Any) -> Any:
        """Return the node's answer. Raises ``Refusal``, ``PeerUnreachable``."""

    def second_factor(self) -> dict[str, Any]:
        """Return the user's ``login``, ``since`` when a second factor is set up, and the number of recovery codes."""
        return dict(self._send("GET", "/api/second-factor").json())

    def begin_second_factor(self, password: str) -> dict[str, Any]:
        """Set up a second factor for the user; return its ``secret`` and ``uri``."""
        return dict(self._send("POST", "/api/second-factor", json={"password": password}).json())

    def confirm_second_factor(self, code: str) -> list[str]:
        """Activate the second factor; return the recovery codes, which are shown only once."""
        return list(self._send("POST", "/api/second-factor/confirm", json={"code": code}).json()["recoveryCodes"])

    def remove_second_factor(self, password: str, code: str) -> None:
        """Remove the user's own second factor."""
        self._send("POST", "/api/second-factor/remove", json={"password": password, "code": code})

    def reset_second_factor(self, login: str) -> None:
        """Remove the second factor of another account."""
        self._send("DELETE", f"/api/accounts/{quote(login, safe='')}/second-factor")

    def make_token(self, label: str, days: int | None, password: str, code: str = "") -> dict[str, Any]:
        """Return a new API token of the user, made with password and second-factor code. It is shown only once."""
        body = {"label": label, "days": days, "password": password, "code": code}
        return dict(self._send("POST", "/api/tokens", json=body).json())
