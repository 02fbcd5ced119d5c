"""Getting and giving: conditions, negotiations, transfers, agreements, decisions."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from node.base.changes import Changes
from node.base.clock import stamp
from node.base.errors import Conflict, InvalidInput, LocalProtocolError, NotFound
from node.base.jsons import read_json
from node.base.process import Exchange, Process
from node.identity.model import UserRole
from node.negotiation import machine as negotiating
from node.negotiation.acquire import Acquire, Conditions
from node.negotiation.decisions import Decisions
from node.negotiation.dossier.archive import file_name
from node.negotiation.model import Agreement, Negotiation, PendingDecision
from node.negotiation.timeline import Told, told
from node.negotiation.usecases import Negotiations
from node.policy.summary import summary
from node.policy.words import LANGUAGES, sentences
from node.transfer import machine
from node.transfer.addresses import pushed_to, sink_address
from node.transfer.messages import without_secrets
from node.transfer.model import Reception, Transfer
from node.transfer.standing import Standing, standing_of
from node.transfer.usecases import Transfers
from node.vocab.dsp import PULL, PUSH
from node.web.management.person import Person

LONGEST_WAIT = 30.0
Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds, at most 30.")]
LOOK_AGAIN = 0.25  # seconds; bytes arrive, and other processes commit, without telling

# Whoever keeps the node running or audits it has no business with the data itself (governance digest §4).
_FOR_BYTES = (UserRole.PUBLISHER, UserRole.STEWARD)


class Reading(Protocol):
    """Reads what has been kept (``node.transfer.overview``)."""

    def negotiations(self) -> list[Negotiation]: ...

    def negotiation(self, pid: str) -> tuple[Negotiation, list[Exchange], PendingDecision | None]: ...

    def transfers(self) -> list[Transfer]: ...

    def transfer(self, pid: str) -> tuple[Transfer, list[Exchange], Reception | None]: ...

    def agreements(self) -> list[Agreement]: ...

    def agreement(self, agreement_id: str) -> Agreement: ...

    def accesses(self, agreement_id: str) -> list[dict[str, Any]]: ...


class AskFor(BaseModel):
    """What to negotiate for."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(description="IRI of the asset.", max_length=2048)
    offer_id: str | None = Field(None, alias="offerId", description="One of its offers; else the first.")
    purpose: str | None = Field(None, description="IRI of the purpose that you declare.", max_length=2048)
    ask: dict[str, Any] | str | None = Field(
        None, description="Other terms than the offered ones, written as conditions of a description are."
    )
    least: dict[str, Any] | str | None = Field(
        None, description="What you take at least: an answer that allows this is accepted without a person; else ask."
    )


class PushTo(BaseModel):
    """Whatever takes bytes over HTTP: an upload address, a function, a lake's door."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=4096)
    header: str | None = Field(None, description="Name of the header that opens it.", max_length=100)
    value: str | None = Field(None, description="Its value. It goes to the provider, and is not kept here.")
    method: Literal["POST", "PUT"] = "POST"

    @property
    def address(self) -> dict[str, Any]:
        """Raises ``InvalidInput``."""
        if (self.header is None) is not (self.value is None):
            raise InvalidInput("pushTo needs header and value together")
        header = (self.header, self.value) if self.header is not None and self.value is not None else None
        return sink_address(self.url, header=header, method=self.method)


class Fetch(BaseModel):
    """Which bytes to transfer."""

    model_config = ConfigDict(extra="forbid")

    agreement_id: str = Field(alias="agreementId", max_length=2048)
    file: str | None = Field(None, description="Name of the file, where the asset has several.", max_length=512)
    format: Literal["HttpData-PULL", "HttpData-PUSH"] | None = Field(
        None, description="Whether this node fetches the bytes (the default), or the provider sends them."
    )
    push_to: PushTo | None = Field(
        None, alias="pushTo", description="Where the provider sends the bytes; else, for a push, to this node."
    )
    data_address: dict[str, Any] | None = Field(
        None, alias="dataAddress", description="The same as a DSP DataAddress, for what pushTo cannot say."
    )


class Terms(BaseModel):
    """Other terms."""

    model_config = ConfigDict(extra="forbid")

    ask: dict[str, Any] | str = Field(description="Written as conditions of a description are.")


class Verdict(BaseModel):
    """A person's decision."""

    model_config = ConfigDict(extra="forbid")

    approve: bool
    reason: str | None = Field(None, max_length=2000)


