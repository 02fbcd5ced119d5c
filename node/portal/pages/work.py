"""Pages for the people of the node: agreements, decisions, processes, deliveries."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from anyio.to_thread import run_sync
from markupsafe import Markup
from starlette.responses import Response

from node.base.errors import Conflict, InvalidInput, NotFound
from node.catalogue.deliverability import NO_CONVERSIONS, conversions_of
from node.dialogue.process import IMPLIED, Role
from node.dialogue.timeline import Fate, TimelineMessage, time_line
from node.identity.roles import UseCase, allowed
from node.negotiation.agreement import agreed_version
from node.negotiation.model import Agreement, Negotiation
from node.policy.odrl import parse
from node.policy.portion import portion_of
from node.portal import markup
from node.portal.pages.people.questions import waiting_questions
from node.portal.pages.usage import conditions_of
from node.portal.reasons import whys
from node.portal.views.agreements import AgreementView
from node.portal.views.processes import Conversation
from node.portal.visit import Visit
from node.texts.languages import LANGUAGES
from node.transfer.addresses import pushed_to
from node.transfer.model import Transfer
from node.transfer.process_status import status_of, table_of

if TYPE_CHECKING:
    from node.portal.responder import Responder

NEGOTIATION_STEPS: Final = ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED", "FINALIZED")
TRANSFER_STEPS: Final = ("REQUESTED", "STARTED", "SUSPENDED", "COMPLETED")
"""The states of the two protocols in the order in which a process usually meets them (DSP 2025-1 §7, §9)."""

_OPTIONAL: Final = frozenset(("OFFERED", "ACCEPTED", "SUSPENDED"))

MAX_REASON: Final = 2000

BOTH: Final = "both"
"""Instead of a language: the document in the languages of both parties, side by side."""


async def agreements(responder: Responder, visit: Visit) -> Response:
    """``/agreements``: all agreements, with the other party and the state; and the open questions on own assets."""
    views = await responder.node.contracts.agreements.all()
    return responder.render(
        visit,
        "agreements.html",
        agreements=[(one, agreement_status(one)) for one in views],
        waiting=await waiting_questions(responder, visit, limit=5),
    )


async def agreement(responder: Responder, visit: Visit) -> Response:
    """``/agreements/{id}``: its current state, the document, every access, and its proofs (``?check=now``)."""
    agreement_view = await responder.node.contracts.agreements.get(visit.request.path_params["id"])
    language = _document_language(visit)
    provides = agreement_view.agreement.role == Role.PROVIDER
    transfers = () if provides else await responder.node.work.processes.under(agreement_view.agreement.id)
    checks = None
    if visit.request.query_params.get("check") == "now":
        checks = await responder.node.contracts.proofs.agreement(agreement_view.agreement.id)
    return responder.render(
        visit,
        "agreement.html",
        agreed=agreement_view,
        agreement_status=agreement_status(agreement_view),
        conditions=conditions_of(agreement_view.now, stranger=False) if agreement_view.now is not None else (),
        document=await _document(responder, agreement_view, language),
        document_language=language,
        accesses=await responder.node.contracts.agreements.accesses(agreement_view.agreement.id) if provides else (),
        transfers=transfers,
        may_get=allowed(visit.caller, UseCase.RECEIVE),
        may_ask=allowed(visit.caller, UseCase.READ_RECEIVED),
        is_stream=await responder.node.contracts.partner_streams.opens(
            agreement_view, visit.caller, formats={getattr(each.process, "format", "") for each in transfers}
        ),
        ways=await responder.node.contracts.table_questions.ways(agreement_view, visit.caller),
        files=await _files_of(responder, visit, agreement_view.agreement.dataset) if not provides else (),
        gives_whole=portion_of(parse(agreement_view.agreement.body)).is_whole,
        conversions=await _conversions_of(responder, visit, agreement_view.agreement.dataset)
        if not provides
        else NO_CONVERSIONS,
        earlier_version=await _earlier_version(responder, visit, agreement_view.agreement),
        get_command=_get_command(agreement_view.agreement) if agreement_view.kind != "model" else "",
        checks=checks,
        copies=await run_sync(responder.node.work.shipments.copies, agreement_view.agreement.id, visit.caller),
        quoted=quote(agreement_view.agreement.id, safe=""),
    )


async def _files_of(responder: Responder, visit: Visit, dataset: str) -> Sequence[str]:
    """Return the names of the files to choose from; none if there is only one, or this node does not know them."""
    try:
        record = await responder.node.catalogue.browse.record(dataset, visit.caller)
    except NotFound:
        return ()
    names = [file.name for file in record.files]
    return names if len(names) > 1 else ()


async def _conversions_of(responder: Responder, visit: Visit, dataset: str) -> Mapping[str, Sequence[str]]:
    """Return formats and coordinate reference systems in which files of a dataset are given beside their own, as far
    as this node knows."""
    try:
        return conversions_of(await responder.node.catalogue.browse.record(dataset, visit.caller))
    except NotFound:
        return NO_CONVERSIONS


async def _earlier_version(responder: Responder, visit: Visit, agreement: Agreement) -> int | None:
    """Return the number of the version that the agreement was made for, if the reader may see it and it is not the
    newest one any more."""
    try:
        versions = await responder.node.catalogue.browse.versions(agreement.dataset, visit.caller)
    except NotFound:
        return None
    agreed = agreed_version(agreement.body)
    earlier = {record.version for record in versions[1:] if not record.withdrawn}
    return agreed if agreed is not None and agreed in earlier and not versions[0].withdrawn else None


async def agreement_document(responder: Responder, visit: Visit) -> Response:
    """``/agreements/{id}/document``: the document alone, for paper."""
    agreement_view = await responder.node.contracts.agreements.get(visit.request.path_params["id"])
    language = _document_language(visit)
    return responder.render(
        visit,
        "document.html",
        agreed=agreement_view,
        document=await _document(responder, agreement_view, language),
        document_language=language,
        quoted=quote(agreement_view.agreement.id, safe=""),
    )


async def confirm_deletion(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/confirm-deletion``: delete the received data, and notify the provider."""
    agreement_id = visit.request.path_params["id"]
    await responder.node.contracts.confirm_deletion(agreement_id, visit.caller)
    return responder.go(visit, visit.url(f"/agreements/{quote(agreement_id, safe='')}") + "#deletion")


