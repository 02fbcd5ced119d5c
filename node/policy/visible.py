"""Visibility: the audiences that a caller belongs to.

The audience of an asset decides who may *see* it; its contract policy decides who may *use* it. An audience is
defined as data, in the rulebook or the settings: a name, and the credential that admits a caller. A caller outside an
asset's audience learns nothing of it, anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from node.identity.credentials.trust import TrustList
from node.identity.model import Caller

PUBLIC: Final = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceRule:
    """An audience: the holders of a credential of ``credential_type`` from one of ``issuers``.

    Without issuers, no caller belongs to it: an empty trust list trusts no issuer.
    """

    name: str
    credential_type: str
    issuers: tuple[str, ...]
    label: dict[str, str] = field(default_factory=dict)


def audiences_of(
    caller: Caller, rules: Iterable[AudienceRule], me: str, *, at: datetime | None = None
) -> frozenset[str] | None:
    """Return the audiences that ``caller`` belongs to; None for this node's own people, who see everything.

    ``me`` is this node's DID. ``at`` is the moment at which credentials must be in date; None if they have just been
    verified.
    """
    if caller.is_person or (caller.did is not None and caller.did == me):
        return None
    return frozenset({PUBLIC}) | {rule.name for rule in rules if _belongs(caller, rule, at)}


def _belongs(caller: Caller, rule: AudienceRule, at: datetime | None) -> bool:
    return any(
        credential.has_type(rule.credential_type)
        and credential.issuer in rule.issuers
        and _in_date(credential.valid_from, credential.valid_until, at)
        for credential in caller.credentials
    )


def _in_date(start: datetime, end: datetime | None, at: datetime | None) -> bool:
    if at is None:
        return True
    now = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return start <= now and (end is None or now < end)


def audience_rules(audiences: Mapping[str, str], trust: TrustList) -> tuple[AudienceRule, ...]:
    """Return the rules for ``audiences`` (name → type of credential), with the issuers that count now."""
    return tuple(
        AudienceRule(name=name, credential_type=kind, issuers=tuple(sorted(trust.issuers(kind))))
        for name, kind in audiences.items()
    )
