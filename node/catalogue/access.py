"""Access to an asset: a code for lists, sentences for readers, the decision for a caller.

Seeing and using are two things. A record that a caller sees carries an *access code* that depends on the record
alone (so that the search index can be rebuilt to the same bytes). An identified caller also gets a decision of its
own, from the same decision point that later guards the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.catalogue.findings import CATALOGUE
from node.catalogue.model import Record
from node.identity.model import ANONYMOUS, Caller
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Reason, Situation
from node.policy.odrl import parse
from node.policy.rules import Constraint, Policy, leaves
from node.policy.terms import CREDENTIAL, DATE_TIME, MEMBERSHIP
from node.policy.words import sentences, summary

SituationOf = Callable[[Caller, datetime, str], Situation]
"""(caller, moment, provider's DID) → the situation that a policy is judged in, with the rulebook in force."""


_ANY_OFFER: Final = "urn:hansa:any-offer"
_ANY_ASSET: Final = "urn:hansa:any-asset"
_ANY_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)


class AccessCode(StrEnum):
    """The access to an asset as lists show it. ``REFUSED`` is only for a caller; no record itself has this code."""

    OPEN = "open"
    MEMBERS = "members"
    REQUEST = "request"
    NONE = "none"
    REFUSED = "refused"


def word(code: AccessCode, language: str = "en") -> str:
    """Return ``code`` in words."""
    return CATALOGUE.say(language, f"access.{code}")


def plain_situation(caller: Caller, at: datetime, provider: str) -> Situation:
    """A situation without rulebook and list of trusted issuers."""
    return Situation(caller=caller, at=at, provider=provider)


def access_code_of(record: Record) -> AccessCode:
    """Return the access code of ``record`` for everybody, as of the moment when it was published.

    ``open``: a stranger may use it. ``members``: a stranger lacks a membership or credential. ``request``: use
    of any other offered record needs a person's consent or some other fact.
    """
    if record.offer is None:
        return AccessCode.NONE
    offer = canonical(_terms_of(record.offer, record.iri))
    policy = _parse(offer)
    if policy is None:
        return AccessCode.NONE
    return _code_of(offer, record.at if _names_date(offer) else None, record.origin)


def _terms_of(offer: Mapping[str, Any], iri: str) -> Mapping[str, Any]:
    """Return ``offer`` with one id and target for all assets, as neither counts for the access code: an asset then
    has the code of the others with its terms. Unusual ones are left as they are."""
    offer_id = offer.get("@id")
    if not isinstance(offer_id, str) or "uid" in offer or offer.get("target", iri) != iri:
        return offer
    changes = {"@id": _ANY_OFFER, "target": _ANY_ASSET} if "target" in offer else {"@id": _ANY_OFFER}
    return {**offer, **changes}


@lru_cache(maxsize=512)
def _names_date(offer: bytes) -> bool:
    """Return whether an offer that is a policy has a condition about the moment."""
    policy = _parse(offer)
    return policy is not None and any(
        isinstance(leaf.content, Constraint) and leaf.content.left_operand == DATE_TIME for leaf in leaves(policy)
    )


@lru_cache(maxsize=1024)
def _code_of(offer: bytes, at: datetime | None, origin: str) -> AccessCode:
    """See ``access_code_of``: a list asks about the same terms again and again. ``at`` None: no matter when."""
    policy = _parse(offer)
    if policy is None:
        return AccessCode.NONE
    at = at or _ANY_MOMENT
    decision = decide(policy, plain_situation(ANONYMOUS, at, origin), action=principal_action(policy))
    if decision.permits:
        return AccessCode.OPEN
    if decision.refuses and any(reason.operand in (CREDENTIAL, MEMBERSHIP) for reason in decision.unmet):
        return AccessCode.MEMBERS
    return AccessCode.REQUEST


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return ``text`` with the names of participants in place of their DIDs."""
    # The DID of a host is the beginning of the DIDs below it: the longer ones are replaced first.
    for did in sorted(names, key=len, reverse=True):
        text = text.replace(did, names[did])
    return text


def decision_with_names(decision: Decision, names: Mapping[str, str]) -> Decision:
    """Return ``decision`` with names in place of DIDs in the texts of its reasons: people read names."""

    def reword(reason: Reason) -> Reason:
        return replace(
            reason,
            text={language: with_names(text, names) for language, text in reason.text.items()},
            remedy={language: with_names(text, names) for language, text in reason.remedy.items()},
            have=with_names(reason.have, names),
        )

    return replace(decision, reasons=tuple(reword(reason) for reason in decision.reasons))


class Access:
    """Answers about the use of records, for callers and in words."""

    def __init__(
        self, *, clock: Clock, situation: SituationOf = plain_situation, names: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        """``names`` gives DID → name of participants that are known here: people read names."""
        self._clock = clock
        self._situation = situation
        self._names = names

    def names(self) -> Mapping[str, str]:
        """Return the names of the participants that are known here, by DID."""
        return self._names()

    def with_names(self, text: str) -> str:
        """Return ``text`` with names in place of the DIDs that are known here."""
        return with_names(text, self._names())

    def decision(self, record: Record, caller: Caller) -> Decision | None:
        """Return the contract policy's decision for ``caller`` now, for people to read; None without an offer."""
        policy = _policy_of(record)
        if policy is None:
            return None
        situation = self._situation(caller, self._clock.now(), record.origin)
        decision = decide(policy, situation, action=principal_action(policy))
        return decision_with_names(decision, self._names())

    def code(self, record: Record, caller: Caller) -> AccessCode:
        """Return the access code of ``record`` for ``caller``.

        A stranger gets the general code of the record, and so does its own node: neither of them is judged as a
        particular participant.
        """
        general = access_code_of(record)
        if general is AccessCode.NONE or caller.is_anonymous or record.origin == caller.did:
            return general
        decision = self.decision(record, caller)
        if decision is None or decision.permits:
            return general
        return AccessCode.REQUEST if decision.asks else AccessCode.REFUSED

    def summary(self, record: Record, language: str = "en") -> str:
        """Return the conditions in one short sentence; empty if nothing is offered."""
        policy = _policy_of(record)
        return "" if policy is None else self.with_names(summary(policy, language, sealed=record.sealed))

    def sentences(self, record: Record, language: str = "en") -> Sequence[str]:
        """The conditions, one sentence each."""
        policy = _policy_of(record)
        if policy is None:
            return ()
        return tuple(self.with_names(sentence) for sentence in sentences(policy, language, kind=record.kind))


def _policy_of(record: Record) -> Policy | None:
    return None if record.offer is None else _parse(canonical(record.offer))


@lru_cache(maxsize=512)
def _parse(offer: bytes) -> Policy | None:
    # Offers of other nodes come in with their signed envelopes, unchecked. An offer that cannot be read as a
    # policy permits nothing, and must not break a list.
    try:
        return parse(json.loads(offer))
    except InvalidInput:
        return None