def agreement_status(view: AgreementView) -> str:
    """Return ``ended``, ``pending`` (not final yet), ``barred`` (the other party is blocked here), ``blocked`` (in
    force, but an access now is refused), ``force`` (an access now is permitted), ``unchecked`` (in force; the
    decision about an access is not known)."""
    if view.agreement.ended:
        return "ended"
    if not view.agreement.finalized:
        return "pending"
    if view.barred:
        return "barred"
    if view.now is None:
        return "unchecked"
    return "blocked" if view.now.refuses else "force"


async def decisions(responder: Responder, visit: Visit) -> Response:
    """``/decisions``: pending decisions, and recent ones."""
    questions = await responder.node.contracts.questions.waiting(visit.language)
    return responder.render(
        visit,
        "decisions.html",
        waiting=[one for one in questions if one.decision.decided_at is None],
        decided=[one for one in questions if one.decision.decided_at is not None],
        trouble=visit.request.query_params.get("trouble", ""),
    )


async def decide(responder: Responder, visit: Visit) -> Response:
    """``POST /decisions/{id}``: approve, or refuse with a reason that the other side will read."""
    decision = visit.request.path_params["id"]
    verdict = visit.fields.get("verdict")
    reason = visit.fields.get("reason", "").strip()[:MAX_REASON]
    back = "/applications" if visit.fields.get("from") == "applications" else "/decisions"
    if verdict not in ("approve", "refuse"):
        raise InvalidInput("no action was chosen", remedy="use one of the buttons", facts={"case": "no-action"})
    if verdict == "refuse" and not reason:
        # The other side receives the reason: without one, nothing can be sent.
        return responder.go(visit, visit.url(back, trouble=decision) + f"#decision-{quote(decision, safe='')}")
    try:
        await responder.node.contracts.decisions.decide(
            decision, approve=verdict == "approve", by=visit.caller, reason=reason or None
        )
    except Conflict:
        return responder.go(visit, visit.url(back, done="already"))
    return responder.go(visit, visit.url(back, done="approved" if verdict == "approve" else "refused"))


