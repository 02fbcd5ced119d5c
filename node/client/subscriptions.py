"""Subscriptions, from the caller's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing

PATH = "/api/subscriptions"


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