class Why(BaseModel):
    """A reason in words."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=2000)

    @property
    def reasons(self) -> list[Any]:
        return [self.reason] if self.reason else []


def router(
    *,
    person: Person,
    acquire: Acquire,
    negotiations: Negotiations,
    transfers: Transfers,
    decisions: Decisions,
    reading: Reading,
    document: Callable[[Mapping[str, Any], str], str],
    export: Callable[[str], Awaitable[bytes]],
    received: Path,
    changes: Changes,
    region: Callable[[], str | None],
    named: Callable[[str], str] = str,
) -> APIRouter:
    """The routes; ``document`` renders an agreement in a language as HTML, ``export`` writes it with its evidence;
    ``received`` is where files arrive; ``region`` is what conditions mean that name none; ``named`` puts names in
    place of DIDs."""
    api = APIRouter(prefix="/api", tags=["exchange"])

    @api.get("/conditions", summary="What the provider of an asset asks, and whether we qualify")
    async def conditions(
        request: Request, iri: Annotated[str, Query(max_length=2048)], purpose: str | None = None
    ) -> Any:
        await person(request)
        return conditions_json(await acquire.conditions(iri, purpose=purpose), named)

    @api.post("/negotiations", status_code=202, summary="Ask for an asset under its offered terms, or other ones")
    async def negotiate(request: Request, wanted: AskFor) -> Any:
        # What comes of it binds the city: the provider may agree at once, and the node then signs by itself.
        await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
        found = await acquire.conditions(wanted.dataset, offer_id=wanted.offer_id, purpose=wanted.purpose)
        negotiation = await acquire.negotiate(found, purpose=wanted.purpose, asking=wanted.ask, least=wanted.least)
        return {"pid": negotiation.pid, "state": negotiation.state, "provider": negotiation.peer}

    @api.get("/negotiations", summary="All negotiations, newest first")
    async def all_negotiations(request: Request) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(reading.negotiations)]

    @api.get("/negotiations/{pid}", summary="A negotiation with its messages; waits for a change if asked to")
    async def one_negotiation(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)
        with changes.watch() as watch:
            while True:
                negotiation, exchanges, decision = await run_sync(lambda: reading.negotiation(pid))
                settled = negotiation.state in ("FINALIZED", "TERMINATED") or decision is not None
                if settled or time.monotonic() >= until:
                    return negotiation_json(negotiation, exchanges, decision)
                await watch.changed(LOOK_AGAIN)

    @api.post("/negotiations/{pid}/terminate", summary="End a negotiation")
    async def terminate(request: Request, pid: str, why: Why) -> Any:
        caller = await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
        return await _commanded(lambda: negotiations.terminate(pid, "ended-by-person", why.reasons, by=caller.name))

    @api.post("/negotiations/{pid}/counter", summary="Ask for other terms than those that the provider offers")
    async def counter(request: Request, pid: str, wanted: Terms) -> Any:
        caller = await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
        return await _commanded(lambda: negotiations.counter(pid, wanted.ask, region=region(), by=caller.name))

    @api.post("/negotiations/{pid}/accept", summary="Accept the offer that the provider has put on the table")
    async def accept(request: Request, pid: str) -> Any:
        caller = await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
        return await _commanded(lambda: negotiations.accept(pid, by=caller.name))

    @api.post("/transfers", status_code=202, summary="Receive what an agreement entitles us to")
    async def transfer(request: Request, wanted: Fetch) -> Any:
        await person(request, UserRole.STEWARD, UserRole.SIGNATORY, UserRole.PUBLISHER)
        if wanted.push_to is not None and wanted.data_address is not None:
            raise InvalidInput("say pushTo or dataAddress, not both")
        to = wanted.push_to.address if wanted.push_to is not None else wanted.data_address
        if to is not None and wanted.format == PULL:
            raise InvalidInput("what is pulled goes to this node", remedy=f"leave the format out, or say {PUSH}")
        chosen = wanted.format or (PUSH if to is not None else PULL)
        begun = await run_sync(lambda: transfers.request(wanted.agreement_id, format=chosen, file=wanted.file, to=to))
        return {"pid": begun.pid, "state": begun.state}

    @api.get("/transfers", summary="All transfers, newest first")
    async def all_transfers(request: Request) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(reading.transfers)]

    @api.get("/transfers/{pid}", summary="A transfer, how far it is, and its messages")
    async def one_transfer(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)
        before: Any = None
        with changes.watch() as watch:
            while True:
                process, exchanges, reception = await run_sync(lambda: reading.transfer(pid))
                now = (process.state, reception)
                settled = process.state in ("COMPLETED", "TERMINATED")
                if settled or (before is not None and now != before) or time.monotonic() >= until:
                    return transfer_json(process, exchanges, reception)
                before = now
                await watch.changed(LOOK_AGAIN)

    def commands(verb: str, message: str, code: str, summary: str) -> None:
        @api.post(f"/transfers/{{pid}}/{verb}", summary=summary, operation_id=f"{verb}_transfer")
        async def command(request: Request, pid: str, why: Why) -> Any:
            await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
            return await _commanded(lambda: transfers.command(pid, message, code=code, reason=why.reasons))

    commands("suspend", machine.SUSPENSION, "suspended-by-person", "Pause a transfer; the provider closes the access")
    commands("resume", machine.START, "", "Let a suspended transfer go on")
    commands("complete", machine.COMPLETION, "", "Tell the other side that all is done")
    commands("terminate", machine.TERMINATION, "ended-by-person", "End a transfer")

    @api.get("/transfers/{pid}/content", summary="The received bytes", response_class=FileResponse)
    async def content(request: Request, pid: str) -> Response:
        await person(request, *_FOR_BYTES)
        reception = await _received(reading, pid)
        return _file(received / str(reception.path), reception.name)

    @api.get(
        "/transfers/{pid}/sealed", summary="The received bytes as they came, sealed", response_class=FileResponse
    )
    async def sealed(request: Request, pid: str) -> Response:
        await person(request, *_FOR_BYTES)
        reception = await _received(reading, pid)
        if not reception.sealed:
            raise NotFound("this transfer was not sealed")
        return _file(received / f"{reception.path}.age", reception.name + ".age")

    @api.get("/transfers/{pid}/manifest", summary="The provider's signed manifest", response_class=PlainTextResponse)
    async def manifest(request: Request, pid: str) -> Response:
        await person(request)
        reception = await _received(reading, pid)
        return PlainTextResponse(reception.manifest or "", media_type="application/jose")

    @api.get("/agreements", summary="All agreements, newest first")
    async def all_agreements(request: Request) -> Any:
        await person(request)
        return [agreement_json(one) for one in await run_sync(reading.agreements)]

    @api.get("/agreements/{agreement_id}", summary="An agreement with every access under it")
    async def one_agreement(request: Request, agreement_id: str) -> Any:
        await person(request)
        found = await run_sync(lambda: reading.agreement(agreement_id))
        accesses = await run_sync(lambda: reading.accesses(agreement_id))
        return {**agreement_json(found), "agreement": found.body, "accesses": accesses}

    @api.get("/agreements/{agreement_id}/document", summary="The agreement as people read it")
    async def agreement_document(request: Request, agreement_id: str, lang: str = "en") -> Response:
        await person(request)
        found = await run_sync(lambda: reading.agreement(agreement_id))
        return HTMLResponse(await run_sync(lambda: document(found.body, lang)))

    @api.get(
        "/agreements/{agreement_id}/export",
        summary="The agreement with its evidence, a zip archive that is checked offline",
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def agreement_export(request: Request, agreement_id: str) -> Response:
        await person(request)
        return evidence_file(agreement_id, await export(agreement_id))

    @api.get("/decisions", summary="What waits for a person")
    async def waiting(request: Request) -> Any:
        await person(request)
        return [decision_json(one) for one in await run_sync(decisions.waiting)]

    @api.post("/decisions/{decision_id}", summary="Decide")
    async def decide(request: Request, decision_id: str, verdict: Verdict) -> Any:
        caller = await person(request, UserRole.STEWARD, UserRole.SIGNATORY)
        decided = await decisions.decide(decision_id, approve=verdict.approve, by=caller.name, reason=verdict.reason)
        return decision_json(decided)

    return api


async def _commanded(command: Callable[[], Process]) -> dict[str, Any]:
    """Carry out a person's command. Raises ``Conflict`` where it comes too late or too early."""
    try:
        return process_json(await run_sync(command))
    except LocalProtocolError as untimely:
        raise Conflict(untimely.detail, remedy=untimely.remedy) from untimely


