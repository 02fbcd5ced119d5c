"""Data under an agreement in one step: agree, receive, and hand over the bytes or a table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from node.base.errors import HansaError, InvalidInput
from node.base.plaintext import word
from node.client.calls import Steps, content, document

if TYPE_CHECKING:
    import geopandas
    import pandas

_WAIT = 5.0
"""Seconds that one request waits for a change at most."""
_STUCK = "delivery"


class NoAgreement(HansaError):
    """There is no agreement about the asset, or not yet. ``negotiation`` is its state at the node."""

    def __init__(self, detail: str, remedy: str, negotiation: dict[str, Any]) -> None:
        super().__init__(detail, remedy=remedy, facts={"negotiation": negotiation})
        self.negotiation = negotiation


class NoDelivery(HansaError):
    """The bytes did not arrive, or not yet. ``transfer`` is its state at the node."""

    def __init__(self, detail: str, remedy: str, transfer: dict[str, Any]) -> None:
        super().__init__(detail, remedy=remedy, facts={"transfer": transfer})
        self.transfer = transfer


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was received under an agreement. ``verified``: the node checked size, hash and signature of the
    provider's manifest."""

    name: str
    data: bytes
    agreement: str
    transfer: str
    sha256: str
    verified: bool

    def frame(self, **options: Any) -> pandas.DataFrame:
        """Return the table in the file (CSV, TSV, Parquet, JSON or XLSX), as pandas reads it with ``options``."""
        from node.client.frames import table_of

        return table_of(self.name, self.data, options)

    def geoframe(self, **options: Any) -> geopandas.GeoDataFrame:
        """Return the places in the file (GeoJSON, GeoPackage, zipped Shapefile …), as GeoPandas reads it."""
        from node.client.frames import places_of

        return places_of(self.data, options)


def fetch(
    iri: str, *, accept: bool, purpose: str | None, content_name: tuple[str | None, int | None], patience: float
) -> Steps[Download]:
    """Yield the requests from the offer to the bytes; see ``AgreementCalls.fetch``. ``content_name`` is the name of
    the file and the number of the version."""
    deadline = time.monotonic() + patience
    file, version = content_name
    stated: dict[str, Any] = {"version": version} if version is not None else {}
    agreement = yield from _agree(iri, accept, purpose, stated, deadline)
    body = {"agreementId": agreement, "file": file, **stated}
    pid = str((yield document("POST", "/api/transfers", json=body))["pid"])
    reception = yield from _receive(pid, deadline)
    data = yield content("GET", f"/api/transfers/{quote(pid, safe='')}/content")
    return Download(
        name=str(reception["name"]),
        data=data,
        agreement=agreement,
        transfer=pid,
        sha256=str(reception["sha256"]),
        verified=bool(reception["facts"].get("verified", True)),
    )


def _agree(iri: str, accept: bool, purpose: str | None, version: Mapping[str, Any], deadline: float) -> Steps[str]:
    params = {"iri": iri, **({"purpose": purpose} if purpose else {}), **version}
    offer = yield document("GET", "/api/conditions", params=params)
    if offer["agreementId"] is not None:
        return str(offer["agreementId"])
    running = offer["running"]
    if running is None and not accept:
        raise InvalidInput(
            f"there is no agreement about {iri} yet",
            remedy="read its conditions with conditions(iri); to accept them, call fetch(iri, accept=True)",
        )
    if running is None:
        running = yield document("POST", "/api/negotiations", json={"dataset": iri, "purpose": purpose})
    pid = str(running["pid"])
    while True:
        state = yield document(
            "GET", f"/api/negotiations/{quote(pid, safe='')}", params={"wait": _remaining_seconds(deadline)}
        )
        if state["state"] == "FINALIZED":
            return str(state["agreementId"])
        reasons = _sentences(state)
        if state["state"] == "TERMINATED" or state["status"]["waitsFor"] == _STUCK:
            raise NoAgreement(f"not agreed: {reasons}", "ask for other conditions: hansa get --ask", state)
        if time.monotonic() > deadline:
            later = "call fetch again later: it continues this negotiation"
            raise NoAgreement(f"not agreed yet: {state['status']['text']}", later, state)


def _receive(pid: str, deadline: float) -> Steps[dict[str, Any]]:
    while True:
        state = yield document(
            "GET", f"/api/transfers/{quote(pid, safe='')}", params={"wait": _remaining_seconds(deadline)}
        )
        reception = state["reception"]
        if reception and reception["state"] == "done":
            return dict(reception)
        failed = reception and reception["state"] == "failed"
        ended = state["state"] == "TERMINATED" or (state["state"] == "COMPLETED" and not reception)
        if failed or ended or state["status"]["waitsFor"] == _STUCK:
            error = str(reception["error"]) if reception and reception["error"] else _sentences(state)
            raise NoDelivery(f"not received: {error}", f"see what happened: hansa transfer show {word(pid)}", state)
        if time.monotonic() > deadline:
            later = "wait with transfer_state, then read the bytes with save"
            raise NoDelivery(f"not received yet: {state['status']['text']}", later, state)


def _remaining_seconds(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), 0.5), _WAIT)


def _sentences(state: dict[str, Any]) -> str:
    """Return the reasons of a process for people: sentences, texts by language, or the text of its status."""
    texts = []
    for reason in state["reason"]:
        text = reason.get("@value", reason.get("text", reason)) if isinstance(reason, dict) else reason
        text = text.get("en") or next(iter(text.values()), "") if isinstance(text, dict) else text
        texts.append(str(text))
    return "; ".join(texts) or str(state["status"]["text"])
