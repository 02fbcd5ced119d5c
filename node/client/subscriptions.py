"""Subscriptions, from the caller's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing

PATH = "/api/subscriptions"
WEBHOOKS = "/api/webhooks"


class SubscriptionCalls(CallGroup[C_co]):
    """The subscriptions of one person. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[dict[str, Any]]:
        """Return the subscriptions with their news, and the ``mark`` of this list."""
        return document("GET", PATH)

    @endpoint
    def add_asset(self, iri: str) -> Call[dict[str, Any]]:
        """Subscribe to the changes of an asset."""
        return document("POST", PATH, json={"iri": iri})

    @endpoint
    def add_search(self, search: Mapping[str, Sequence[str]], *, name: str = "") -> Call[dict[str, Any]]:
        """Subscribe to new assets of a search: parameter → values, as in ``GET /api/catalogue/search``."""
        return document(
            "POST", PATH, json={"search": {key: list(values) for key, values in search.items()}, "name": name}
        )

    @endpoint
    def remove(self, subscription_id: str) -> Call[None]:
        """End a subscription."""
        return nothing("DELETE", f"{PATH}/{quote(subscription_id, safe='')}")

    @endpoint
    def mark_seen(self, mark: str, *, subscription_id: str = "") -> Call[None]:
        """Count as seen what was news in the list with this mark, of one subscription or of all."""
        return nothing("POST", f"{PATH}/seen", json={"mark": mark, "id": subscription_id})

    @endpoint
    def make_feed(self) -> Call[dict[str, Any]]:
        """Make a private feed; ``url`` of the answer is its address, which is shown once."""
        return document("POST", f"{PATH}/feed")

    @endpoint
    def end_feed(self) -> Call[None]:
        """End the private feed."""
        return nothing("DELETE", f"{PATH}/feed")

    @endpoint
    def set_mail(self, address: str) -> Call[dict[str, Any]]:
        """Give an address for e-mails; its owner is asked to confirm it."""
        return document("PUT", f"{PATH}/mail", json={"address": address})

    @endpoint
    def end_mail(self) -> Call[None]:
        """End the e-mails."""
        return nothing("DELETE", f"{PATH}/mail")


class WebhookCalls(CallGroup[C_co]):
    """The programs that the node tells about its events. All methods raise ``Refusal`` if the node refuses,
    ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[dict[str, Any]]:
        """Return the ``webhooks``, and the ``kinds`` of events."""
        return document("GET", WEBHOOKS)

    @endpoint
    def add(self, name: str, address: str, *, kinds: Sequence[str] = (), sign: bool = True) -> Call[dict[str, Any]]:
        """Register a webhook; ``secret`` of the answer is shown once."""
        return document("POST", WEBHOOKS, json={"name": name, "address": address, "kinds": list(kinds), "sign": sign})

    @endpoint
    def webhook(self, name: str) -> Call[dict[str, Any]]:
        """Return a webhook."""
        return document("GET", _webhook(name))

    @endpoint
    def deliveries(
        self, name: str, *, state: str = "", limit: int = 50, offset: int = 0
    ) -> Call[list[dict[str, Any]]]:
        """Return the events for a webhook, the newest first: all, or those that are waiting, delivered or dead."""
        params = {"limit": limit, "offset": offset} | ({"state": state} if state else {})
        return Call(
            "GET",
            f"{_webhook(name)}/deliveries",
            lambda answer: list(answer.json()["deliveries"]),
            {"params": params},
        )

    @endpoint
    def test(self, name: str) -> Call[dict[str, Any]]:
        """Send a webhook a test now; return what it answered, in words."""
        return document("POST", f"{_webhook(name)}/test")

    @endpoint
    def pause(self, name: str) -> Call[dict[str, Any]]:
        """Send a webhook nothing until it is resumed."""
        return document("POST", f"{_webhook(name)}/pause")

    @endpoint
    def resume(self, name: str) -> Call[dict[str, Any]]:
        """Go on where a webhook was paused."""
        return document("POST", f"{_webhook(name)}/resume")

    @endpoint
    def retry(self, name: str, *, delivery: str = "") -> Call[dict[str, Any]]:
        """Send a dead letter again, or all of them; return how many are ``queued``."""
        return document("POST", f"{_webhook(name)}/retry", json={"delivery": delivery})

    @endpoint
    def remove(self, name: str) -> Call[None]:
        """Forget a webhook."""
        return nothing("DELETE", _webhook(name))


def _webhook(name: str) -> str:
    return f"{WEBHOOKS}/{quote(name, safe='')}"