async def _received(reading: Reading, pid: str) -> Reception:
    _, _, reception = await run_sync(lambda: reading.transfer(pid))
    if reception is None or reception.state != "done":
        raise NotFound("nothing has been received completely here yet")
    return reception


def evidence_file(agreement_id: str, content: bytes) -> Response:
    """The file of an agreement, to be saved."""
    return Response(
        content,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(agreement_id)}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _file(path: Path, name: str) -> Response:
    return FileResponse(
        path,
        filename=name,
        media_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
    )


# ---- as JSON -------------------------------------------------------------------------------------------------


def conditions_json(found: Conditions, named: Callable[[str], str] = str) -> dict[str, Any]:
    languages = LANGUAGES
    return {
        "iri": found.iri,
        "title": found.dataset.get("dct:title") or found.dataset.get("title"),
        "provider": found.provider,
        "offer": found.offer,
        "summary": {language: named(summary(found.policy, language)) for language in languages},
        "sentences": {
            language: [named(text) for text in sentences(found.policy, language)] for language in languages
        },
        "standing": found.standing.to_json(),
        "agreementId": found.agreement.id if found.agreement else None,
    }


def process_json(process: Process) -> dict[str, Any]:
    members: dict[str, Any] = {
        "pid": process.pid,
        "role": str(process.role),
        "peer": process.peer,
        "peerPid": process.peer_pid,
        "state": process.state,
        "pending": process.pending.message if process.pending else None,
        "created": stamp(process.created),
        "updated": stamp(process.updated),
        "code": process.code,
        "reason": _brief(process.reason),
    }
    if isinstance(process, Negotiation):
        members["dataset"] = process.dataset
        members["agreementId"] = (process.agreement or {}).get("@id")
        members["decision"] = process.decision
    if isinstance(process, Transfer):
        members["dataset"] = process.dataset
        members["agreementId"] = process.agreement
        members["format"] = process.format
    return members


