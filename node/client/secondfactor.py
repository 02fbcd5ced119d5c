"""Second factors, and the tokens made with them, from the caller's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import quote


class SecondFactorCalls(ABC):
    """The part of a client that is about second factors and tokens made with them."""

    @abstractmethod
    def _send(self, method: str, url: str, **options: Any) -> Any:
        """The node's answer. Raises ``Refusal``, ``PeerUnreachable``."""

    def second_factor(self) -> dict[str, Any]:
        """Whether one has a second factor oneself (``since``), one's ``login``, how many recovery codes are left."""
        return dict(self._send("GET", "/api/second-factor").json())

    def begin_second_factor(self, password: str) -> dict[str, Any]:
        """Set up a second factor for oneself: its ``secret`` and ``uri``."""
        return dict(self._send("POST", "/api/second-factor", json={"password": password}).json())

    def confirm_second_factor(self, code: str) -> list[str]:
        """Have it count from now on; the recovery codes, told once."""
        return list(self._send("POST", "/api/second-factor/confirm", json={"code": code}).json()["recoveryCodes"])

    def remove_second_factor(self, password: str, code: str) -> None:
        """Remove one's own second factor."""
        self._send("POST", "/api/second-factor/remove", json={"password": password, "code": code})

    def reset_second_factor(self, login: str) -> None:
        """Remove the second factor of another account."""
        self._send("DELETE", f"/api/accounts/{quote(login, safe='')}/second-factor")

    def make_token(self, label: str, days: int | None, password: str, code: str = "") -> dict[str, Any]:
        """A new API token for oneself, made with one's password and the code of one's second factor: shown once."""
        body = {"label": label, "days": days, "password": password, "code": code}
        return dict(self._send("POST", "/api/tokens", json=body).json())
