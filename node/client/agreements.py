"""Negotiations, agreements and transfers, from the caller's side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.client import downloads
from node.client.calls import Call, Steps, content, document, endpoint, flow, idempotency, nothing, rows


class AgreementCalls:
    """The part of a client that is about getting data: conditions, negotiations, agreements and transfers."""

    @endpoint
    def conditions(
        self, iri: str, *, purpose: str | None = None, ask: Any = None, version: int | None = None
    ) -> Call[dict[str, Any]]:
        """Return the provider's conditions, whether we qualify (also for ``ask``), agreements and negotiations. With
        ``version``, ``agreementId`` is an agreement that was made for that version of the asset, if there is one."""
        params: dict[str, Any] = {"iri": iri, **({"purpose": purpose} if purpose else {})}
        params |= {"version": version} if version is not None else {}
        params |= {"ask": json.dumps(ask)} if ask is not None else {}
        return document("GET", "/api/conditions", params=params)

    @endpoint
    def negotiate(
        self, iri: str, *, purpose: str | None = None, ask: Any = None, least: Any = None, key: str = ""
    ) -> Call[dict[str, Any]]:
        """Request the asset, with ``ask`` under other terms than offered; return ``{pid, state, provider}``. The same
        ``key`` again means the same negotiation."""
        body = {"dataset": iri, "purpose": purpose, "ask": ask, "least": least}
        return document("POST", "/api/negotiations", json=body, headers=idempotency(key))

    @endpoint
    def limits(self, iri: str) -> Call[dict[str, Any]]:
        """Return the limits of automatic agreement for an own asset; ``terms`` None: only to the offer."""
        return document("GET", "/api/limits", params={"dataset": iri})

    @endpoint
    def set_limits(self, iri: str, conditions: Any) -> Call[dict[str, Any]]:
        """Agree by itself to terms within ``conditions`` from now on; return as ``limits``."""
        return document("PUT", "/api/limits", json={"dataset": iri, "conditions": conditions})

    @endpoint
    def check_conditions(self, conditions: Any) -> Call[dict[str, Any]]:
        """Return what ``conditions`` of a description offer, in words and as ODRL, with their contradictions."""
        return document("POST", "/api/conditions/check", json={"conditions": conditions})

    @endpoint
    def eligibility(self, iri: str, conditions: Any = None) -> Call[dict[str, Any]]:
        """Return which known participants could get an own asset now, under other ``conditions`` if given."""
        if conditions is None:
            return document("GET", "/api/eligibility", params={"dataset": iri})
        return document("POST", "/api/eligibility", json={"dataset": iri, "conditions": conditions})

    @endpoint
    def clear_limits(self, iri: str) -> Call[None]:
        """Agree by itself only to terms equal to the offer from now on."""
        return nothing("DELETE", "/api/limits", params={"dataset": iri})

    @endpoint
    def negotiation(self, pid: str, *, wait: float = 0) -> Call[dict[str, Any]]:
        """Return the state of a negotiation; wait up to ``wait`` seconds for its end."""
        return document("GET", f"/api/negotiations/{quote(pid, safe='')}", params={"wait": wait})

    @endpoint
    def negotiations(self, *, state: str | None = None) -> Call[list[dict[str, Any]]]:
        """Return the newest negotiations of the node, newest first; only those in ``state`` if it is given."""
        return rows("GET", "/api/negotiations", params={"state": state} if state else None)

    @endpoint
    def transfers(self, *, state: str | None = None) -> Call[list[dict[str, Any]]]:
        """Return the newest transfers of the node, newest first; only those in ``state`` if it is given."""
        return rows("GET", "/api/transfers", params={"state": state} if state else None)

    @endpoint
    def transfer(
        self,
        agreement: str,
        *,
        file: str | None = None,
        push_to: Mapping[str, Any] | None = None,
        format: str | None = None,  # noqa: A002 - the protocol's name
        version: int | None = None,
        convert_to: str | None = None,
        crs: str | None = None,
        through: Sequence[str] = (),
        schema: str | None = None,
        key: str = "",
    ) -> Call[dict[str, Any]]:
        """Begin to receive under an agreement; return ``{pid, state}``. The same ``key`` again means the same
        transfer. With ``push_to`` (``{url, header, value,
        method}``) the provider sends the bytes there; ``format`` is one of ``POST /api/transfers``. ``version`` is
        the number of an earlier version of the asset; without it, the newest one comes. ``convert_to`` is the format
        that the provider converts the file to, with its coordinates in ``crs``, after the transformations ``through``
        or those that lead to ``schema``."""
        body = {
            "agreementId": agreement,
            "file": file,
            "pushTo": dict(push_to) if push_to else None,
            "format": format,
            **({"version": version} if version is not None else {}),
            **({"convertTo": convert_to} if convert_to is not None else {}),
            **({"crs": crs} if crs is not None else {}),
            **({"through": list(through)} if through else {}),
            **({"schema": schema} if schema is not None else {}),
        }
        return document("POST", "/api/transfers", json=body, headers=idempotency(key))

    @endpoint
    def live_access(self, pid: str, *, renew: bool = False) -> Call[dict[str, Any]]:
        """Return address, token and its end of a live transfer; with ``renew`` a new token."""
        path = f"/api/transfers/{quote(pid, safe='')}/access"
        return document("POST", path, params={"renew": "true"} if renew else None)

    @endpoint
    def ask(
        self, agreement: str, sql: str, *, file: str | None = None, version: int | None = None
    ) -> Call[dict[str, Any]]:
        """Ask a table of the provider under an agreement: one SELECT over ``data``. Return ``columns``, ``rows``, and
        whether there are ``more``; ``file`` names the table, if there are several, and ``version`` an earlier version
        of the asset."""
        body = _asking(sql, "json", file, version)
        return document("POST", _question(agreement), json=body, timeout=120.0)

    @endpoint
    def ask_csv(
        self, agreement: str, sql: str, *, file: str | None = None, version: int | None = None
    ) -> Call[bytes]:
        """``ask``, with the answer as CSV."""
        return content("POST", _question(agreement), json=_asking(sql, "csv", file, version), timeout=120.0)

    @endpoint
    def ask_parquet(
        self, agreement: str, sql: str, *, file: str | None = None, version: int | None = None
    ) -> Call[bytes]:
        """``ask``, with the answer as a Parquet file, whose columns keep their types
        (``node.client.frames.table_of`` makes a table of pandas of it)."""
        return content("POST", _question(agreement), json=_asking(sql, "parquet", file, version), timeout=120.0)

    @endpoint
    def ask_features(
        self,
        agreement: str,
        filter_: str = "",
        *,
        file: str | None = None,
        version: int | None = None,
        choices: Mapping[str, Any] | None = None,
    ) -> Call[dict[str, Any]]:
        """Ask for features of a file with places, by a filter in CQL2 (empty: all). Return the page as GeoJSON.
        ``choices`` are ``bbox``, ``datetime``, ``properties``, ``sortby``, ``limit``, ``offset`` and ``language``
        (``cql2-json``), as in ``POST /api/agreements/ID/query``."""
        stated = {"version": version} if version is not None else {}
        body = {"features": {"filter": filter_, **(choices or {})}, "file": file, **stated}
        return document("POST", _question(agreement), json=body, timeout=120.0)

    @endpoint
    def ask_graph(
        self, agreement: str, sparql: str, *, file: str | None = None, version: int | None = None
    ) -> Call[dict[str, Any]]:
        """Ask a graph of the provider in SPARQL under an agreement. Return the SPARQL results in JSON; for CONSTRUCT
        and DESCRIBE, JSON-LD. ``file`` names the RDF file, if there are several."""
        body = _asking(sparql, "json", file, version, language="sparql")
        return document("POST", _question(agreement), json=body, timeout=120.0)

    @endpoint
    def ask_graph_as(
        self, agreement: str, sparql: str, form: str, *, file: str | None = None, version: int | None = None
    ) -> Call[bytes]:
        """``ask_graph``, with the answer as ``csv`` or ``turtle``: results come as CSV, statements as Turtle."""
        body = _asking(sparql, form, file, version, language="sparql")
        return content("POST", _question(agreement), json=body, timeout=120.0)

    @endpoint
    def steer(self, pid: str, verb: str, *, reason: str = "") -> Call[dict[str, Any]]:
        """``suspend``, ``resume``, ``complete`` or ``terminate`` a transfer."""
        return document("POST", f"/api/transfers/{quote(pid, safe='')}/{verb}", json={"reason": reason})

    @endpoint
    def accept_offer(self, pid: str) -> Call[dict[str, Any]]:
        """Accept the present offer of the provider in a negotiation."""
        return document("POST", f"/api/negotiations/{quote(pid, safe='')}/accept")

    @endpoint
    def counter_offer(self, pid: str, conditions: Any) -> Call[dict[str, Any]]:
        """Ask for other terms than those of the provider's present offer in a negotiation."""
        url = f"/api/negotiations/{quote(pid, safe='')}/counter"
        return document("POST", url, json={"ask": conditions})

    @endpoint
    def terminate_negotiation(self, pid: str, *, reason: str = "") -> Call[dict[str, Any]]:
        """End a negotiation."""
        url = f"/api/negotiations/{quote(pid, safe='')}/terminate"
        return document("POST", url, json={"reason": reason})

    @endpoint
    def transfer_state(self, pid: str, *, wait: float = 0) -> Call[dict[str, Any]]:
        """Return the state of a transfer; wait up to ``wait`` seconds for a change."""
        return document("GET", f"/api/transfers/{quote(pid, safe='')}", params={"wait": wait})

    @endpoint
    def agreements(self) -> Call[list[dict[str, Any]]]:
        """Return all agreements, newest first."""
        return rows("GET", "/api/agreements")

    @endpoint
    def agreement(self, agreement_id: str) -> Call[dict[str, Any]]:
        """Return one agreement with every access under it."""
        return document("GET", f"/api/agreements/{quote(agreement_id, safe='')}")

    @endpoint
    def agreement_document(self, agreement_id: str, language: str = "en") -> Call[str]:
        """Return the agreement as an HTML document for people."""
        url = f"/api/agreements/{quote(agreement_id, safe='')}/document"
        return Call("GET", url, lambda answer: str(answer.text), {"params": {"lang": language}})

    @endpoint
    def agreement_file(self, agreement_id: str) -> Call[bytes]:
        """Return the agreement with its evidence: a zip archive that ``hansa agreement verify`` checks."""
        return content("GET", f"/api/agreements/{quote(agreement_id, safe='')}/export")

    @endpoint
    def partner_stream(self, agreement_id: str, *, file: str | None = None) -> Call[dict[str, Any]]:
        """Return the newest observations of a partner's stream, which the node reads from now on."""
        return document("GET", _stream(agreement_id), params={"file": file} if file else {})

    @endpoint
    def open_partner_stream(self, agreement_id: str, *, file: str | None = None) -> Call[dict[str, Any]]:
        """Open a partner's stream, or open it again after its end."""
        return document("POST", _stream(agreement_id), params={"file": file} if file else {})

    @flow
    def fetch(
        self,
        iri: str,
        *,
        accept: bool = False,
        purpose: str | None = None,
        file: str | None = None,
        version: int | None = None,
        patience: float = 60.0,
    ) -> Steps[downloads.Download]:
        """Return a file of the asset: under the agreement in force, or with ``accept`` under a new one. ``version``
        is the number of an earlier version of the asset; without it, the newest one comes.

        Waits up to ``patience`` seconds; another call continues the same negotiation. The bytes are held in memory:
        for a large file use ``negotiate``, ``transfer`` and ``save``. Raises ``InvalidInput`` where there is no
        agreement and ``accept`` is not set, ``NoAgreement``, ``NoDelivery``.
        """
        return (
            yield from downloads.fetch(
                iri, accept=accept, purpose=purpose, content_name=(file, version), patience=patience
            )
        )


def _asking(text: str, form: str, file: str | None, version: int | None, *, language: str = "sql") -> dict[str, Any]:
    stated = {"version": version} if version is not None else {}
    return {language: text, "file": file, "form": form, **stated}


def _question(agreement: str) -> str:
    return f"/api/agreements/{quote(agreement, safe='')}/query"


def _stream(agreement: str) -> str:
    return f"/api/agreements/{quote(agreement, safe='')}/stream"
