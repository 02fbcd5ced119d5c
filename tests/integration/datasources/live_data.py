"""A city that shares a data source, and a partner that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

from node.vocab.dsp import LIVE
from tests.nodes import Running, agree, described, until


@dataclass
class Opened:
    """Live data, opened by a partner."""

    iri: str
    agreement: str
    transfer: str
    endpoint: str
    authorization: str

    def get(self, path: str = "", *, method: str = "GET", headers: dict[str, str] | None = None) -> httpx2.Response:
        """Ask for a place below the address, as any client with the token."""
        with httpx2.Client(timeout=60, trust_env=False) as client:
            sent = {"Authorization": self.authorization, **(headers or {})}
            return client.request(method, f"{self.endpoint}{path}", headers=sent)


def share(
    city: Running, source: str, item: str, *, conditions: Any = "open", slug: str = "live", **entry: Any
) -> str:
    """Publish a dataset whose one file is an item of a data source; return its address."""
    with city.client() as client:
        fields = described(slug, files=[{"data_source": source, "item": item, **entry}])
        return str(client.publish({"fields": fields, "files": [], "conditions": conditions})["iri"])


def open_live(partner: Running, iri: str, *, agreement: str = "") -> Opened:
    """Agree, begin a live transfer, and return its address and token."""
    agreement = agreement or str(agree(partner, iri)["agreementId"])
    with partner.client() as client:
        pid = client.transfer(agreement, format=LIVE)["pid"]
        until("it has started", lambda: client.transfer_state(pid, wait=1)["state"] == "STARTED")
        access = client.live_access(pid)
    return Opened(iri, agreement, pid, access["endpoint"], access["authorization"])


def accesses(city: Running, agreement: str) -> list[dict[str, Any]]:
    """The entries about accesses under an agreement in the ledger of the provider."""
    import json

    stores = city.node.parts.stores
    with stores.uow.read() as tx:
        entries = stores.ledger.history(tx, agreement)
    return [json.loads(entry.body) for entry in entries if str(entry.kind) == "access"]


def transfer_here(city: Running, live: Opened) -> str:
    """Return the transfer of live data as its provider names it. The provider notes the start after its consumer."""

    def started() -> list[str]:
        with city.client() as client:
            return [one["pid"] for one in client.transfers(state="STARTED") if one["agreementId"] == live.agreement]

    return until("it has started at the provider", started)[0]