async def processes(responder: Responder, visit: Visit) -> Response:
    """``/processes``: negotiations and transfers, the last changed first."""
    running = await responder.node.work.processes.newest()
    return responder.render(visit, "processes.html", running=[(one, family(one)) for one in running])


async def process(responder: Responder, visit: Visit) -> Response:
    """``/processes/{pid}``: the steps of one process, with every message."""
    conversation = await responder.node.work.processes.get(visit.request.path_params["pid"])
    return responder.render(
        visit,
        "process.html",
        conversation=conversation,
        family=family(conversation),
        steps=_way(conversation),
        process_status=status_of(
            conversation.process,
            conversation.exchanges,
            decision=conversation.decision,
            stuck=bool(conversation.dead_messages),
        ),
        pushed_to=_pushed_to(conversation.process),
        messages=[_message(one) for one in time_line(table_of(conversation.process), conversation.exchanges)],
        reasons=whys(conversation.process.reason),
    )


async def deliveries(responder: Responder, visit: Visit) -> Response:
    """``/deliveries``: messages that wait, messages that could not be delivered, and a way to try again."""
    return responder.render(visit, "deliveries.html", deliveries=await responder.node.work.processes.deliveries())


async def retry(responder: Responder, visit: Visit) -> Response:
    """``POST /deliveries/{id}/retry``."""
    await run_sync(responder.node.work.letters.revive, visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/deliveries", done="retried"))


async def give_up(responder: Responder, visit: Visit) -> Response:
    """``POST /deliveries/{id}/give-up``."""
    await run_sync(responder.node.work.letters.give_up, visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/deliveries", done="given-up"))


def family(conversation: Conversation) -> str:
    """Return ``negotiation`` or ``transfer``."""
    return "negotiation" if isinstance(conversation.process, Negotiation) else "transfer"


async def _document(responder: Responder, view: AgreementView, language: str) -> Markup:
    text = await responder.node.contracts.agreements.document(
        view.agreement.id, None if language == BOTH else language
    )
    return Markup(markup.embed(text))  # noqa: S704 - only what the cleaner lets through


def _get_command(agreement: Agreement) -> str:
    return shlex.join(["hansa", "get", agreement.dataset, "--agreement", agreement.id])


def _document_language(visit: Visit) -> str:
    wish = visit.request.query_params.get("document", "")
    return wish if wish in LANGUAGES or wish == BOTH else visit.language


def _pushed_to(process: Negotiation | Transfer) -> str | None:
    return pushed_to(process.format, process.data_address) if isinstance(process, Transfer) else None


def _way(conversation: Conversation) -> list[tuple[str, str]]:
    """Return (state, ``past``, ``here``, ``ahead`` or ``broken``) for each past or future step."""
    state = conversation.process.state
    steps_of_family = NEGOTIATION_STEPS if family(conversation) == "negotiation" else TRANSFER_STEPS
    table = table_of(conversation.process)
    steps = {table.leads_to(exchange.message) for exchange in conversation.exchanges if exchange.is_accepted}
    ended = state == "TERMINATED"
    here = steps_of_family.index(state) if state in steps_of_family else -1
    way = []
    for place, step in enumerate(steps_of_family):
        if step == state:
            way.append((step, "here"))
        elif step in steps and (ended or place < here):
            way.append((step, "past"))
        elif not ended and place > here and step not in _OPTIONAL:
            way.append((step, "ahead"))
    return [*way, ("TERMINATED", "broken")] if ended else way


def _message(message: TimelineMessage) -> dict[str, Any]:
    exchange = message.exchange
    return {
        "exchange": exchange,
        "fate": str(message.fate),
        "late": message.late,
        "reasons": whys(message.reason),
        "name": exchange.message,
        "body": markup.readable_body(exchange.body),
        "answer": markup.readable_body(exchange.answer) if exchange.answer else "",
        "well": message.fate is Fate.TAKEN,
        "passing": message.fate in (Fate.PUT_OFF, Fate.VOID),
        "implied": exchange.answer_status == IMPLIED,
    }
