"""The consumer's check of terms that will bind it: of an offer before it is accepted without a person, and of a
proposed agreement before anything is acknowledged or signed (DSP 2025-1 §7.2.2, §7.2.3).

The proposal must match the current offer: the same asset, the same parties, the same terms, and be made now. Anything
else in the proposal must be in the offer, or of a kind that we understand and can check; otherwise it is refused.
Foreign members at the top level are the exception: they are stored with the agreement, and our signature leaves them
out, by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.negotiation.messages import TERMS
from node.negotiation.model import Negotiation
from node.policy.comparison import same_terms
from node.policy.odrl import SEALED, normal_rule, parse
from node.policy.rules import Rule, members
from node.policy.terms import ACTIONS, PROFILE, expand_term
from node.vocab.namespaces import ODRL

LONGEST_SHOWN: Final = 500
"""The most characters of content beside the terms that a person is shown."""

LEEWAY: Final = timedelta(minutes=5)
"""The difference allowed between the two nodes' clocks."""

_KEYWORDS: Final = frozenset({"@id", "@type"})
_KEYWORDS_OF_VALUES: Final = _KEYWORDS | {"@value", "@language", "@list", "@set"}
_YES_OR_NO: Final = frozenset(canonical(value) for value in (True, False, "true", "false"))
_OURS: Final = frozenset({"offer", "provider", "consumer", "asset", "rulebook", "languages", "sealed"})
_OF_A_PARTY: Final = frozenset({"did", "name", "contact"})
_OF_THE_ASSET: Final = frozenset({"iri", "title", "kind", "version", "sha256"})
_OF_A_RULEBOOK: Final = frozenset({"iri", "version", "sha256", "publisher"})


def check(
    negotiation: Negotiation, body: Mapping[str, Any], me: str, *, now: datetime, leeway: timedelta = LEEWAY
) -> None:
    """Require that parties, target, terms and date match the current offer, and that nothing else binds us.

    Raises ``InvalidInput`` with the first difference, and for content without a canonical form, which cannot be
    signed.
    """
    for signed in (body, negotiation.offer):
        try:
            canonical(signed)
        except ValueError as error:
            raise InvalidInput(f"what is to be signed has no canonical form: {error}") from error
    for member, expected in (("target", negotiation.dataset), ("assigner", negotiation.peer), ("assignee", me)):
        if body[member] != expected:
            raise InvalidInput(f"agreement.{member} is {str(body[member])[:200]}, expected {expected}")
    if body.get("uid", body["@id"]) != body["@id"]:
        raise InvalidInput("agreement.uid is another id than agreement.@id")
    policy = parse(dict(body))
    if not same_terms(dict(body), negotiation.offer):
        raise InvalidInput("the agreement's terms differ from the current offer")
    if policy.sealed != parse(negotiation.offer).sealed:
        raise InvalidInput("the agreement and the current offer differ about sealed delivery")
    _check_keywords(body)
    added = set(_remarks(body)) - set(_remarks(negotiation.offer))
    if added:
        raise InvalidInput(f"a rule of the agreement says {min(added)[0][:200]}, which the offer does not")
    if TERMS in body:
        _check_terms(negotiation, body[TERMS], me)
    if body.get("timestamp") is not None:
        _check_timestamp(negotiation, body["timestamp"], now, leeway)


def adds_nothing(offer: Mapping[str, Any], *ours: Mapping[str, Any] | None) -> bool:
    """Return whether ``offer`` has only members that a comparison of terms covers
    (``node.policy.flow.limits.beyond``) or that stand in one of ``ours``, which we have requested: only then
    accepting the offer means accepting no more than its terms.

    The comparison does not cover foreign members and descriptions, profiles, a conflict strategy, parties of rules,
    consequences of breaking a rule, and permissions of actions that are not known here. Content that cannot be read
    counts as added.
    """
    return not beside(offer, *ours)


