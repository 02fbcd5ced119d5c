"""The messages of contract negotiation, in and out (DSP 2025-1 §7.2; JSON Schemas ``negotiation/*.json``).

Reading accepts every form of JSON-LD (``node.dialogue.wire``), checks what the schema requires, keeps unknown
members, and never loads a context. Writing yields exactly the compact form of the schemas, with ``@type`` on every
object, so that peers that do expand JSON-LD read the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from node.base.errors import InvalidInput
from node.dialogue import bodies, wire
from node.dialogue.message import IncomingMessage, require_text, require_type
from node.dialogue.wire import in_version, version_named
from node.negotiation import machine
from node.negotiation.model import Negotiation
from node.vocab.dsp import V2024_1, VERSIONS, DspVersion
from node.vocab.namespaces import HANSA

SIGNATURE: Final = HANSA + "signature"
"""Our extra member: the sender's compact JWS over the agreement's envelope. Others ignore it."""

TERMS: Final = HANSA + "terms"
"""Our extra member of an agreement: parties, asset version, rulebook, as both documents show them. It is sent beside
the agreement: some consumers refuse an agreement whose policy has any member that their offer lacks."""

JSON_TERMS: Final = HANSA + "agreementTerms"
"""The same again, as a JSON literal (JSON-LD 1.1 §4.2.2): to a reader of JSON-LD the names inside ``TERMS`` mean
nothing, or something else, and would be lost. If a message has both, this one counts; ``TERMS`` is sent for releases
that do not know it."""

PURPOSE: Final = HANSA + "purpose"
"""Our extra member of a request: the purpose that the consumer declares."""

_EVENT: Final = "ContractNegotiationEventMessage"
_RULES: Final = ("permission", "prohibition")


def read(raw: bytes, *types: str) -> IncomingMessage:
    """Return the message in ``raw``, which must be one of ``types`` (``@type`` names).

    Raises ``InvalidInput``, which names the member that the schema requires.
    """
    body, rewritten = wire.look(raw)
    kind = require_type(body, *types)
    for member in _REQUIRED[kind]:
        require_text(body, member)
    name = kind
    if kind == machine.REQUEST:
        require_one_of(body, "callbackAddress", "providerPid")
        require_offer(body.get("offer"), "offer")
    elif kind == machine.OFFER:
        require_one_of(body, "callbackAddress", "consumerPid")
        require_offer(body.get("offer"), "offer", target=True)
    elif kind == machine.AGREEMENT:
        require_agreement(body.get("agreement"))
        body = _with_terms(body, rewritten=rewritten)
    elif kind == _EVENT:
        event = str(body["eventType"]).rpartition("/")[2].rpartition(":")[2]
        if event not in ("ACCEPTED", "FINALIZED"):
            raise InvalidInput("eventType must be ACCEPTED or FINALIZED")
        name = f"{_EVENT}:{event}"
    return IncomingMessage(name=name, body=body, raw=raw, rewritten=rewritten)


def _with_terms(body: dict[str, Any], *, rewritten: bool) -> dict[str, Any]:
    """Return the message with our additional terms moved into its agreement, where both sides sign them. Raises
    ``InvalidInput`` if the message states them twice, differently."""
    agreement = body["agreement"]
    if JSON_TERMS not in body:
        if TERMS in body and TERMS not in agreement:
            return {**body, "agreement": {**agreement, TERMS: body[TERMS]}}
        return body
    terms = body[JSON_TERMS]
    if isinstance(terms, Mapping) and "@value" in terms:
        terms = terms["@value"]
    # Outside the compact form the short names have lost their meaning, and so have their values.
    beside = () if rewritten else (agreement.get(TERMS, terms), body.get(TERMS, terms))
    if any(wire.text(terms_beside) != wire.text(terms) for terms_beside in beside):
        raise InvalidInput(
            f"{JSON_TERMS} and {TERMS} say different things", remedy=f"send {JSON_TERMS} alone, as a JSON literal"
        )
    return {**body, "agreement": {**agreement, TERMS: terms}}


_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    machine.REQUEST: ("consumerPid",),
    machine.OFFER: ("providerPid",),
    machine.AGREEMENT: ("providerPid", "consumerPid"),
    machine.VERIFICATION: ("providerPid", "consumerPid"),
    _EVENT: ("providerPid", "consumerPid", "eventType"),
    machine.TERMINATION: ("providerPid", "consumerPid"),
}


def require_one_of(body: Mapping[str, Any], callback: str, pid: str) -> None:
    """Require exactly one of two members (the schemas' ``oneOf``). In 2024/1 later messages may have both."""
    both = version_named(body.get("@context")) is V2024_1 and callback in body and pid in body
    if not both and (callback in body) == (pid in body):
        raise InvalidInput(f"exactly one of {callback} and {pid} must be given")
    for member in (callback, pid):
        if member in body:
            require_text(body, member)


def require_offer(offer: Any, where: str, *, target: bool = False) -> None:
    """Require a MessageOffer: ``@id``, ``@type`` Offer, and at least one permission or prohibition."""
    if not isinstance(offer, Mapping):
        raise InvalidInput(f"{where} must be an Offer object")
    require_text(offer, "@id")
    if offer.get("@type") not in ("Offer", "odrl:Offer", ["Offer"]):
        raise InvalidInput(f"{where}.@type must be Offer")
    if target:
        require_text(offer, "target")
    _require_rules(offer, where)


def require_agreement(agreement: Any) -> None:
    """Require an Agreement: ``@id``, target, assigner, assignee, and at least one permission or prohibition."""
    if not isinstance(agreement, Mapping):
        raise InvalidInput("agreement must be an Agreement object")
    for member in ("@id", "target", "assigner", "assignee"):
        require_text(agreement, member)
    if agreement.get("@type") not in ("Agreement", "odrl:Agreement", ["Agreement"]):
        raise InvalidInput("agreement.@type must be Agreement")
    _require_rules(agreement, "agreement")


def _require_rules(policy: Mapping[str, Any], where: str) -> None:
    for name in (*_RULES, "obligation"):
        if name in policy and (not isinstance(policy[name], list) or not policy[name]):
            raise InvalidInput(f"{where}.{name} must be an array with at least one rule, or be left out")
    if not any(name in policy for name in _RULES):
        raise InvalidInput(f"{where} needs at least one permission or prohibition")


# ---- writing -------------------------------------------------------------------------------------------------


def request(negotiation: Negotiation, offer: Mapping[str, Any], callback: str | None) -> dict[str, Any]:
    """Return a ContractRequestMessage: the opening one with ``callback``, a counter-offer without."""
    message = {
        **bodies.head(negotiation, machine.REQUEST),
        "consumerPid": negotiation.pid,
        "offer": {**offer, "@type": "Offer", "target": negotiation.dataset},
    }
    if callback is not None:
        message["callbackAddress"] = callback
    else:
        message["providerPid"] = negotiation.peer_pid
    return message


def offer(negotiation: Negotiation, terms: Mapping[str, Any], callback: str | None) -> dict[str, Any]:
    """Return a ContractOfferMessage: the opening one with ``callback``, an offer within a negotiation without; in
    2024/1 every offer has it."""
    message = {
        **bodies.head(negotiation, machine.OFFER),
        "providerPid": negotiation.pid,
        "offer": {**terms, "@type": "Offer", "target": negotiation.dataset},
    }
    if callback is not None:
        message["callbackAddress"] = callback
    if negotiation.peer_pid is not None:
        message["consumerPid"] = negotiation.peer_pid
    return message


def agreement(negotiation: Negotiation, body: Mapping[str, Any], signature: str | None) -> dict[str, Any]:
    """Return a ContractAgreementMessage, with our additional terms and the provider's signature beside it."""
    plain = {name: value for name, value in body.items() if name != TERMS}
    message = {**bodies.head(negotiation, machine.AGREEMENT), **bodies.pids(negotiation), "agreement": plain}
    if TERMS in body:
        message[TERMS] = body[TERMS]
        message[JSON_TERMS] = {"@type": "@json", "@value": body[TERMS]}
    if signature:
        message[SIGNATURE] = signature
    return message


def verification(negotiation: Negotiation, signature: str | None) -> dict[str, Any]:
    """Return a ContractAgreementVerificationMessage, with the consumer's signature."""
    message = {**bodies.head(negotiation, machine.VERIFICATION), **bodies.pids(negotiation)}
    if signature:
        message[SIGNATURE] = signature
    return message


def event(negotiation: Negotiation, kind: str) -> dict[str, Any]:
    """Return a ContractNegotiationEventMessage; ``kind`` is ACCEPTED or FINALIZED."""
    return {**bodies.head(negotiation, _EVENT), **bodies.pids(negotiation), "eventType": kind}


def termination(negotiation: Negotiation, code: str, reason: Sequence[Any]) -> dict[str, Any]:
    """Return a ContractNegotiationTerminationMessage with a code and, if given, reasons."""
    message = {**bodies.head(negotiation, machine.TERMINATION), **bodies.pids(negotiation), "code": code}
    if reason:
        message["reason"] = list(reason)
    return message


def acknowledgement(negotiation: Negotiation) -> dict[str, Any]:
    """Return a ContractNegotiation: the state as the peer may see it."""
    body = {
        "@context": [VERSIONS[negotiation.version].context],
        "@type": "ContractNegotiation",
        "@id": negotiation.pid,
        **bodies.pids(negotiation),
        "state": negotiation.state,
    }
    return in_version(body)


def error(
    version: DspVersion, *, provider_pid: str, consumer_pid: str, code: str, reason: Sequence[Any]
) -> dict[str, Any]:
    """Return a ContractNegotiationError."""
    return bodies.error(
        "ContractNegotiationError",
        version,
        provider_pid=provider_pid,
        consumer_pid=consumer_pid,
        code=code,
        reason=reason,
    )


def refusal(negotiation: Negotiation, code: str, reason: Sequence[Any]) -> dict[str, Any]:
    """Return the error for a message of this negotiation that is refused."""
    return bodies.refusal("ContractNegotiationError", negotiation, code, reason)


def path(name: str, peer_pid: str | None) -> str:
    """Return the path of the message below the peer's base URL (DSP 2025-1 §8.2, §8.3)."""
    segment = quote(peer_pid, safe=":") if peer_pid else None
    if segment is None:
        return {machine.REQUEST: "/negotiations/request", machine.OFFER: "/negotiations/offers"}[name]
    return (
        f"/negotiations/{segment}"
        + {
            machine.REQUEST: "/request",
            machine.OFFER: "/offers",
            machine.AGREEMENT: "/agreement",
            machine.VERIFICATION: "/agreement/verification",
            machine.ACCEPTED_EVENT: "/events",
            machine.FINALIZED_EVENT: "/events",
            machine.TERMINATION: "/termination",
        }[name]
    )