def _brief(reason: Sequence[Any], room: int = 16_384) -> list[Any]:
    """As many reasons as fit: they are the peer's words, and it may have sent a megabyte of them."""
    told: list[Any] = []
    for one in reason:
        room -= len(json.dumps(one))
        if room < 0:
            break
        told.append(one)
    return told


def message_json(one: Told) -> dict[str, Any]:
    """A message as the API tells it. Its ``status`` is null where no answer was read: what the peer said next shows
    that it took the message. ``fate`` is what became of it, ``late`` whether that was after the end; ``code`` and
    ``reason`` are those of a refusal."""
    exchange = one.exchange
    return {
        "at": stamp(exchange.at),
        "direction": "out" if exchange.outgoing else "in",
        "message": exchange.message,
        "id": exchange.message_id,
        "body": without_secrets(read_json(exchange.body)),
        "status": exchange.status,
        "fate": str(one.fate),
        "late": one.late,
        "code": one.code,
        "reason": _brief(one.reason),
    }


def _standing_json(now: Standing) -> dict[str, Any]:
    ended = None if now.ended_by_us is None else "this-node" if now.ended_by_us else "other-side"
    return {"waitsFor": str(now.waits) if now.waits is not None else None, "endedBy": ended, "text": now.text}


def negotiation_json(
    negotiation: Negotiation, exchanges: list[Exchange], decision: PendingDecision | None
) -> dict[str, Any]:
    return {
        **process_json(negotiation),
        "offer": negotiation.offer,
        "waitsFor": decision_json(decision) if decision is not None else None,
        "standing": _standing_json(standing_of(negotiation, exchanges, decision=decision is not None)),
        "messages": [message_json(one) for one in told(negotiating.TABLE, exchanges)],
    }


def transfer_json(transfer: Transfer, exchanges: list[Exchange], reception: Reception | None) -> dict[str, Any]:
    return {
        **process_json(transfer),
        "file": transfer.file,
        "pushedTo": pushed_to(transfer.format, transfer.data_address),
        "suspendedBy": transfer.suspended_by if transfer.state == machine.SUSPENDED else None,
        "reception": reception_json(reception) if reception is not None else None,
        "standing": _standing_json(standing_of(transfer, exchanges)),
        "messages": [message_json(one) for one in told(machine.TABLE, exchanges)],
    }


def reception_json(reception: Reception) -> dict[str, Any]:
    return {
        "state": reception.state,
        "name": reception.name,
        "mediaType": reception.media_type,
        "sealed": reception.sealed,
        "received": reception.received,
        "expected": reception.expected,
        "sha256": reception.sha256,
        "error": reception.error,
        "facts": {name: value for name, value in (reception.facts or {}).items() if not name.endswith("Path")},
    }


def agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {
        "id": agreement.id,
        "dataset": agreement.dataset,
        "provider": agreement.provider,
        "consumer": agreement.consumer,
        "role": agreement.role,
        "sha256": agreement.sha256,
        "signatures": agreement.signatures,
        "negotiation": agreement.negotiation,
        "finalized": stamp(agreement.finalized) if agreement.finalized else None,
        "ended": stamp(agreement.ended) if agreement.ended else None,
        "entry": agreement.entry,
    }


def decision_json(decision: PendingDecision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "kind": decision.kind,
        "subject": decision.subject,
        "peer": decision.peer,
        "peerName": decision.peer_name,
        "summary": decision.summary,
        "details": decision.details,
        "at": stamp(decision.at),
        "due": stamp(decision.due) if decision.due else None,
        "approved": decision.approved,
        "decidedBy": decision.decided_by,
        "reason": decision.reason,
    }