def beside(offer: Mapping[str, Any], *ours: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return what ``offer`` has beside its terms and none of ``ours`` has, as ``name`` and ``value``, for people to
    read before they accept it. Return the whole offer if it cannot be read."""
    try:
        additions = _beside(offer) - {member for policy in ours if policy is not None for member in _beside(policy)}
    except (InvalidInput, ValueError):
        additions = {("offer", json.dumps(offer, ensure_ascii=False).encode())}
    return [{"name": name, "value": _in_text(value)} for name, value in sorted(additions)]


def _in_text(value: bytes) -> str:
    """Return a member's value as readable text, cut if it is long."""
    try:
        json_value = json.loads(value)
    except ValueError:
        json_value = None
    text = json_value if isinstance(json_value, str) else value.decode()
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


def unsigned_members(negotiation: Negotiation, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the members of an agreement that passed ``check`` which are neither the protocol's, nor ours, nor in the
    offer that we saw: our signature does not cover them."""
    offer = negotiation.offer
    return tuple(sorted(name for name in foreign(body) if name not in offer or offer[name] != body[name]))


def foreign(body: Mapping[str, Any]) -> frozenset[str]:
    """Return top-level members in foreign namespaces: they change no terms."""
    return frozenset(
        name
        for name in body
        if not name.startswith("@") and ":" in name and name != TERMS and not expand_term(name).startswith(ODRL)
    )


def _beside(body: Mapping[str, Any]) -> set[tuple[str, bytes]]:
    """Return the parts of a policy that the comparison of terms does not cover."""
    policy = parse(body)
    members = {(expand_term(name), canonical(body[name])) for name in foreign(body) | (body.keys() & {TERMS})}
    members = {(name, value) for name, value in members if name != SEALED or value not in _YES_OR_NO}
    members |= {(expand_term(name), value) for name, value in _remarks(body)}
    keywords = [(name, value) for name, value in body.items() if name not in _KEYWORDS]
    keywords += [
        member for nested in _inner_objects(body) for member in nested.items() if member[0] not in _KEYWORDS_OF_VALUES
    ]
    members |= {(name, canonical(value)) for name, value in keywords if name.startswith("@")}
    members |= {("profile", profile.encode()) for profile in policy.profile if profile != PROFILE}
    if policy.conflict not in {"", "prohibit"}:
        members.add(("conflict", policy.conflict.encode()))
    for rule in (*policy.permissions, *policy.prohibitions, *policy.obligations):
        members |= set(_incomparable_parts(rule))
    strange = (rule for rule in policy.permissions if rule.action not in ACTIONS)
    return members | {("permission", canonical(normal_rule(rule))) for rule in strange}


def _incomparable_parts(rule: Rule) -> Iterator[tuple[str, bytes]]:
    for party in rule.parties:
        yield rule.action, canonical(list(party))
    for name, inside in members(rule):
        for inner in inside:
            if name != "duty":
                yield f"{rule.action} {name}", canonical(normal_rule(inner))
            yield from _incomparable_parts(inner)


def _check_keywords(body: Mapping[str, Any]) -> None:
    """Refuse members with a meaning only in JSON-LD (a context of its own, say): we would sign them unread."""
    for name in body:
        if name.startswith("@") and name not in _KEYWORDS:
            raise InvalidInput(f"agreement.{name[:80]} is not understood here")
    for nested in _inner_objects(body):
        for name in nested:
            if name.startswith("@") and name not in _KEYWORDS_OF_VALUES:
                raise InvalidInput(f"{name[:80]} in a rule of the agreement is not understood here")


def _remarks(body: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield members inside rules that are not terms (descriptions, additions of ours)."""
    for nested in _inner_objects(body):
        for name, value in nested.items():
            if ":" in name and not name.startswith("@") and not expand_term(name).startswith(ODRL):
                yield name, canonical(value)


def _inner_objects(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield all objects inside the policy proper. ``parse`` has limited its depth."""
    aside = foreign(body) | {TERMS}
    waiting = [value for name, value in body.items() if name not in aside]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            yield current
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current


def _check_terms(negotiation: Negotiation, terms: Any, me: str) -> None:
    """Check our own additional terms: the document that people read shows them, so they must be true and known."""
    ours = _only(terms, _OURS, "")
    for side, did in (("provider", negotiation.peer), ("consumer", me)):
        if side in ours and _only(ours[side], _OF_A_PARTY, side).get("did") != did:
            raise InvalidInput(f"the agreement's additional terms name another {side} than {did}")
    if "asset" in ours and _only(ours["asset"], _OF_THE_ASSET, "asset").get("iri") != negotiation.dataset:
        raise InvalidInput("the agreement's additional terms name another asset than its target")
    if "offer" in ours and ours["offer"] != negotiation.offer.get("@id"):
        raise InvalidInput("the agreement's additional terms name another offer than the current one")
    if ours.get("rulebook") is not None:
        _only(ours["rulebook"], _OF_A_RULEBOOK, "rulebook")


def _only(value: Any, names: frozenset[str], where: str) -> Mapping[str, Any]:
    path = f"agreement.{TERMS}" + (f".{where}" if where else "")
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{path} must be an object")
    strange = sorted(str(name) for name in value if name not in names)
    if strange:
        raise InvalidInput(f"{path}.{strange[0][:80]} is not understood here")
    return value


def _check_timestamp(negotiation: Negotiation, timestamp: Any, now: datetime, leeway: timedelta) -> None:
    try:
        at = moment(timestamp)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput("agreement.timestamp is not a date with a time") from error
    if at > now + leeway:
        raise InvalidInput(f"agreement.timestamp lies in the future: {timestamp}", remedy="check your clock")
    if at < negotiation.created - leeway:
        raise InvalidInput(
            f"agreement.timestamp lies before this negotiation: {timestamp}", remedy="check your clock"
        )
